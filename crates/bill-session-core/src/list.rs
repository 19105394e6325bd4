//! A list read page by page: v2 pages by offset, and a short page is the last.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::account::Account;
use crate::call::Call;
use crate::error::Misuse;

/// The most entries that BILL puts on one page.
const MOST: usize = 999;

/// What to list: entity, filters, order, and how far it has been read.
///
/// The order is by `createdTime` unless told otherwise: pages are offsets, and in a list without an
/// order an entry could be skipped or come twice.
#[derive(Clone)]
pub struct List {
    path: String,
    page: Page,
    ended: bool,
    deadline: Option<Duration>,
}

#[derive(Clone, Serialize)]
struct Page {
    start: usize,
    max: usize,
    filters: Vec<Filter>,
    sort: Vec<Sort>,
}

#[derive(Clone, Serialize)]
struct Filter {
    field: String,
    op: String,
    value: String,
}

#[derive(Clone, Serialize)]
struct Sort {
    field: String,
    /// BILL takes the words `true` and `false` here, as strings.
    asc: &'static str,
}

impl List {
    pub(crate) fn new(entity: &str) -> Self {
        let by_age = Sort { field: "createdTime".to_owned(), asc: "true" };
        let page = Page { start: 0, max: MOST, filters: Vec::new(), sort: vec![by_age] };
        Self { path: format!("List/{entity}"), page, ended: false, deadline: None }
    }

    /// Only entries whose `field` stands in relation `op` (such as `=`) to `value`.
    #[must_use]
    pub fn filter(mut self, field: &str, op: &str, value: &str) -> Self {
        let filter = Filter { field: field.into(), op: op.into(), value: value.into() };
        self.page.filters.push(filter);
        self
    }

    /// In the order of `field`, rising or falling.
    #[must_use]
    pub fn sort(mut self, field: &str, ascending: bool) -> Self {
        let asc = if ascending { "true" } else { "false" };
        self.page.sort = vec![Sort { field: field.into(), asc }];
        self
    }

    /// How many entries a page holds: 1 to 999, which is the default.
    #[must_use]
    pub fn page_size(mut self, entries: usize) -> Self {
        self.page.max = entries;
        self
    }

    /// The longest time that each page may take, waiting and replays included.
    #[must_use]
    pub fn deadline(mut self, total: Duration) -> Self {
        self.deadline = Some(total);
        self
    }

    /// The call for the next page, or nothing after the last.
    ///
    /// # Errors
    ///
    /// [`Misuse`], as for [`Account::v2`], or when the page size is out of range.
    pub fn next_page(&self, account: &Account) -> Result<Option<Call>, Misuse> {
        if self.ended {
            return Ok(None);
        }
        if !(1..=MOST).contains(&self.page.max) {
            return Err(Misuse::PageSize);
        }
        let call = account.v2(&self.path, &self.page)?;
        Ok(Some(match self.deadline {
            Some(total) => call.deadline(total),
            None => call,
        }))
    }

    /// A page with so many entries was read; tells whether there was anything on it.
    ///
    /// Behind a last page that is full comes an empty one, which only says that it was the last.
    pub fn page_read(&mut self, entries: usize) -> bool {
        self.page.start += entries;
        self.ended = entries < self.page.max;
        entries > 0
    }

    /// Nothing more is to be read, as after an error.
    pub fn end(&mut self) {
        self.ended = true;
    }
}

impl fmt::Debug for List {
    /// Without entity and filters: they are the program's data, and not checked yet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("start", &self.page.start)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
