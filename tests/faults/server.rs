//! A server on loopback whose answers are written byte by byte, over TCP, TLS, or behind a proxy.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use bill_conformance::{STUCK, next_request};

use crate::wire::{Handshake, Stream, Tap, Wire, encrypted, read_to_the_end};

/// What stands between the socket and HTTP.
#[derive(Clone)]
pub(crate) enum Front {
    Plain,
    /// Each connection begins with the next of these; the last stays.
    Tls(Vec<Handshake>),
    /// Each connection begins with a `CONNECT`, which the next of these answers.
    Proxy {
        /// Of a proxy that is spoken to over TLS.
        own: Option<Handshake>,
        ways: Vec<Way>,
    },
}

/// What a proxy makes of a `CONNECT`.
#[derive(Clone)]
pub(crate) enum Way {
    /// Behind this answer comes the handshake, and then the server itself.
    Tunnel(&'static str, Handshake),
    /// It answers this, and hangs up.
    Refusal(&'static str),
    /// It answers this again and again.
    Flood(&'static str),
    Silence,
}

/// The answer of a proxy that has made a tunnel.
pub(crate) const TUNNEL: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// What a request is answered with.
pub(crate) enum Reply {
    /// The connection stays open for the next.
    Bytes(Vec<u8>),
    /// Whatever this does; then the connection is closed.
    Script(Box<dyn FnOnce(&mut Wire) + Send>),
    /// These bytes, and then whatever this does before the next request is read.
    Then(Vec<u8>, Box<dyn FnOnce(&mut Wire) + Send>),
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    addr: SocketAddr,
    scheme: &'static str,
    seen: Arc<Seen>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
pub(crate) struct Seen {
    stopped: AtomicBool,
    told: Mutex<Told>,
    changed: Condvar,
}

/// What has arrived so far.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) connections: usize,
    /// Handshakes that came to their end.
    pub(crate) handshakes: usize,
    /// The first lines of the requests, in order.
    pub(crate) requests: Vec<String>,
    /// The heads that asked for a tunnel.
    pub(crate) tunnels: Vec<String>,
    /// The bodies of the requests, one behind the other.
    pub(crate) bodies: Vec<u8>,
    /// Every byte as it came: from the network, or to a proxy.
    pub(crate) raw: Vec<u8>,
    /// Whether a script has come to where it lets the test go on.
    pub(crate) is_ready: bool,
    /// Whether something came on the connection that a script was waiting at, once that is known.
    pub(crate) came: Option<bool>,
}

impl Told {
    /// How many requests came for this path.
    pub(crate) fn sent_to(&self, path: &str) -> usize {
        self.requests.iter().filter(|line| line.split(' ').nth(1) == Some(path)).count()
    }
}

impl Server {
    /// Listens on a free port of 127.0.0.1; `reply` is told the path of each request.
    pub(crate) fn start(
        front: Front,
        mut reply: impl FnMut(&str) -> Reply + Send + 'static,
    ) -> Self {
        Self::start_knowing_itself(front, move |_, path| reply(path))
    }

    /// The same, where `reply` is told the server's own origin too.
    pub(crate) fn start_knowing_itself(
        front: Front,
        reply: impl FnMut(&str, &str) -> Reply + Send + 'static,
    ) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), front, reply)
    }

    /// The same, on a listener of one's own.
    pub(crate) fn listen(
        listener: TcpListener,
        front: Front,
        mut reply: impl FnMut(&str, &str) -> Reply + Send + 'static,
    ) -> Self {
        let addr = listener.local_addr().unwrap();
        let scheme = if matches!(front, Front::Plain) { "http" } else { "https" };
        let seen = Arc::<Seen>::default();
        let origin = format!("{scheme}://{addr}");
        let reply = Arc::new(Mutex::new(move |path: &str| reply(&origin, path)));
        let serving = Arc::clone(&seen);
        let listening = thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                if serving.stopped.load(Ordering::Acquire) {
                    return;
                }
                let number = serving.tell(|told| {
                    told.connections += 1;
                    told.connections
                });
                let (front, seen, reply) =
                    (front.clone(), Arc::clone(&serving), Arc::clone(&reply));
                // A connection that ends is over; what came on it has been told.
                thread::spawn(move || {
                    let _ = serve(tcp, number, front, &seen, &*reply);
                });
            }
        });
        Self { addr, scheme, seen, listening: Some(listening) }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Such as `https://127.0.0.1:PORT`, if it speaks TLS.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    pub(crate) fn told(&self) -> Told {
        self.seen.lock().clone()
    }

    /// Listens no longer: whoever connects is refused.
    pub(crate) fn stop(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.seen.stopped.store(true, Ordering::Release);
        // Only a connection brings the thread back from accepting.
        let _ = TcpStream::connect(self.addr);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }

    /// Waits until something is so.
    pub(crate) fn wait_until(&self, what: &str, there: impl Fn(&Told) -> bool) {
        let waiting =
            self.seen.changed.wait_timeout_while(self.seen.lock(), STUCK, |told| !there(told));
        assert!(!waiting.unwrap().1.timed_out(), "waited in vain until {what}");
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    pub(crate) fn tell<T>(&self, what: impl FnOnce(&mut Told) -> T) -> T {
        let told = what(&mut self.lock());
        self.changed.notify_all();
        told
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(
    tcp: TcpStream,
    number: usize,
    front: Front,
    seen: &Arc<Seen>,
    reply: &Mutex<impl FnMut(&str) -> Reply>,
) -> io::Result<()> {
    tcp.set_read_timeout(Some(STUCK))?;
    tcp.set_nodelay(true)?;
    let bare = || tcp.try_clone();
    let stream: Box<dyn Stream> = match front {
        Front::Plain => Box::new(Tap::of(bare()?, seen)),
        Front::Tls(shakes) => {
            let tap = Tap::of(bare()?, seen);
            let tls = encrypted(tap, nth(&shakes, number))?;
            seen.tell(|told| told.handshakes += 1);
            Box::new(tls)
        }
        Front::Proxy { own, ways } => {
            let near: Box<dyn Stream> = match own {
                Some(shake) => Box::new(encrypted(bare()?, &shake)?),
                None => Box::new(bare()?),
            };
            let mut tap = Tap::of(near, seen);
            let (head, _) = next_request(&mut tap)?;
            seen.tell(|told| told.tunnels.push(head));
            match nth(&ways, number) {
                Way::Tunnel(answer, shake) => {
                    tap.write_all(answer.as_bytes())?;
                    tap.flush()?;
                    let tls = encrypted(tap, shake)?;
                    seen.tell(|told| told.handshakes += 1);
                    Box::new(tls)
                }
                Way::Refusal(answer) => {
                    tap.write_all(answer.as_bytes())?;
                    return tap.flush();
                }
                Way::Flood(answer) => loop {
                    tap.write_all(answer.as_bytes())?;
                    tap.flush()?;
                },
                Way::Silence => return read_to_the_end(&mut tap),
            }
        }
    };
    let mut wire = Wire { stream, tcp, seen: Arc::clone(seen), ended: false };
    while !wire.ended {
        let (head, body) = next_request(&mut wire.stream)?;
        let line = head.lines().next().unwrap_or_default().to_owned();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.tell(|told| {
            told.requests.push(line);
            told.bodies.extend_from_slice(&body);
        });
        let reply = (*reply.lock().unwrap())(&path);
        match reply {
            Reply::Bytes(bytes) => wire.stream.write_all(&bytes)?,
            Reply::Then(bytes, then) => {
                wire.stream.write_all(&bytes)?;
                wire.stream.flush()?;
                then(&mut wire);
            }
            Reply::Script(script) => {
                script(&mut wire);
                return Ok(());
            }
        }
        wire.stream.flush()?;
    }
    Ok(())
}

/// What belongs to the connection of this number, which counts from 1.
fn nth<T>(all: &[T], number: usize) -> &T {
    all.get(number - 1).or(all.last()).unwrap()
}
