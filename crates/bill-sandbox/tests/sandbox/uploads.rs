//! Files are uploaded in both generations, and what is kept tells whether every byte has come.

use bill_sandbox::{DEMO_DEV_KEY, DEMO_ORG, Sandbox, Upload};

use crate::raw_http::DEMO_LOGIN;
use crate::raw_http::{Reply, exchange, receive, request, send, sign_in};
use crate::raw_v3::{v3_request, v3_sign_in};

const BILL: &str = "00n01000000000000001";
const CONTENT: &str = "%PDF-1.7\r\n--not a boundary\r\nthe end";

/// A form of several parts; a part whose name is `file` has a file name as well.
fn multipart(parts: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in parts {
        let file = if *name == "file" {
            "; filename=\"x.pdf\"\r\ncontent-type: application/pdf"
        } else {
            ""
        };
        let head = format!("content-disposition: form-data; name=\"{name}\"{file}");
        body.push_str(&format!("--xyz\r\n{head}\r\n\r\n{value}\r\n"));
    }
    body.push_str("--xyz--\r\n");
    let content_type = "multipart/form-data; boundary=xyz";
    request("POST", "/api/v2/UploadAttachment.json", content_type, &body)
}

fn attach(sandbox: &Sandbox, session: &str, data: &str, content: &str) -> Reply {
    let parts =
        [("devKey", DEMO_DEV_KEY), ("sessionId", session), ("file", content), ("data", data)];
    exchange(sandbox, &multipart(&parts))
}

fn upload(sandbox: &Sandbox, session: &str, path: &str, content: &str) -> Reply {
    let headers =
        [("sessionId", session), ("devKey", DEMO_DEV_KEY), ("content-type", "application/pdf")];
    exchange(sandbox, &v3_request("POST", path, &headers, content))
}

#[test]
fn a_file_is_attached_in_v2_as_a_part_of_a_form() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let data = format!(r#"{{"id":"{BILL}","fileName":"x.pdf"}}"#);
    let id = attach(&sandbox, &session, &data, CONTENT).data()["documentUploadedId"].clone();
    let [kept] = &sandbox.uploads()[..] else { panic!("one upload") };
    assert_eq!((kept.id.as_str(), kept.name.as_str()), (id.as_str().unwrap(), "x.pdf"));
    assert_eq!((kept.object.as_str(), kept.organization.as_str()), (BILL, DEMO_ORG));
    assert_eq!(kept.length, CONTENT.len() as u64);
    assert_eq!(kept.checksum, Upload::checksum_of(CONTENT.as_bytes()));
    assert_eq!(sandbox.stats().uploads, 1);
    assert!(sandbox.stats().violations().is_empty());
}

#[test]
fn a_file_is_uploaded_in_v3_as_the_body() {
    let sandbox = Sandbox::start().unwrap();
    let session = v3_sign_in(&sandbox);
    let path = format!("documents/bills/{BILL}?name=a%20b%2B%C3%A9.pdf");
    let reply = upload(&sandbox, &session, &path, CONTENT);
    let id = reply.found()["uploadId"].clone();
    let [kept] = &sandbox.uploads()[..] else { panic!("one upload") };
    assert_eq!((kept.id.as_str(), kept.name.as_str()), (id.as_str().unwrap(), "a b+é.pdf"));
    assert_eq!((kept.length, kept.object.as_str()), (CONTENT.len() as u64, BILL));
    assert_eq!(kept.checksum, Upload::checksum_of(CONTENT.as_bytes()));
    assert_eq!(sandbox.journal()[1].operation, "v3/Upload/bills");
}

#[test]
fn an_upload_that_cannot_be_kept_is_refused() {
    let sandbox = Sandbox::builder().largest_file(40).start().unwrap();
    let session = v3_sign_in(&sandbox);
    let v3 = |path: &str, content: &str| upload(&sandbox, &session, path, content).error();
    assert_eq!(v3("documents/bills/00nx?name=x", "x"), (404, "BDC_1002".to_owned()));
    let path = format!("documents/bills/{BILL}");
    assert_eq!(v3(&path, "x"), (422, "BDC_1002".to_owned()));
    let large = "x".repeat(41);
    let path = format!("{path}?name=x");
    assert_eq!(v3(&path, &large), (413, "SANDBOX_BODY_TOO_LARGE".to_owned()));
    assert_eq!(upload(&sandbox, "made-up", &path, "x").error().1, "BDC_1109");

    let data = format!(r#"{{"id":"{BILL}","fileName":"x.pdf"}}"#);
    let v2 = |data: &str, content: &str| attach(&sandbox, &session, data, content).code();
    assert_eq!(v2(&data, &large), "SANDBOX_BODY_TOO_LARGE");
    assert_eq!(v2(r#"{"id":"none","fileName":"x"}"#, "x"), "BDC_1002");
    assert_eq!(v2(r#"{"id":"none"}"#, "x"), "BDC_1002");
    assert!(sandbox.uploads().is_empty());
    upload(&sandbox, &session, &path, &large[..40]).found();
}

#[test]
fn a_form_of_several_parts_is_as_strict_as_any_other() {
    let sandbox = Sandbox::start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let (key, id) = (("devKey", DEMO_DEV_KEY), ("sessionId", session.as_str()));
    let (file, data) = (("file", "x"), ("data", "{}"));
    let refused = |raw: &str| exchange(&sandbox, raw).code();
    assert_eq!(refused(&multipart(&[key, id, data])), "SANDBOX_MISSING_FIELD");
    assert_eq!(refused(&multipart(&[key, file, data])), "SANDBOX_MISSING_FIELD");
    assert_eq!(refused(&multipart(&[key, id, id, file, data])), "SANDBOX_REPEATED_FIELD");
    assert_eq!(refused(&multipart(&[key, id, file, file, data])), "SANDBOX_MALFORMED_FORM");
    assert_eq!(refused(&multipart(&[key, id, file, data, ("x", "y")])), "SANDBOX_UNEXPECTED_FIELD");
    let whole = multipart(&[key, id, file, data]);
    assert_eq!(refused(&whole.replace("--xyz--", "--xyz-x")), "SANDBOX_MALFORMED_FORM");
    assert_eq!(refused(&whole.replace("; boundary=xyz", "")), "SANDBOX_MALFORMED_FORM");
    let form = whole.replace("multipart/form-data; boundary=xyz", "text/plain");
    assert_eq!(refused(&form), "SANDBOX_WRONG_CONTENT_TYPE");
    assert_eq!(refused(&whole), "BDC_1002");
}

#[test]
fn a_file_on_its_way_in_v3_is_in_flight_and_takes_a_place() {
    let sandbox = Sandbox::builder().concurrent_calls(Some(1)).start().unwrap();
    let session = v3_sign_in(&sandbox);
    let headers = [("sessionId", session.as_str()), ("devKey", DEMO_DEV_KEY)];
    let path = format!("documents/bills/{BILL}?name=x");
    let whole = v3_request("POST", &path, &headers, CONTENT);
    let (begun, rest) = whole.split_at(whole.len() - 4);
    let mut stream = send(&sandbox, begun);
    sandbox.wait_until(|stats| stats.in_flight == 1).unwrap();
    let list = v3_request("GET", "vendors", &headers, "");
    assert_eq!(exchange(&sandbox, &list).error().1, "BDC_1322");
    std::io::Write::write_all(&mut stream, rest.as_bytes()).unwrap();
    receive(stream).found();

    let stream = send(&sandbox, begun);
    sandbox.wait_until(|stats| stats.in_flight == 1).unwrap();
    drop(stream);
    sandbox.wait_until(|stats| stats.in_flight == 0).unwrap();
    assert_eq!(sandbox.uploads().len(), 1);
    let outcome = sandbox.journal().last().unwrap().outcome.clone();
    assert_eq!(outcome.as_deref(), Some("broken_request"));
}
