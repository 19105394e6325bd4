//! An upload, not sent yet.

use std::fmt;
use std::time::Duration;

use bill_session_core::{Call, Error, Misuse};
use bill_session_host::seed;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::content::Content;

/// An upload, not sent yet.
#[derive(Debug)]
#[must_use = "an upload is sent by `send`"]
pub struct Upload {
    client: Client,
    target: Target,
    content: Content,
    deadline: Option<Duration>,
}

#[derive(Debug)]
enum Target {
    Attachment { call: Result<Call, Misuse> },
    Document { path: String, query: Vec<(String, String)> },
}

impl Upload {
    pub(crate) fn attachment(client: Client, id: &str, file_name: &str, content: Content) -> Self {
        let nonce = u128::from(seed()) << 64 | u128::from(seed());
        let repeatable = content.repeatable();
        let call = client.account().upload_attachment(id, file_name, repeatable, nonce);
        Self { client, target: Target::Attachment { call }, content, deadline: None }
    }

    pub(crate) fn document(client: Client, path: &str, content: Content) -> Self {
        let target = Target::Document { path: path.to_owned(), query: Vec::new() };
        Self { client, target, content, deadline: None }
    }

    /// One more pair of the query, such as `query("name", "invoice.pdf")`; v2 has no query.
    pub fn query(mut self, key: &str, value: impl fmt::Display) -> Self {
        match &mut self.target {
            Target::Document { query, .. } => query.push((key.to_owned(), value.to_string())),
            Target::Attachment { call } => *call = Err(Misuse::PathQuery),
        }
        self
    }

    /// Another limit for the upload in all, waiting and replays included; 12 minutes by default.
    pub fn deadline(mut self, total: Duration) -> Self {
        self.deadline = Some(total);
        self
    }

    /// Sends the upload, signing in first if need be, and reads the answer into `T`.
    ///
    /// Bytes and files are sent again when BILL has stored nothing: once when it refused the session,
    /// and twice when too many calls were in flight (BDC_1322). A reader is only ever sent once.
    ///
    /// # Errors
    ///
    /// [`Error::Content`] when the content could not be read; otherwise [`Error`] says what
    /// happened, with BILL's code.
    pub fn send<T: DeserializeOwned>(self) -> Result<T, Error> {
        let Self { client, target, content, deadline } = self;
        let call = match target {
            Target::Attachment { call } => call?,
            Target::Document { path, query } => {
                client.account().upload(&path, &query, content.repeatable())?
            }
        };
        let call = match deadline {
            Some(total) => call.deadline(total),
            None => call,
        };
        client.run_with(call, content)?.answer()
    }
}
