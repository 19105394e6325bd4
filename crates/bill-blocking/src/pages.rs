//! Lists read page by page, of either API.

use std::fmt;
use std::marker::PhantomData;

use bill_session_core::{Error, List as Listing, Page, V3Pages};
use serde::de::DeserializeOwned;

use crate::client::Client;

/// The pages of a list; after an error there is nothing more.
pub struct Pages<T> {
    client: Client,
    place: Place,
    entries: PhantomData<fn() -> T>,
}

/// How far a list has been read.
#[derive(Debug)]
pub(crate) enum Place {
    V2(Listing),
    V3(V3Pages),
}

impl<T: DeserializeOwned> Pages<T> {
    pub(crate) fn new(client: Client, place: Place) -> Self {
        Self { client, place, entries: PhantomData }
    }

    /// All entries of all pages.
    pub(crate) fn all(self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        for page in self {
            all.append(&mut page?);
        }
        Ok(all)
    }
}

impl<T: DeserializeOwned> Iterator for Pages<T> {
    type Item = Result<Vec<T>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { client, place, .. } = self;
        let page = match place {
            Place::V2(listing) => match listing.next_page(client.account()) {
                Ok(Some(call)) => match client.run::<Vec<T>>(call).and_then(|page| page.answer()) {
                    Ok(entries) => listing.page_read(entries.len()).then_some(Ok(entries)),
                    Err(error) => Some(Err(error)),
                },
                Ok(None) => None,
                Err(misuse) => Some(Err(misuse.into())),
            },
            Place::V3(pages) => match pages.next_page(client.account()) {
                Ok(Some(call)) => {
                    let page = client.run::<Page<T>>(call).and_then(|page| page.answer());
                    Some(page.and_then(|page| pages.page_read(page)))
                }
                Ok(None) => None,
                Err(misuse) => Some(Err(misuse.into())),
            },
        };
        if let Some(Err(_)) = &page {
            match place {
                Place::V2(listing) => listing.end(),
                Place::V3(pages) => pages.end(),
            }
        }
        page
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("place", &self.place).finish_non_exhaustive()
    }
}
