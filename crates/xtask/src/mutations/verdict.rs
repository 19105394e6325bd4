//! Whether a test failed by what it states, from what the test program prints.
//!
//! A bug is caught only if the test itself says that something is not as it should be. That it runs
//! out of time, or that something panics elsewhere, proves nothing of the kind.

use proc_macro2::{LineColumn, Span, TokenStream, TokenTree};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs};

/// The macros by which a test states what it expects.
const STATEMENTS: [&str; 5] = ["assert", "assert_eq", "assert_ne", "panic", "unreachable"];

/// The methods by which a test states that something went well, or did not.
const METHODS: [&str; 4] = ["unwrap", "unwrap_err", "expect", "expect_err"];

/// What those say who have waited too long for something.
const TIMED_OUT: [&str; 4] = ["WaitTimeout", "waited in vain", "timed out", "Elapsed"];

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Verdict {
    /// It failed by a statement of its own.
    Caught {
        /// Which, such as `assert_eq!`.
        statement: String,
        /// Where that stands.
        place: Place,
    },
    /// It did not, and why this does not count.
    Missed(String),
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, from the root of the workspace.
    pub file: PathBuf,
    /// The line, from 1 on.
    pub line: usize,
    /// The column, from 1 on.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.trim_end_matches(':').rsplitn(3, ':');
        let mut number = || parts.next()?.parse().ok();
        let (column, line) = (number().ok_or(())?, number().ok_or(())?);
        let file = parts.next().ok_or(())?.into();
        Ok(Self { file, line, column })
    }
}

/// A panic, as the standard library prints it.
#[derive(Clone, Debug)]
struct Panic<'a> {
    thread: &'a str,
    place: Place,
    /// The first line of what it says.
    message: &'a str,
}

/// Whether all of these tests have passed, by what their program printed.
///
/// # Errors
///
/// The first that has not.
pub fn all_pass<'a>(output: &str, tests: impl Iterator<Item = &'a str>) -> Result<(), &'a str> {
    tests.into_iter().try_for_each(|test| match outcome_of(output, test) {
        Some("ok") => Ok(()),
        _ => Err(test),
    })
}

/// What became of a test, by what its program printed; `own` are the files of its own statements.
#[must_use]
pub fn judge(output: &str, test: &str, own: &[PathBuf], root: &Path) -> Verdict {
    match outcome_of(output, test) {
        Some("FAILED") => {}
        Some(other) => return Verdict::Missed(format!("the test is {other} all the same")),
        None => return Verdict::Missed("the test was not run to its end".to_owned()),
    }
    let panics = panics(output);
    let is_ours = |place: &Place| place.file.iter().any(|part| part == "src");
    if let Some(Panic { place, message, .. }) = panics.iter().find(|it| is_ours(&it.place)) {
        return Verdict::Missed(format!("the program itself panics at {place}: {message}"));
    }
    let Some(Panic { place, message, .. }) = panics.into_iter().find(|it| it.thread == test) else {
        return Verdict::Missed("it did not fail by a panic of the test's own".to_owned());
    };
    if TIMED_OUT.iter().any(|words| message.contains(words)) {
        return Verdict::Missed(format!("it ran out of time at {place}: {message}"));
    }
    let text = match fs::read_to_string(root.join(&place.file)) {
        Ok(text) if own.contains(&place.file) => text,
        _ => return Verdict::Missed(format!("it panics elsewhere, at {place}: {message}")),
    };
    match statement_at(&text, place.line, place.column) {
        Some(statement) => Verdict::Caught { statement, place },
        None => Verdict::Missed(format!("what panics at {place} is no statement: {message}")),
    }
}

/// `ok`, `FAILED` or `ignored`, as the line about the test says.
fn outcome_of<'a>(output: &'a str, test: &str) -> Option<&'a str> {
    let outcome =
        |line: &'a str| line.strip_prefix("test ")?.strip_prefix(test)?.strip_prefix(" ... ");
    output.lines().find_map(outcome).map(str::trim)
}

fn panics(output: &str) -> Vec<Panic<'_>> {
    let mut found = Vec::new();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        let panic = line.split_once(" panicked at ").and_then(|(thread, place)| {
            let thread = thread.strip_prefix("thread '")?;
            // Behind the name may stand the thread's number.
            let (thread, _) = thread.rsplit_once('\'')?;
            Some((thread, place.parse().ok()?))
        });
        if let Some((thread, place)) = panic {
            let message = lines.peek().copied().unwrap_or_default();
            found.push(Panic { thread, place, message });
        }
    }
    found
}

/// The statement of a test that stands at a place, or around it; both count from 1 on.
fn statement_at(text: &str, line: usize, column: usize) -> Option<String> {
    let at = LineColumn { line, column: column.checked_sub(1)? };
    statement_in(TokenStream::from_str(text).ok()?, at)
}

fn statement_in(tokens: TokenStream, at: LineColumn) -> Option<String> {
    let around = |from: Span, to: Span| from.start() <= at && at < to.end();
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (number, token) in tokens.iter().enumerate() {
        if let (TokenTree::Ident(name), rest) = (token, &tokens[number + 1..]) {
            let name = name.to_string();
            if STATEMENTS.contains(&name.as_str())
                && let [TokenTree::Punct(mark), TokenTree::Group(group), ..] = rest
                && mark.as_char() == '!'
                && around(token.span(), group.span_close())
            {
                return Some(format!("{name}!"));
            }
            if METHODS.contains(&name.as_str()) && around(token.span(), token.span()) {
                return Some(format!("{name}()"));
            }
        }
    }
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) if around(group.span_open(), group.span_close()) => {
            statement_in(group.stream(), at)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Verdict, all_pass, judge, statement_at};
    use std::path::{Path, PathBuf};

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
    }

    fn printed(outcome: &str, rest: &str) -> String {
        format!("\nrunning 1 test\ntest line::a_test ... {outcome}\n\n{rest}\n")
    }

    fn panic_of(thread: &str, place: &str, message: &str) -> String {
        let panic = format!("thread '{thread}' (77) panicked at {place}:\n{message}\n");
        printed("FAILED", &format!("---- line::a_test stdout ----\n\n{panic}"))
    }

    fn verdict(output: &str) -> String {
        let own = [PathBuf::from("crates/bill-session-core/tests/idle_timer.rs")];
        match judge(output, "line::a_test", &own, root()) {
            Verdict::Caught { statement, place } => format!("{statement} at {place}"),
            Verdict::Missed(why) => why,
        }
    }

    /// Line and column of the first `assert_eq!` of the tests of the idle timer.
    fn assertion() -> (usize, usize) {
        let tests = root().join("crates/bill-session-core/tests/idle_timer.rs");
        let text = std::fs::read_to_string(tests).unwrap();
        let found = text.lines().enumerate().find_map(|(number, line)| {
            line.find("assert_eq!").map(|column| (number + 1, column + 1))
        });
        found.unwrap()
    }

    #[test]
    fn an_assertion_of_the_test_in_its_own_file_counts() {
        let (line, column) = assertion();
        let place = format!("crates/bill-session-core/tests/idle_timer.rs:{line}:{column}");
        let output = panic_of("line::a_test", &place, "assertion `left == right` failed");
        let at = format!("crates/bill-session-core/tests/idle_timer.rs:{line}");
        assert_eq!(verdict(&output), format!("assert_eq! at {at}"));
    }

    #[test]
    fn a_test_that_passes_or_is_not_run_does_not_count() {
        assert_eq!(verdict(&printed("ok", "")), "the test is ok all the same");
        assert_eq!(verdict("running 0 tests"), "the test was not run to its end");
        let other = "test line::a_test_of_another ... FAILED\ntest a_test ... FAILED\n";
        assert_eq!(verdict(other), "the test was not run to its end");
        let failed = printed("FAILED", "Error: Refused");
        assert_eq!(verdict(&failed), "it did not fail by a panic of the test's own");
    }

    #[test]
    fn a_panic_elsewhere_does_not_count() {
        let (line, column) = assertion();
        let own = format!("crates/bill-session-core/tests/idle_timer.rs:{line}:{column}");
        let other = verdict(&panic_of("line::another", &own, "assertion failed"));
        assert_eq!(other, "it did not fail by a panic of the test's own");
        let place = "crates/bill-session-core/src/line.rs:7:5";
        let inside = verdict(&panic_of("line::a_test", place, "overflow"));
        assert!(inside.starts_with("the program itself panics at"), "{inside}");
        let beside = panic_of("a-thread", "crates/bill-async/src/drive.rs:7:5", "oh");
        let both = format!("{beside}{}", panic_of("line::a_test", &own, "assertion failed"));
        assert!(verdict(&both).starts_with("the program itself panics at"), "{both}");
        let shared = "tests/support/lib.rs:60:5";
        let elsewhere = verdict(&panic_of("line::a_test", shared, "assertion failed"));
        assert!(elsewhere.starts_with("it panics elsewhere"), "{elsewhere}");
        let nothing = "crates/bill-session-core/tests/idle_timer.rs:1:1";
        let comment = verdict(&panic_of("line::a_test", nothing, "explicit"));
        assert!(comment.contains("is no statement"), "{comment}");
    }

    #[test]
    fn running_out_of_time_does_not_count() {
        let (line, column) = assertion();
        let own = format!("crates/bill-session-core/tests/idle_timer.rs:{line}:{column}");
        for message in ["waited in vain until all wait", "Err` value: WaitTimeout { awaited"] {
            let late = verdict(&panic_of("line::a_test", &own, message));
            assert!(late.starts_with("it ran out of time"), "{late}");
        }
    }

    #[test]
    fn a_statement_is_found_at_its_beginning_and_within_it() {
        let text = "fn f() {\n    assert_eq!(a.code().unwrap(), 1);\n    a.run().unwrap_err();\n    \
                    let x = vec![1];\n    mac! { (if b { assert!(c, \"ä {}\", d[0]) }) }\n}\n";
        let at = |line, column| statement_at(text, line, column);
        assert_eq!(at(2, 5).as_deref(), Some("assert_eq!"));
        assert_eq!(at(2, 25).as_deref(), Some("assert_eq!"), "an unwrap within it");
        assert_eq!(at(3, 13).as_deref(), Some("unwrap_err()"));
        assert_eq!(at(3, 7), None, "the call before it");
        assert_eq!(at(4, 13), None);
        assert_eq!(at(5, 34).as_deref(), Some("assert!"), "within other brackets");
        assert_eq!(at(5, 0), None);
    }

    #[test]
    fn all_tests_of_a_clean_copy_have_to_pass() {
        let output = "test a::one ... ok\ntest a::two ... ok\ntest b ... FAILED\n";
        assert_eq!(all_pass(output, ["a::one", "a::two"].into_iter()), Ok(()));
        assert_eq!(all_pass(output, ["a::one", "b"].into_iter()), Err("b"));
        assert_eq!(all_pass(output, ["one"].into_iter()), Err("one"));
    }
}
