//! The sandbox shares no code with the clients that are tested against it.

use std::process::Command;

use serde_json::Value;

#[test]
fn it_depends_on_no_other_crate_of_this_workspace() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .args(["--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let sandbox = packages.iter().find(|package| package["name"] == "bill-sandbox").unwrap();
    let dependencies = sandbox["dependencies"].as_array().unwrap();
    assert!(!dependencies.is_empty());
    for dependency in dependencies {
        let name = dependency["name"].as_str().unwrap();
        assert!(dependency.get("path").is_none_or(Value::is_null), "{name} is of this workspace");
    }
}
