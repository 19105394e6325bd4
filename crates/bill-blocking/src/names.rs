//! Looks names up on the calling thread, and not again for each call.
//!
//! ureq's own look-up starts a thread for every request that has a time limit. And it comes before
//! the look for a connection that is open already, so that every call would ask the system, which may
//! ask the network. An answer is therefore used again for a few seconds: a shorter time than addresses
//! are given out for, and a much shorter one than connections are kept. Once no connection can be made,
//! nothing is known any more.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bill_session_host::{Clock, SystemClock};
use http::Uri;
use http::uri::Scheme;
use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// As many addresses of one name as ureq takes.
const ADDRESSES: usize = 16;

/// How long an answer is used again.
const FRESH: Duration = Duration::from_secs(5);

/// How many names are known at once; an environment has two.
const NAMES: usize = 8;

/// The names that were looked up a moment ago, on a clock that counts the time a machine sleeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    known: Arc<Mutex<Vec<Known>>>,
    clock: SystemClock,
}

#[derive(Debug)]
struct Known {
    host: Box<str>,
    port: u16,
    since: Instant,
    addresses: Arc<[SocketAddr]>,
}

impl Names {
    /// Nothing that was looked up is used again.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    /// What `ask` answers, or has answered a moment ago.
    fn look_up(
        &self,
        host: &str,
        port: u16,
        now: Instant,
        ask: impl FnOnce() -> io::Result<Vec<SocketAddr>>,
    ) -> io::Result<Arc<[SocketAddr]>> {
        let fresh = |known: &Known| now.saturating_duration_since(known.since) < FRESH;
        let is_it = |known: &&Known| known.port == port && *known.host == *host && fresh(known);
        if let Some(known) = self.lock().iter().find(is_it) {
            return Ok(Arc::clone(&known.addresses));
        }
        // Without the lock: it can take a while, and others may know theirs.
        let addresses: Arc<[SocketAddr]> = ask()?.into();
        let mut known = self.lock();
        known.retain(|known| fresh(known) && !(known.port == port && *known.host == *host));
        if known.len() >= NAMES {
            known.remove(0);
        }
        known.push(Known {
            host: host.into(),
            port,
            since: now,
            addresses: Arc::clone(&addresses),
        });
        Ok(addresses)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or_else(|| Error::BadUri("it has no host".to_owned()))?;
        let usual = if uri.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(usual);
        let mut addresses = self.empty();
        let family = config.ip_family();
        let mut add = |found: &[SocketAddr]| {
            let wanted = family.keep_wanted(found.iter().copied());
            wanted.take(ADDRESSES).for_each(|address| addresses.push(address));
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            add(&[SocketAddr::new(address, port)]);
        } else {
            let ask = || (host, port).to_socket_addrs().map(Iterator::collect);
            let found = self.look_up(host, port, self.clock.now(), ask);
            add(&found.map_err(|_| Error::HostNotFound)?);
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

#[cfg(test)]
mod tests {
    use super::{FRESH, NAMES, Names};
    use std::cell::Cell;
    use std::io;
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Looks names up, and counts how often somebody had to be asked.
    struct Asked {
        names: Names,
        now: Cell<Instant>,
        times: Cell<u16>,
    }

    impl Asked {
        fn new() -> Self {
            let now = Cell::new(Instant::now());
            Self { names: Names::default(), now, times: Cell::new(0) }
        }

        fn look_up(&self, host: &str) -> u16 {
            let ask = || {
                self.times.set(self.times.get() + 1);
                Ok(vec![address(self.times.get())])
            };
            self.names.look_up(host, 443, self.now.get(), ask).unwrap()[0].port()
        }

        fn pass(&self, time: Duration) {
            self.now.set(self.now.get() + time);
        }
    }

    #[test]
    fn an_answer_is_used_again_for_a_few_seconds_and_no_longer() {
        let asked = Asked::new();
        assert_eq!(asked.look_up("one.example.com"), 1);
        asked.pass(FRESH - Duration::from_millis(1));
        assert_eq!(asked.look_up("one.example.com"), 1);
        // Its use does not make it younger.
        asked.pass(Duration::from_millis(1));
        assert_eq!(asked.look_up("one.example.com"), 2);
        assert_eq!(asked.look_up("one.example.com"), 2);
    }

    #[test]
    fn each_name_has_its_own_answer_and_the_oldest_gives_way() {
        let asked = Asked::new();
        let names: Vec<String> = (0..NAMES).map(|name| format!("{name}.example.com")).collect();
        for round in 0..2 {
            for (at, name) in names.iter().enumerate() {
                assert_eq!(usize::from(asked.look_up(name)), at + 1, "round {round}");
            }
        }
        let last = asked.look_up("another.example.com");
        assert_eq!(asked.look_up("another.example.com"), last);
        assert_eq!(asked.look_up(&names[1]), 2);
        assert_eq!(asked.look_up(&names[0]), last + 1);
    }

    #[test]
    fn what_led_nowhere_is_not_used_again() {
        let asked = Asked::new();
        assert_eq!(asked.look_up("one.example.com"), 1);
        asked.names.forget();
        assert_eq!(asked.look_up("one.example.com"), 2);
    }

    #[test]
    fn what_was_not_found_is_asked_for_again() {
        let asked = Asked::new();
        let failed = || Err(io::Error::other("no such name"));
        asked.names.look_up("one.example.com", 443, asked.now.get(), failed).unwrap_err();
        assert_eq!(asked.look_up("one.example.com"), 1);
    }
}
