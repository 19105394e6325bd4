//! Nothing is ever sent anywhere but to the configured BILL, whoever suggests it.

use std::env;
use std::future::ready;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use bill_async::reqwest::dns::{Name, Resolve, Resolving};
use bill_conformance::{Adapter, Op, SECOND, Silent, World};
use bill_sandbox::{Fault, FaultKind};
use bill_session_core::{Cause, Environment, Error, ForeignAnswer, ForeignKind, Phase};

const REDIRECTS: [u16; 6] = [300, 301, 302, 303, 307, 308];

fn redirect(status: u16, elsewhere: &Silent) -> FaultKind {
    FaultKind::Redirect { status, location: format!("{}/api/v2/Login.json", elsewhere.origin()) }
}

fn assert_redirect(answer: &ForeignAnswer, status: u16) {
    assert_eq!(answer.status.as_u16(), status);
    let ForeignKind::Redirect { host } = &answer.kind else {
        panic!("{answer:?}");
    };
    assert_eq!(host.as_deref(), Some("127.0.0.1"));
}

pub(crate) fn a_redirect_of_a_call_is_never_followed(adapter: Adapter) {
    let elsewhere = Silent::start();
    let world = World::new(adapter);
    world.sign_in().unwrap();
    for status in REDIRECTS {
        let fault = Fault::new(redirect(status, &elsewhere)).on("GetSessionInfo");
        world.sandbox.fault(fault);
        let error = world.call().unwrap_err();
        let Error::NotBill { answer, .. } = &error else {
            panic!("{error:?}");
        };
        assert_redirect(answer, status);
        assert!(error.to_string().contains("never followed"), "{error}");
    }
    assert_eq!(elsewhere.connections(), 0);
    assert_eq!(world.sessions_of("GetSessionInfo"), [1; 6]);
}

pub(crate) fn a_redirect_of_a_sign_in_is_never_followed(adapter: Adapter) {
    let elsewhere = Silent::start();
    for status in REDIRECTS {
        let world = World::new(adapter);
        let fault = Fault::new(redirect(status, &elsewhere)).on("Login");
        world.sandbox.fault(fault);
        let error = world.call().unwrap_err();
        let Error::NoSession { cause, retry_after: Some(_), .. } = &error else {
            panic!("{error:?}");
        };
        let Cause::NotBill(answer) = &**cause else {
            panic!("{cause:?}");
        };
        assert_redirect(answer, status);
        // A captive portal's redirect is no verdict on the credentials.
        world.advance(2 * SECOND);
        world.call().unwrap();
        assert_eq!(world.sign_ins(), 2);
    }
    assert_eq!(elsewhere.connections(), 0);
}

pub(crate) fn a_foreign_api_end_point_is_not_followed_and_named(adapter: Adapter) {
    let elsewhere = Silent::start();
    let foreign = [
        (format!("{}/api/v2", elsewhere.origin()), "127.0.0.1"),
        ("https://api.bill.com.example.net/api/v2".to_owned(), "api.bill.com.example.net"),
        ("https://api.bill.com/api/v2".to_owned(), "api.bill.com"),
    ];
    for (url, host) in foreign {
        let world = World::new(adapter);
        world.sandbox.fault(Fault::new(FaultKind::ForeignApiEndPoint { url }).on("Login"));
        world.call().unwrap();
        assert_eq!(world.client().not_followed().as_deref(), Some(host));
        let base = format!("{}/api/v2", world.sandbox.origin());
        assert_eq!(world.client().api(), Some(base));
        assert_eq!(world.sessions_of("GetSessionInfo"), [1]);
        // The next sign-in names the configured base, and the warning is gone.
        world.sandbox.lose_sessions();
        world.call().unwrap();
        assert_eq!(world.client().not_followed(), None);
    }
    assert_eq!(elsewhere.connections(), 0);
}

pub(crate) fn the_configured_api_end_point_is_followed(adapter: Adapter) {
    let world = World::new(adapter);
    world.call().unwrap();
    assert_eq!(world.client().not_followed(), None);
}

pub(crate) fn a_proxy_of_the_environment_is_not_used_for_loopback(adapter: Adapter) {
    const INSIDE: &str = "BILL_TEST_INSIDE_A_PROXY_ENVIRONMENT";
    if env::var_os(INSIDE).is_some() {
        let world = World::new(adapter);
        world.run(&Op::list("Vendor")).unwrap();
        return;
    }
    let proxy = Silent::start();
    let subject = match adapter {
        Adapter::Async => "over_async",
        Adapter::Blocking => "over_blocking",
    };
    let name = "elsewhere::a_proxy_of_the_environment_is_not_used_for_loopback";
    // The environment belongs to the whole process, so this very test runs again in a child.
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", &format!("{subject}::{name}")]);
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(variable, proxy.origin());
    }
    for variable in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(variable);
    }
    let output = child.env(INSIDE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    assert_eq!(proxy.connections(), 0);
}

/// An origin on loopback where nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

pub(crate) fn a_refused_connection_is_told_as_such(adapter: Adapter) {
    let world = World::with(adapter, |setup| setup.origin = Some(closed()));
    let error = world.call().unwrap_err();
    let Error::NoSession { cause, .. } = &error else {
        panic!("{error:?}");
    };
    let Cause::NoAnswer(transport) = &**cause else {
        panic!("{cause:?}");
    };
    assert!(transport.is_connect() && !transport.is_lookup(), "{transport:?}");
    assert!(error.to_string().contains("no connection was made"), "{error}");
    assert!(matches!(world.phase(), Phase::Failed { .. }));
}

pub(crate) fn a_server_that_speaks_no_tls_was_sent_nothing(adapter: Adapter) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        // The client may have hung up already, and then it was told as much.
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let world = World::with(adapter, |setup| setup.origin = Some(origin.clone()));
    let error = world.sign_in().unwrap_err();
    // A machine without certificates does not even knock.
    drop(TcpStream::connect(origin.trim_start_matches("https://")));
    server.join().unwrap();
    let Error::NoSession { cause, .. } = &error else {
        panic!("{error:?}");
    };
    let Cause::NoAnswer(transport) = &**cause else {
        panic!("{cause:?}");
    };
    assert!(transport.is_connect(), "{transport:?}");
}

/// A resolver that knows no name, so that no test asks the network for one.
#[derive(Debug)]
struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(ready(Err("there is no such name".into())))
    }
}

pub(crate) fn an_unknown_host_is_told_as_such(adapter: Adapter) {
    let error = match adapter {
        Adapter::Async => {
            let environment = Environment::custom("https://bill.invalid").unwrap();
            let client = bill_async::Client::builder(environment, World::credentials())
                .reqwest(|builder| builder.dns_resolver(Arc::new(NoNames)))
                .build();
            World::new_runtime().block_on(client.sign_in())
        }
        Adapter::Blocking => {
            // ureq's resolver is the adapter's own. The machine's refuses a label that is longer
            // than DNS allows without asking anybody.
            let host = format!("https://{}.invalid", "a".repeat(64));
            World::with(adapter, |setup| setup.origin = Some(host)).sign_in()
        }
    };
    let error = error.unwrap_err();
    let Error::NoSession { cause, .. } = &error else {
        panic!("{error:?}");
    };
    let Cause::NoAnswer(transport) = &**cause else {
        panic!("{cause:?}");
    };
    assert!(transport.is_lookup() && transport.is_connect(), "{transport:?}");
    let text = error.to_string();
    assert!(text.contains("the host's name was not found"), "{text}");
}
