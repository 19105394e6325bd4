//! Bare sockets: a server that never answers, and requests written byte by byte.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use bytes::Bytes;
use http::Request;

use crate::STUCK;

/// A server that accepts every connection and never answers.
#[derive(Debug)]
pub struct Silent {
    addr: SocketAddr,
    accepted: Arc<Mutex<Vec<TcpStream>>>,
    stopped: Arc<AtomicBool>,
}

impl Silent {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let accepted = Arc::<Mutex<Vec<TcpStream>>>::default();
        let stopped = Arc::<AtomicBool>::default();
        let (kept, stop) = (Arc::clone(&accepted), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            }
        });
        Self { addr, accepted, stopped }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        let accepted = self.accepted.lock();
        accepted.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Closes every connection.
    pub fn hang_up(&self) {
        let accepted = self.accepted.lock();
        for stream in accepted.unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that the client has closed already is closed.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Only a connection brings the thread back from accepting.
        let _ = TcpStream::connect(self.addr);
    }
}

/// A server that answers as it is told, one answer after the other, and keeps what it was sent.
#[derive(Debug)]
pub struct Recorder {
    addr: SocketAddr,
    kept: Arc<Mutex<Vec<Received>>>,
    stopped: Arc<AtomicBool>,
}

/// A request as it came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// Its first line.
    pub line: String,
    /// Its headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    fn new(head: &str, body: Vec<u8>) -> Self {
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Self { line, headers: headers.collect(), body }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Recorder {
    /// Listens on a free port of 127.0.0.1, and gives these answers, each an HTTP status and JSON;
    /// what comes after them gets none.
    pub fn start(answers: impl IntoIterator<Item = (u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let kept = Arc::<Mutex<Vec<Received>>>::default();
        let stopped = Arc::<AtomicBool>::default();
        let (keep, stop) = (Arc::clone(&kept), Arc::clone(&stopped));
        let answers: Vec<_> = answers.into_iter().collect();
        thread::spawn(move || {
            let mut answers = answers.into_iter();
            for mut stream in listener.incoming().flatten() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let (head, body) = read_request(&mut stream);
                let received = Received::new(&head, body);
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(received);
                if let Some((status, body)) = answers.next() {
                    let answer = format!(
                        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n\
                         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(answer.as_bytes()).expect("the answer is taken");
                }
            }
        });
        Self { addr, kept, stopped }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What came, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Only a connection brings the thread back from accepting.
        let _ = TcpStream::connect(self.addr);
    }
}

/// A relay to a server that is named later; it counts the connections that were made to it.
#[derive(Debug)]
pub struct Relay {
    addr: SocketAddr,
    to: Arc<OnceLock<SocketAddr>>,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Relay {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let relay = Self {
            addr: listener.local_addr().expect("an address"),
            to: Arc::default(),
            connections: Arc::default(),
            stopped: Arc::default(),
        };
        let (to, connections) = (Arc::clone(&relay.to), Arc::clone(&relay.connections));
        let stopped = Arc::clone(&relay.stopped);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                connections.fetch_add(1, Ordering::AcqRel);
                let to = to.get().expect("where to relay");
                let far = TcpStream::connect(to).expect("a connection");
                let clone = |stream: &TcpStream| stream.try_clone().expect("a second handle");
                let ways = [(clone(&near), clone(&far)), (far, near)];
                for (mut from, mut to) in ways {
                    thread::spawn(move || {
                        // It ends when either side has had enough.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        relay
    }

    /// Relays to this address.
    pub fn to(&self, addr: SocketAddr) {
        self.to.set(addr).expect("it relays to one server");
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Only a connection brings the thread back from accepting.
        let _ = TcpStream::connect(self.addr);
    }
}

/// Writes a request to a socket, and gives what comes back until the other side closes.
pub fn raw_exchange(addr: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).expect("a connection");
    stream.set_read_timeout(Some(STUCK)).expect("a time limit");
    stream.write_all(request).expect("the request is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// Sends a request by hand, and gives the text of the answer, head and all.
pub fn post(addr: SocketAddr, request: &Request<Bytes>) -> String {
    let mut bytes = format!(
        "{} {} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\naccept: application/json\r\n\
         content-length: {}\r\n",
        request.method(),
        request.uri().path(),
        request.body().len()
    )
    .into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(request.body());
    String::from_utf8(raw_exchange(addr, &bytes)).expect("a text")
}

/// Reads one request, by its content-length, from a connection: the head and the body.
pub fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    stream.set_read_timeout(Some(STUCK)).expect("a time limit");
    next_request(stream).expect("a request")
}

/// The next request of a connection; an error when it ends, or ends early.
///
/// # Errors
///
/// Those of reading.
pub fn next_request(stream: &mut impl Read) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..read]);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head in ASCII");
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.trim().parse().expect("a length"));
        let body = &bytes[end + 4..];
        if body.len() >= length {
            return Ok((head, body[..length].to_vec()));
        }
    }
}
