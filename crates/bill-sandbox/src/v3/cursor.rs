//! Pages of a list, and the cursors that lead from one to the next.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use super::query::Query;
use crate::answer::Answer;
use crate::fault_kind::FaultKind;

const LARGEST_PAGE: usize = 100;
const USUAL_PAGE: usize = 20;

/// Whose list of what it is.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct Place<'a> {
    pub(crate) organization: &'a str,
    pub(crate) resource: &'a str,
}

/// A maker of cursors, which lead only to the list that they were made for.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    random: RandomState,
    made: AtomicU64,
}

/// A page that was asked for.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    place: Place<'a>,
    max: usize,
    /// The cursor that was given.
    cursor: Option<&'a str>,
    /// The id behind which it begins.
    after: Option<&'a str>,
}

impl Cursors {
    /// The page that a query asks for.
    pub(crate) fn page<'a>(
        &self,
        query: &'a Query,
        place: Place<'a>,
    ) -> Result<Page<'a>, &'static str> {
        let max = query.value("max").map_or(Ok(USUAL_PAGE), str::parse);
        let max = max.ok().filter(|max| (1..=LARGEST_PAGE).contains(max));
        let max = max.ok_or("max is from 1 to 100")?;
        let cursor = query.value("page");
        let after = match cursor {
            Some(cursor) => Some(self.read(cursor, place).ok_or("page is no cursor of this list")?),
            None => None,
        };
        Ok(Page { place, max, cursor, after })
    }

    /// A cursor to what stands behind an id. No two are alike, and each has signs that have to be
    /// encoded in a query, so that a client that forgets it is found out.
    fn write(&self, after: &str, place: Place<'_>) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        format!("{after}+{number:x}/{:016x}==", self.random.hash_one((place, after, number)))
    }

    fn read<'a>(&self, cursor: &'a str, place: Place<'_>) -> Option<&'a str> {
        let (after, rest) = cursor.split_once('+')?;
        let (number, sum) = rest.strip_suffix("==")?.split_once('/')?;
        let number = u64::from_str_radix(number, 16).ok()?;
        let sum = u64::from_str_radix(sum, 16).ok()?;
        (self.random.hash_one((place, after, number)) == sum).then_some(after)
    }
}

impl Page<'_> {
    /// The page of some rows, which come with their ids, or what a fault makes of it.
    pub(crate) fn answer<'a>(
        &self,
        cursors: &Cursors,
        rows: impl Iterator<Item = (&'a str, Value)>,
        fault: Option<&FaultKind>,
    ) -> Answer {
        let after = self.after.unwrap_or_default();
        if matches!(fault, Some(FaultKind::EmptyPage)) {
            return answer(Vec::new(), Some(cursors.write(after, self.place)));
        }
        let mut rows = rows.skip_while(|(id, _)| *id <= after).peekable();
        let mut results = Vec::new();
        let mut last = after;
        while let Some((id, row)) = rows.next_if(|_| results.len() < self.max) {
            results.push(row);
            last = id;
        }
        let next = match fault {
            // To the same page again: by the cursor that led here, or by one to the beginning.
            Some(FaultKind::RepeatCursor) => {
                let same = self.cursor.map(str::to_owned);
                Some(same.unwrap_or_else(|| cursors.write(after, self.place)))
            }
            _ => rows.peek().map(|_| cursors.write(last, self.place)),
        };
        answer(results, next)
    }
}

fn answer(results: Vec<Value>, next: Option<String>) -> Answer {
    let mut page = Map::new();
    page.insert("results".to_owned(), results.into());
    if let Some(next) = next {
        page.insert("nextPage".to_owned(), next.into());
    }
    Answer::bare(200, &page)
}
