//! A v3 call as a program puts it together, and the lists that v3 pages by cursor.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::call::{Call, Task, V3};
use crate::error::{Error, Misuse};
use crate::replay::Retry;
use crate::wire::v3::Target;

/// A v3 call: method, path, query and body.
///
/// What is wrong with any of it is told when it is made into a [`Call`].
#[derive(Clone)]
pub struct V3Request {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Result<Bytes, Misuse>>,
    deadline: Option<Duration>,
    retry: Option<Retry>,
}

impl V3Request {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let (path, query) = (path.to_owned(), Vec::new());
        Self { method, path, query, body: None, deadline: None, retry: None }
    }

    /// One more pair of the query, such as `query("max", 50)`.
    #[must_use]
    pub fn query(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.query.push((key.to_owned(), value.to_string()));
        self
    }

    /// The JSON document to send.
    #[must_use]
    pub fn json<D: Serialize + ?Sized>(mut self, data: &D) -> Self {
        let json = serde_json::to_vec(data).map(Bytes::from).map_err(|_| Misuse::Data);
        self.body = Some(json);
        self
    }

    /// Another limit for the call in all, waiting and replays included.
    #[must_use]
    pub fn deadline(mut self, total: Duration) -> Self {
        self.deadline = Some(total);
        self
    }

    /// How often it is sent again after its outcome was lost, if it is a GET.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The call.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the path does not begin with `/v3/`, holds a query, a fragment, `..`, a secret
    /// of this client or a character that no path of BILL's has, or is one that has a method of its
    /// own; when a pair of the query has a secret's name or holds a secret of this client; when the
    /// data did not serialise.
    pub fn call(&self, account: &Account) -> Result<Call, Misuse> {
        let target = Target::new(&self.method, &self.path, &self.query, &account.held)?;
        let body = self.body.clone().transpose()?;
        if body.is_some() && [Method::GET, Method::DELETE].contains(&self.method) {
            return Err(Misuse::Body);
        }
        Ok(self.limited(Call::new(Task::V3(Arc::new(V3 { target, body })))))
    }

    fn limited(&self, call: Call) -> Call {
        let call = match self.deadline {
            Some(total) => call.deadline(total),
            None => call,
        };
        match self.retry {
            Some(retry) => call.retry(retry),
            None => call,
        }
    }

    /// The pages of a list, from the first on.
    pub fn pages(self) -> V3Pages {
        V3Pages { request: self, seen: BTreeSet::new(), next: None, ended: false }
    }
}

impl fmt::Debug for V3Request {
    /// Without path, query and body: they are the program's data, and not checked yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V3Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// One page of a v3 list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Page<T> {
    /// Its entries; there may be none on a page that others follow.
    pub results: Vec<T>,
    /// The cursor of the next page; the last page has none.
    pub next_page: Option<String>,
}

/// A v3 list, and how far it has been read.
///
/// The list ends where no `nextPage` is named, and only there.
#[derive(Clone)]
pub struct V3Pages {
    request: V3Request,
    /// The cursors that were followed already: one that comes again would never let the list end.
    seen: BTreeSet<Box<str>>,
    next: Option<String>,
    ended: bool,
}

impl V3Pages {
    /// The call for the next page, whose answer is a [`Page`]; nothing after the last.
    ///
    /// # Errors
    ///
    /// [`Misuse`], as for [`V3Request::call`], and when the request is not a GET.
    pub fn next_page(&self, account: &Account) -> Result<Option<Call>, Misuse> {
        if self.ended {
            return Ok(None);
        }
        if self.request.method != Method::GET {
            return Err(Misuse::PagesOfGet);
        }
        match &self.next {
            None => self.request.call(account).map(Some),
            Some(cursor) => {
                let mut request = self.request.clone();
                request.query.retain(|(key, _)| key != "page");
                request.query("page", cursor).call(account).map(Some)
            }
        }
    }

    /// A page was read.
    ///
    /// # Errors
    ///
    /// [`Error::CursorRepeated`] when its `nextPage` was followed before; the list ends then.
    pub fn page_read<T>(&mut self, page: Page<T>) -> Result<Vec<T>, Error> {
        let Page { results, next_page } = page;
        self.next = next_page.filter(|cursor| !cursor.is_empty());
        self.ended = self.next.is_none();
        if let Some(cursor) = &self.next
            && !self.seen.insert(cursor.as_str().into())
        {
            self.ended = true;
            let call = format!("{} {}", self.request.method, self.request.path).into();
            return Err(Error::CursorRepeated { call });
        }
        Ok(results)
    }

    /// Nothing more is to be read, as after an error.
    pub fn end(&mut self) {
        self.ended = true;
    }
}

impl fmt::Debug for V3Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V3Pages").field("ended", &self.ended).finish_non_exhaustive()
    }
}
