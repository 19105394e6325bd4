//! A stand-in for BILL that takes its time, in a process of its own, so that what it costs is not
//! counted as the callers'.
//!
//! A sign-in takes 50 milliseconds and a call 5, whoever else is being served: the ideal time of a
//! herd can be reckoned. `bill-sandbox` checks much more, and would be measured with it.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The hidden argument that makes the program this server.
pub const ARGUMENT: &str = "serve-slowly";

/// How long a sign-in takes.
pub(super) const SIGN_IN: Duration = Duration::from_millis(50);

/// How long a call takes.
pub(super) const CALL: Duration = Duration::from_millis(5);

/// The path of a sign-in.
pub(super) const LOGIN: &str = "/api/v2/Login.json";

/// What a sign-in comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// A session.
    Welcomes,
    /// The password is wrong.
    Refuses,
    /// The server has a fault, and has it still at the next attempt.
    Fails,
}

impl Manner {
    const ALL: [(Self, &str); 3] =
        [(Self::Welcomes, "welcomes"), (Self::Refuses, "refuses"), (Self::Fails, "fails")];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(manner, _)| *manner == self).map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, other)| *other == name).map(|(manner, _)| manner)
    }

    fn answer(self) -> (&'static str, &'static str) {
        match self {
            Self::Welcomes => (
                "200 OK",
                r#"{"response_status":0,"response_message":"Success","response_data":{"sessionId":"a-session-of-the-benchmark","orgId":"00800000000000000001"}}"#,
            ),
            Self::Refuses => (
                "200 OK",
                r#"{"response_status":1,"response_message":"Error","response_data":{"error_code":"BDC_1101","error_message":"Login failed."}}"#,
            ),
            Self::Fails => ("500 Internal Server Error", "the server has a fault"),
        }
    }
}

/// The server as its parent sees it.
#[derive(Debug)]
pub(super) struct StandIn {
    child: Child,
    pub(super) origin: String,
}

impl StandIn {
    /// Starts this program a second time, as the server.
    pub(super) fn start(manner: Manner) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        command.args([ARGUMENT, manner.name()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let port = line(&mut child)?;
        Ok(Self { child, origin: format!("http://127.0.0.1:{}", port.trim()) })
    }

    /// Ends it; the sign-ins that it was asked for.
    pub(super) fn sign_ins(mut self) -> Result<usize, Box<dyn Error>> {
        drop(self.child.stdin.take());
        let counted = line(&mut self.child)?;
        Ok(counted.trim().parse()?)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // The end of its standard input ends it; there is nothing to do about one that has ended.
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

/// The next line that it prints; it says nothing more before it is asked.
fn line(child: &mut Child) -> io::Result<String> {
    let mut line = String::new();
    if let Some(stdout) = &mut child.stdout {
        BufReader::with_capacity(1, stdout).read_line(&mut line)?;
    }
    Ok(line)
}

/// Serves until standard input ends, on a port that it prints; prints the sign-ins in the end.
///
/// # Errors
///
/// When the manner is none, or there is no port to listen on.
pub fn serve(manner: &str) -> Result<(), Box<dyn Error>> {
    let manner = Manner::named(manner).ok_or("no such manner of answering")?;
    // The system would let sleeping threads sleep 50 microseconds longer, a hundredth of a call.
    let _more_exact = fs::write("/proc/self/timerslack_ns", "1000");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?.port())?;
    let sign_ins = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&sign_ins);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let counted = Arc::clone(&counted);
            // A connection that breaks is the client's to notice.
            thread::spawn(move || converse(connection, manner, &counted));
        }
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    writeln!(io::stdout(), "{}", sign_ins.load(Ordering::Relaxed))?;
    Ok(())
}

/// Answers one request after the other until the client hangs up.
fn converse(stream: TcpStream, manner: Manner, sign_ins: &AtomicUsize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(signs_in) = read_request(&mut stream)? {
        let (status, body) = if signs_in {
            sign_ins.fetch_add(1, Ordering::Relaxed);
            thread::sleep(SIGN_IN);
            manner.answer()
        } else {
            thread::sleep(CALL);
            ("200 OK", r#"{"response_status":0,"response_data":["a vendor"]}"#)
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.get_mut().write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Reads a request to its end: whether it is a sign-in; nothing when there are no more.
fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<bool>> {
    let (mut first, mut length, mut line) = (String::new(), 0, String::new());
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut stream.take(length), &mut io::sink())?;
    Ok(Some(first.split(' ').nth(1) == Some(LOGIN)))
}
