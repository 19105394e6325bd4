//! Files to BILL: v2's multipart form, and v3's raw body. The content itself is the adapter's.
//!
//! The core builds the head and what surrounds the content; the adapter streams the content in
//! between, so that no upload has to fit into memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use serde::Serialize;

use crate::account::Account;
use crate::call::{Call, Task};
use crate::error::Misuse;
use crate::wire::v2::Multipart;
use crate::wire::v3::Target;

/// A session that is to carry content which can be read only once has at least so much time left.
pub(crate) const TIME_LEFT: Duration = Duration::from_secs(5 * 60);

/// Whether the content of an upload can be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "content either can be read again or cannot")]
pub enum Repeatable {
    /// It can, as bytes or a file: the upload is sent again when BILL refused it unread.
    Yes,
    /// It cannot: the upload is sent once, with a session that has at least 5 minutes left.
    Once,
}

/// An upload: everything about it but the content.
pub(crate) struct Upload {
    pub(crate) name: Arc<str>,
    pub(crate) form: UploadForm,
    pub(crate) repeatable: Repeatable,
}

pub(crate) enum UploadForm {
    V2(Multipart),
    V3 { target: Target, content_type: HeaderValue },
}

impl Account {
    /// v2's `UploadAttachment`: content for the object with this id, under this file name.
    ///
    /// `nonce` has to be random: it makes the boundary between the parts, which the content must not
    /// contain.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the file name is empty or holds control characters, or the account is a
    /// partner's.
    pub fn upload_attachment(
        &self,
        id: &str,
        file_name: &str,
        repeatable: Repeatable,
        nonce: u128,
    ) -> Result<Call, Misuse> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Data<'a> {
            id: &'a str,
            file_name: &'a str,
        }

        self.dev_key()?;
        if file_name.is_empty() || file_name.chars().any(char::is_control) {
            return Err(Misuse::FileName);
        }
        let data = serde_json::to_string(&Data { id, file_name }).map_err(|_| Misuse::Data)?;
        let boundary = format!("bill-{nonce:032x}");
        let form = UploadForm::V2(Multipart { boundary, file_name: file_name.to_owned(), data });
        Ok(Upload { name: "UploadAttachment".into(), form, repeatable }.call())
    }

    /// A v3 upload: a POST whose body is the content, such as to `/v3/documents/bills/{id}`.
    ///
    /// # Errors
    ///
    /// [`Misuse`], as for a [`V3Request`](crate::V3Request).
    pub fn upload(
        &self,
        path: &str,
        query: &[(String, String)],
        repeatable: Repeatable,
    ) -> Result<Call, Misuse> {
        let target = Target::new(&Method::POST, path, query, &self.held)?;
        let name = target.name();
        let content_type = HeaderValue::from_static("application/octet-stream");
        Ok(Upload { name, form: UploadForm::V3 { target, content_type }, repeatable }.call())
    }
}

impl Upload {
    fn call(self) -> Call {
        Call::new(Task::Upload(Arc::new(self)))
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("name", &self.name).finish_non_exhaustive()
    }
}
