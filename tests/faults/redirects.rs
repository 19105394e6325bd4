//! No redirect is followed, wherever it leads; nothing reaches the place that it names.

use std::sync::Arc;

use bill_conformance::{Adapter, Silent};
use bill_session_core::ForeignKind;
use rustls::ServerConfig;

use crate::answers::{answer, answer_with, body_of};
use crate::authority::Authority;
use crate::cell::{Cell, assert_all};
use crate::outcome::Outcome::{NotBill, Served};
use crate::outcome::Step;
use crate::party::{Limits, Party};
use crate::server::{Front, Reply, Server};
use crate::trusting::in_a_process_that_trusts;
use crate::wire::Handshake;

/// All that redirect, have redirected, or could be taken for it.
const STATUSES: [u16; 9] = [300, 301, 302, 303, 304, 305, 306, 307, 308];

/// Where a redirect leads.
#[derive(Clone, Copy, Debug)]
enum To {
    SamePath,
    SameHost,
    OtherHost,
    OtherHostWithoutScheme,
    /// From TLS to none, on the same address.
    PlainHttp,
    /// To the next host over TLS.
    OtherTls,
}

const PLACES: [To; 6] = [
    To::SamePath,
    To::SameHost,
    To::OtherHost,
    To::OtherHostWithoutScheme,
    To::PlainHttp,
    To::OtherTls,
];

impl To {
    fn name(self) -> &'static str {
        match self {
            Self::SamePath => "another path",
            Self::SameHost => "the same host",
            Self::OtherHost => "another host",
            Self::OtherHostWithoutScheme => "another host without a scheme",
            Self::PlainHttp => "plain HTTP from HTTPS",
            Self::OtherTls => "another host over TLS",
        }
    }

    fn is_from_https(self) -> bool {
        matches!(self, Self::PlainHttp | Self::OtherTls)
    }

    /// The location, and the host that the program is told.
    fn location(self, own: &str, elsewhere: &str) -> (String, Option<&'static str>) {
        let port = elsewhere.rsplit(':').next().unwrap();
        let path = "api/v2/Login.json";
        match self {
            Self::SamePath => (format!("/moved/{path}"), None),
            Self::SameHost => (format!("{own}/moved/{path}"), Some("127.0.0.1")),
            Self::OtherHost => (format!("http://localhost:{port}/{path}"), Some("localhost")),
            Self::OtherHostWithoutScheme => (format!("//localhost:{port}/{path}"), None),
            Self::PlainHttp => (format!("{elsewhere}/{path}"), Some("127.0.0.1")),
            Self::OtherTls => (format!("https://localhost:{port}/{path}"), Some("localhost")),
        }
    }
}

pub(crate) fn cells(authority: &Authority) -> Vec<Cell> {
    let good = authority.good(&["127.0.0.1", "localhost"]).served();
    let mut cells = Vec::new();
    for status in STATUSES {
        for to in PLACES {
            for step in Step::BOTH {
                let (name, good) = (to.name(), Arc::clone(&good));
                let name = format!("redirects / {status} to {name} / {}", step.name());
                cells.push(Cell::new(name, move |adapter| {
                    redirect(adapter, step, status, to, &good);
                }));
            }
        }
    }
    cells
}

fn redirect(adapter: Adapter, step: Step, status: u16, to: To, good: &Arc<ServerConfig>) {
    let elsewhere = Silent::start();
    let place = elsewhere.origin();
    let front = match to.is_from_https() {
        true => Front::Tls(vec![Handshake::Tls(Arc::clone(good))]),
        false => Front::Plain,
    };
    let mut redirects = 1;
    let server = Server::start_knowing_itself(front, move |own, path| {
        if path == step.path() && redirects > 0 {
            redirects -= 1;
            let (location, _) = to.location(own, &place);
            let headers = format!("location: {location}\r\n");
            return Reply::Bytes(answer_with(&format!("{status} Moved"), &headers, ""));
        }
        Reply::Bytes(answer(body_of(path)))
    });
    let party = Party::new(adapter, &server.origin(), Limits::LONG);
    if step == Step::Call {
        assert_eq!(party.does(Step::SignIn), Served, "the first sign-in");
    }
    let (_, host) = to.location("http://127.0.0.1", "http://127.0.0.1:1");
    let kind = ForeignKind::Redirect { host: host.map(str::to_owned) };
    assert_eq!(party.does(step), NotBill(status, kind));
    assert_eq!(server.told().sent_to(step.path()), 1, "it is sent once");
    party.wait();
    assert_eq!(party.does(Step::Call), Served, "afterwards");
    // Every request went where it belongs, and none to the place that was named.
    let requests = server.told().requests;
    let own = |line: &&String| Step::BOTH.iter().any(|step| line.contains(step.path()));
    assert!(!requests.iter().any(|line| line.contains("moved")), "{requests:?}");
    assert_eq!((requests.iter().filter(own).count(), requests.len()), (3, 3), "{requests:?}");
    assert_eq!(elsewhere.connections(), 0, "connections elsewhere");
}

#[test]
fn no_redirect_is_followed_wherever_it_leads() {
    let name = "redirects::no_redirect_is_followed_wherever_it_leads";
    in_a_process_that_trusts(name, &[], |authority| assert_all(&cells(authority)));
}
