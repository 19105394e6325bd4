//! The server that the prices are taken against: as little of one as there can be, in a process of
//! its own, so that what it costs is not counted as the client's.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::vendors::v2_page;

/// The hidden argument that makes the program this server.
pub const ARGUMENT: &str = "serve";

/// How many rows a page has.
pub(super) const ROWS: usize = 10;

/// The longest request that is read.
const LONGEST: usize = 64 << 10;

/// The server as its parent sees it: it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pub(super) origin: String,
}

impl Server {
    /// Starts this program a second time, as the server.
    pub(super) fn start() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut port = String::new();
        if let Some(stdout) = &mut child.stdout {
            BufReader::new(stdout).read_line(&mut port)?;
        }
        Ok(Self { child, origin: format!("http://127.0.0.1:{}", port.trim()) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its standard input ends it; there is nothing to do about one that has ended.
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

/// Serves until standard input ends, on a port that it prints.
///
/// # Errors
///
/// When there is no port to listen on.
pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A connection that breaks is the client's to notice.
            thread::spawn(move || connection_of(connection));
        }
    });
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// Answers what comes over one connection, one request after the other, until it is closed.
fn connection_of(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let (signed_in, page) = (answer(SIGNED_IN), answer(&v2_page(ROWS)));
    let mut request = vec![0; LONGEST];
    loop {
        let mut filled = 0;
        let end = loop {
            let more = connection.read(&mut request[filled..])?;
            if more == 0 {
                return Ok(());
            }
            filled += more;
            if let Some(end) = end_of(&request[..filled]) {
                break end;
            }
        };
        // Nobody who waits for an answer has sent the next request already.
        if end != filled {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let of_login = request.starts_with(b"POST /api/v2/Login.json ");
        connection.write_all(if of_login { &signed_in } else { &page })?;
    }
}

/// Where a request ends, if all of it is there.
fn end_of(request: &[u8]) -> Option<usize> {
    let head = request.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let lines = request[..head].split(|byte| *byte == b'\n');
    let length = lines.filter_map(content_length).next().unwrap_or(0);
    (request.len() >= head + length).then_some(head + length)
}

fn content_length(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

const SIGNED_IN: &str = r#"{"response_status":0,"response_message":"Success","response_data":{"sessionId":"bench-session","orgId":"00800000000000000001","usersId":"00600000000000000001"}}"#;

/// The bytes of a whole answer, with the headers that come from BILL.
fn answer(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\n\
         Date: Wed, 25 Nov 2026 12:00:00 GMT\r\n\
         Content-Type: application/json;charset=UTF-8\r\n\
         Cache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn a_request_ends_behind_its_body() {
        let request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(end_of(request), Some(request.len()));
        assert_eq!(end_of(&request[..request.len() - 1]), None);
        assert_eq!(end_of(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
    }
}
