//! Keeps the bodies of answers out of the HTTP library's own log.
//!
//! At the level of TRACE, ureq logs every byte of an answer, and the answer to a sign-in holds the
//! session's id. No setting turns that off. So the bodies are veiled before ureq sees them, each
//! byte turned over, and [`unveil`] turns them back once the answer is read. Heads and the frames
//! of chunks stay as they are, since ureq has to read those.
//!
//! The heads of requests go the other way: see `hidden.rs`.
//!
//! A body that this file delimits in another way than ureq comes out as garbage, which is no answer
//! of BILL's: an error, and nothing worse.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};

use crate::hidden::Hidden;

/// The longest head of an answer that is looked at.
const LONGEST_HEAD: usize = 64 << 10;

/// What most heads of answers fit into.
const USUAL_HEAD: usize = 512;

/// Turns a veiled body back.
pub(crate) fn unveil(body: &mut [u8]) {
    for byte in body {
        *byte = !*byte;
    }
}

/// Veils whatever comes through the connection that it is chained to.
#[derive(Debug)]
pub(crate) struct Veil {
    hidden: Hidden,
    /// Whether connections go through a proxy.
    is_proxied: bool,
}

impl Veil {
    pub(crate) fn new(hidden: Hidden, is_proxied: bool) -> Self {
        Self { hidden, is_proxied }
    }
}

impl<In: Transport> Connector<In> for Veil {
    type Out = Either<In, Veiled<In>>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let config = details.config;
        // ureq makes the connection to a proxy by the same connectors, with settings that have none.
        // What comes through it is TLS, which must stay as it is, and gets a veil of its own.
        let is_to_proxy = self.is_proxied && config.proxy().is_none();
        Ok(chained.map(|inner| {
            if is_to_proxy {
                return Either::A(inner);
            }
            let buffers = LazyBuffers::new(
                config.input_buffer_size().max(1),
                config.output_buffer_size().max(1),
            );
            let hidden = self.hidden.clone();
            Either::B(Veiled { inner, buffers, place: Place::head(), hidden, in_head: true })
        }))
    }
}

/// A connection whose answers are veiled.
pub(crate) struct Veiled<T> {
    inner: T,
    buffers: LazyBuffers,
    place: Place,
    hidden: Hidden,
    /// Whether what is sent next belongs to the head of a request.
    in_head: bool,
}

/// Sends bytes in pieces as large as the connection takes, and wipes them: they may be a password.
fn send(inner: &mut impl Transport, bytes: &mut [u8], timeout: NextTimeout) -> Result<(), Error> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let output = inner.buffers().output();
        let (now, later) = rest.split_at_mut(rest.len().min(output.len()));
        output[..now.len()].copy_from_slice(now);
        inner.transmit_output(now.len(), timeout)?;
        now.fill(0);
        rest = later;
    }
    Ok(())
}

impl<T: Transport> Transport for Veiled<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let sent = &mut self.buffers.output()[..amount];
        let revealed = if self.in_head {
            self.in_head = !sent.windows(4).any(|part| part == b"\r\n\r\n");
            self.hidden.reveal(sent)
        } else {
            None
        };
        match revealed {
            Some(mut revealed) => send(&mut self.inner, &mut revealed, timeout),
            None => send(&mut self.inner, sent, timeout),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let progress = self.inner.maybe_await_input(timeout)?;
        let arrived = self.inner.buffers().input();
        let free = self.buffers.input_append_buf();
        let amount = arrived.len().min(free.len());
        free[..amount].copy_from_slice(&arrived[..amount]);
        self.place.draw_over(&mut free[..amount]);
        // Behind an answer comes the head of the next request.
        self.in_head = true;
        self.buffers.input_appended(amount);
        self.inner.buffers().input_consume(amount);
        Ok(progress && amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T> fmt::Debug for Veiled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Veiled").finish_non_exhaustive()
    }
}

/// Where in the stream of answers the next byte belongs.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In a head, so far as it has come.
    Head(Vec<u8>),
    /// In a body, of which so much is left.
    Body(u64),
    /// In a body that ends with the connection.
    Rest,
    /// In the line that tells how long the next chunk is.
    ChunkSize(Vec<u8>),
    /// In a chunk, of which so much is left.
    Chunk(u64),
    /// In the line break behind a chunk.
    ChunkEnd,
    /// In the lines behind the last chunk; how long the present one is.
    Trailer(usize),
}

impl Place {
    /// Goes on by `bytes`, and turns over those that are a body's.
    fn draw_over(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = rest.len() as u64;
            let (mut passed, mut veiled) = (1, false);
            let byte = rest[0];
            let next = match self {
                Self::Body(left) | Self::Chunk(left) => {
                    let part = length.min(*left);
                    *left -= part;
                    (passed, veiled) = (usize::try_from(part).unwrap_or(rest.len()), true);
                    match self {
                        Self::Body(0) => Some(Self::head()),
                        Self::Chunk(0) => Some(Self::ChunkEnd),
                        _ => None,
                    }
                }
                Self::Rest => {
                    (passed, veiled) = (rest.len(), true);
                    None
                }
                Self::Head(head) => {
                    // It can only end where a line does.
                    let line = rest.iter().position(|byte| *byte == b'\n');
                    let line = line.map_or(rest.len(), |at| at + 1);
                    passed = line.min(LONGEST_HEAD - head.len());
                    head.extend_from_slice(&rest[..passed]);
                    let whole = head.ends_with(b"\r\n\r\n") || head.ends_with(b"\n\n");
                    if whole || head.len() >= LONGEST_HEAD { Some(behind(head)) } else { None }
                }
                Self::ChunkSize(line) => {
                    if byte == b'\n' {
                        Some(chunk(line))
                    } else {
                        line.truncate(LONGEST_HEAD);
                        line.push(byte);
                        None
                    }
                }
                Self::ChunkEnd => (byte == b'\n').then(|| Self::ChunkSize(Vec::new())),
                Self::Trailer(line) => match byte {
                    b'\n' if *line == 0 => Some(Self::head()),
                    b'\n' => Some(Self::Trailer(0)),
                    b'\r' => None,
                    _ => {
                        *line += 1;
                        None
                    }
                },
            };
            let (now, later) = rest.split_at_mut(passed);
            if veiled {
                unveil(now);
            }
            rest = later;
            if let Some(next) = next {
                *self = next;
            }
        }
    }

    fn head() -> Self {
        Self::Head(Vec::with_capacity(USUAL_HEAD))
    }
}

/// What comes behind a head.
fn behind(head: &[u8]) -> Place {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let status = lines.next().and_then(|line| line.split(|byte| *byte == b' ').nth(1));
    let status = status.unwrap_or_default();
    if status.starts_with(b"1") || status == b"204" || status == b"304" {
        return Place::head();
    }
    let mut length = None;
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"transfer-encoding") && is_chunked(value) {
            return Place::ChunkSize(Vec::new());
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(value.trim_ascii());
            length = value.ok().and_then(|value| value.parse().ok());
        }
    }
    match length {
        Some(0) => Place::head(),
        Some(length) => Place::Body(length),
        None => Place::Rest,
    }
}

fn is_chunked(encoding: &[u8]) -> bool {
    const CHUNKED: &[u8] = b"chunked";
    encoding.windows(CHUNKED.len()).any(|part| part.eq_ignore_ascii_case(CHUNKED))
}

/// What comes behind the line that tells a chunk's size.
fn chunk(line: &[u8]) -> Place {
    let line = String::from_utf8_lossy(line);
    let size = line.split(';').next().unwrap_or_default().trim();
    match u64::from_str_radix(size, 16) {
        Ok(0) => Place::Trailer(0),
        Ok(size) => Place::Chunk(size),
        Err(_) => Place::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, unveil};

    /// What ureq would see of a stream that arrives in pieces of this size.
    fn seen(stream: &[u8], piece: usize) -> Vec<u8> {
        let mut place = Place::head();
        let mut seen = stream.to_vec();
        seen.chunks_mut(piece).for_each(|bytes| place.draw_over(bytes));
        seen
    }

    fn veiled(body: &str) -> Vec<u8> {
        let mut body = body.as_bytes().to_vec();
        unveil(&mut body);
        body
    }

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn bodies_of_a_told_length_are_veiled_and_heads_are_not_however_they_arrive() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nx: secret\r\n\r\n";
        let stream = joined(&[head, b"secret", head, b"second"]);
        for piece in 1..=stream.len() {
            let expected = joined(&[head, &veiled("secret"), head, &veiled("second")]);
            assert_eq!(seen(&stream, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn chunks_are_veiled_and_their_frames_are_not() {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n";
        let stream =
            joined(&[head, b"6\r\nsecret\r\nA;x=y\r\nsecond one\r\n0\r\nt: v\r\n\r\n", head]);
        for piece in 1..=stream.len() {
            let expected = joined(&[
                head,
                b"6\r\n",
                &veiled("secret"),
                b"\r\nA;x=y\r\n",
                &veiled("second one"),
                b"\r\n0\r\nt: v\r\n\r\n",
                head,
            ]);
            assert_eq!(seen(&stream, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_body_without_a_length_is_veiled_to_the_end_of_the_connection() {
        let head = b"HTTP/1.0 200 OK\r\n\r\n";
        let stream = joined(&[head, b"secret\r\n\r\nsecret"]);
        let expected = joined(&[head, &veiled("secret\r\n\r\nsecret")]);
        assert_eq!(seen(&stream, 3), expected);
    }

    #[test]
    fn answers_without_a_body_are_followed_by_the_next_head() {
        for first in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nx: y\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ] {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n";
            let stream = joined(&[first.as_bytes(), head, b"secret"]);
            let expected = joined(&[first.as_bytes(), head, &veiled("secret")]);
            assert_eq!(seen(&stream, 5), expected, "{first}");
        }
    }

    #[test]
    fn what_cannot_be_delimited_is_veiled_rather_than_shown() {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let stream = joined(&[head, b"no number\r\nsecret"]);
        assert_eq!(seen(&stream, 4), joined(&[head, b"no number\r\n", &veiled("secret")]));
    }
}
