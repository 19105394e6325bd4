//! A connection of a server's, in the hands of a script: over TCP, TLS, or TLS within TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bill_conformance::MILLISECOND;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use crate::server::Seen;

/// How a server answers the hello of a client.
#[derive(Clone)]
pub(crate) enum Handshake {
    Tls(Arc<ServerConfig>),
    /// With something else, after which it hangs up.
    Bytes(Vec<u8>),
    Silence,
}

/// Behind a handshake, if that succeeds.
pub(crate) fn encrypted<S: Stream>(
    mut stream: S,
    shake: &Handshake,
) -> io::Result<StreamOwned<ServerConnection, S>> {
    let config = match shake {
        Handshake::Tls(config) => Arc::clone(config),
        Handshake::Bytes(bytes) => {
            let _ = stream.read(&mut [0; 4_096])?;
            stream.write_all(bytes)?;
            stream.flush()?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Handshake::Silence => {
            read_to_the_end(&mut stream)?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        if tls.complete_io(&mut stream)? == (0, 0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(StreamOwned::new(tls, stream))
}

pub(crate) fn read_to_the_end(stream: &mut impl Read) -> io::Result<()> {
    while stream.read(&mut [0; 1_024])? > 0 {}
    Ok(())
}

/// What bytes go through.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A stream that tells what comes over it.
pub(crate) struct Tap<S> {
    stream: S,
    seen: Arc<Seen>,
}

impl<S: Stream> Tap<S> {
    pub(crate) fn of(stream: S, seen: &Arc<Seen>) -> Self {
        Self { stream, seen: Arc::clone(seen) }
    }
}

impl<S: Stream> Read for Tap<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.seen.tell(|told| told.raw.extend_from_slice(&buffer[..read]));
        Ok(read)
    }
}

impl<S: Stream> Write for Tap<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A connection in the hands of a script.
pub(crate) struct Wire {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) tcp: TcpStream,
    pub(crate) seen: Arc<Seen>,
    /// Whether a script has ended it.
    pub(crate) ended: bool,
}

impl Wire {
    /// Sends bytes; false once the client does not take them any more.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Sends the same bytes again and again, until the client hangs up.
    pub(crate) fn flood(&mut self, bytes: impl AsRef<[u8]>) {
        let many = bytes.as_ref().repeat(64);
        while self.send(&many) {}
    }

    /// Sends the bytes one by one with a pause before each, as long as the client takes them.
    pub(crate) fn drip(&mut self, bytes: &[u8], pause: Duration) {
        for byte in bytes {
            if !self.pause(pause) || !self.send([*byte]) {
                return;
            }
        }
    }

    /// Lets some real time pass; false once the client has hung up.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        self.tcp.set_read_timeout(Some(pause)).unwrap();
        // Nothing comes but the end, so that to read is to wait for either.
        match (&self.tcp).read(&mut [0]) {
            Ok(read) => read > 0,
            Err(error) => {
                matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
            }
        }
    }

    /// Ends with a TCP reset.
    pub(crate) fn reset(&mut self) {
        SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO)).unwrap();
        self.ended = true;
    }

    /// Sends no more, and goes on listening until the client hangs up.
    pub(crate) fn half_close(&mut self) {
        // One that the client has closed already is closed.
        let _ = self.tcp.shutdown(Shutdown::Write);
        self.wait_for_hang_up();
    }

    /// Waits until the client hangs up.
    pub(crate) fn wait_for_hang_up(&mut self) {
        // However it ends, it has ended.
        let _ = read_to_the_end(&mut self.tcp);
    }

    /// Lets the test go on, waits for the first byte of what comes next, and leaves it there.
    pub(crate) fn wait_for_more(&mut self) {
        self.ready();
        let came = self.tcp.peek(&mut [0]).is_ok_and(|bytes| bytes > 0);
        self.seen.tell(|told| told.came = Some(came));
    }

    /// Closes an idle connection, and lets the test go on once the client can know.
    pub(crate) fn close_idle(&mut self) {
        let _ = self.tcp.shutdown(Shutdown::Write);
        // A client that watches its idle connections hangs up in turn; another looks later.
        self.tcp.set_read_timeout(Some(300 * MILLISECOND)).unwrap();
        self.wait_for_hang_up();
        self.ready();
    }

    /// Lets the test go on.
    fn ready(&self) {
        self.seen.tell(|told| told.is_ready = true);
    }
}
