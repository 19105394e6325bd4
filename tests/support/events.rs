//! The events of either adapter.

use bill_session_core::Event;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::STUCK;

/// What a listener hears.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Events {
    /// Of `bill-async`, with the runtime that it is waited for on.
    Async(bill_async::Events, Handle),
    /// Of `bill-blocking`.
    Blocking(bill_blocking::Events),
}

impl Events {
    /// What has happened since this was asked for the last time.
    pub fn heard(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| match self {
            Self::Async(events, _) => events.try_next(),
            Self::Blocking(events) => events.try_next(),
        })
        .collect()
    }

    /// The same in one word each, such as `SignedIn`.
    pub fn kinds(&mut self) -> Vec<String> {
        self.heard().iter().map(kind).collect()
    }
}

impl Iterator for Events {
    type Item = Event;

    /// Waits for the next event.
    fn next(&mut self) -> Option<Event> {
        match self {
            Self::Async(events, runtime) => {
                let next = async { timeout(STUCK, events.next()).await };
                runtime.block_on(next).expect("an event, or the end")
            }
            Self::Blocking(events) => events.next(),
        }
    }
}

/// The name of an event's kind.
fn kind(event: &Event) -> String {
    let text = format!("{event:?}");
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    text[..end].to_owned()
}
