//! What the demo prints: the timeline as it happens, then what was expected beside what was seen.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::seen::Seen;
use super::words::{number, stamp};

/// What a row is to show.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    Exactly(u64),
    AtMost(u64),
    AtLeast(u64),
}

impl Expected {
    fn is_met(self, observed: u64) -> bool {
        match self {
            Self::Exactly(expected) => observed == expected,
            Self::AtMost(most) => observed <= most,
            Self::AtLeast(least) => observed >= least,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::Exactly(expected) => number(expected),
            Self::AtMost(most) => format!("at most {}", number(most)),
            Self::AtLeast(least) => format!("at least {}", number(least)),
        }
    }
}

/// One line of the table: observed of each client, or of both together.
#[derive(Debug)]
struct Row {
    name: String,
    expected: Expected,
    observed: Vec<u64>,
}

impl Row {
    fn is_met(&self) -> bool {
        self.observed.iter().all(|observed| self.expected.is_met(*observed))
    }

    fn line(&self) -> String {
        let mut line = format!("  {:<48}{:>12}", self.name, self.expected.shown());
        for (observed, width) in self.observed.iter().zip([14, 15]) {
            let _ = write!(line, "{:>width$}", number(*observed));
        }
        if !self.is_met() {
            line.push_str("  <- WRONG");
        }
        line.push('\n');
        line
    }

    fn failure(&self) -> String {
        let observed: Vec<_> = self.observed.iter().copied().map(number).collect();
        let (name, expected) = (&self.name, self.expected.shown());
        format!("{name} (expected {expected}, observed {})", observed.join(" and "))
    }
}

/// Sign-ins of one scene that have one reason.
#[derive(Debug)]
struct Reason {
    scene: String,
    why: String,
    counts: [u64; 2],
}

/// What is printed, and has been.
#[derive(Debug, Default)]
pub(crate) struct Report {
    printed: String,
    /// Whether somebody may have missed something: then it is no success.
    unread: bool,
    each: Vec<Row>,
    together: Vec<Row>,
    reasons: Vec<Reason>,
}

impl Report {
    /// Prints, and keeps for the search of secrets.
    pub(crate) fn print(&mut self, text: &str) {
        self.printed.push_str(text);
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        self.unread |= written.is_err();
    }

    /// Whether all of it could be written.
    pub(crate) fn is_told(&self) -> bool {
        !self.unread
    }

    /// A line of the timeline.
    pub(crate) fn tell(&mut self, at: Duration, what: &str) {
        self.print(&format!("  {}  {what}\n", stamp(at)));
    }

    /// What either client is to have shown.
    pub(crate) fn expect_each(&mut self, name: &str, expected: Expected, observed: [u64; 2]) {
        self.each.push(Row { name: name.to_owned(), expected, observed: observed.to_vec() });
    }

    /// What both together are to have shown.
    pub(crate) fn expect(&mut self, name: &str, expected: Expected, observed: u64) {
        self.together.push(Row { name: name.to_owned(), expected, observed: vec![observed] });
    }

    /// Notes why each sign-in of a scene was made.
    pub(crate) fn explain(&mut self, scene: &str, seen: &[Seen; 2]) {
        for (client, seen) in seen.iter().enumerate() {
            for sign_in in &seen.sign_ins {
                let mut reasons = self.reasons.iter_mut();
                let known =
                    reasons.find(|reason| reason.scene == scene && reason.why == sign_in.why);
                match known {
                    Some(reason) => reason.counts[client] += 1,
                    None => {
                        let mut counts = [0; 2];
                        counts[client] = 1;
                        let (scene, why) = (scene.to_owned(), sign_in.why.clone());
                        self.reasons.push(Reason { scene, why, counts });
                    }
                }
            }
        }
    }

    /// Everything that was printed or is about to be.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.printed, self.table())
    }

    /// The table, and the reasons of the sign-ins.
    pub(crate) fn table(&self) -> String {
        let clients = format!("{:>14}{:>15}", "bill-async", "bill-blocking");
        let mut table = format!("\n  {:<60}{:>29}\n", "", "observed");
        let _ = writeln!(table, "  {:<48}{:>12}{clients}", "what is checked", "expected");
        table.push_str(&rule());
        table.extend(self.each.iter().map(Row::line));
        let _ = writeln!(table, "\n  {:<48}{:>12}{:>14}", "both together", "expected", "observed");
        table.push_str(&rule());
        table.extend(self.together.iter().map(Row::line));
        let _ = writeln!(table, "\n  {:<60}{clients}", "why each sign-in was needed");
        table.push_str(&rule());
        for Reason { scene, why, counts } in &self.reasons {
            let [one, other] = counts.map(number);
            let _ = writeln!(table, "  {scene:<24}{why:<36}{one:>14}{other:>15}");
        }
        table
    }

    /// The rows that do not show what they are to.
    pub(crate) fn failures(&self) -> Vec<String> {
        let rows = self.each.iter().chain(&self.together);
        rows.filter(|row| !row.is_met()).map(Row::failure).collect()
    }
}

fn rule() -> String {
    format!("  {}\n", "-".repeat(89))
}
