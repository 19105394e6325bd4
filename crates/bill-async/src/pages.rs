//! Lists read page by page, of either API.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bill_session_core::{Error, List as Listing, Page, V3Pages};
use futures_core::Stream;
use serde::de::DeserializeOwned;

use crate::client::Client;

/// The pages of a list: a stream, and `next` for those who need no stream.
///
/// After an error there is nothing more. A page that is being read is read on by the next call of
/// `next`, should the future of the last one have been dropped; dropping the pages ends it.
pub struct Pages<T> {
    client: Client,
    state: State<T>,
}

enum State<T> {
    /// Where the next page is.
    Before(Box<Place>),
    Reading(Pin<Box<dyn Future<Output = Read<T>> + Send>>),
    Ended,
}

/// A page, and where the next one is.
struct Read<T> {
    place: Box<Place>,
    page: Option<Result<Vec<T>, Error>>,
}

/// How far a list has been read.
#[derive(Debug)]
pub(crate) enum Place {
    V2(Listing),
    V3(V3Pages),
}

impl<T: DeserializeOwned + Send + 'static> Pages<T> {
    pub(crate) fn new(client: Client, place: Place) -> Self {
        Self { client, state: State::Before(Box::new(place)) }
    }

    /// The next page, or nothing after the last.
    pub async fn next(&mut self) -> Option<Result<Vec<T>, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// All entries of all pages.
    pub(crate) async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await {
            all.append(&mut page?);
        }
        Ok(all)
    }
}

impl<T: DeserializeOwned + Send + 'static> Stream for Pages<T> {
    type Item = Result<Vec<T>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Reading(reading) => {
                    let Poll::Ready(Read { place, page }) = reading.as_mut().poll(context) else {
                        return Poll::Pending;
                    };
                    this.state = match page {
                        Some(Ok(_)) => State::Before(place),
                        Some(Err(_)) | None => State::Ended,
                    };
                    return Poll::Ready(page);
                }
                State::Before(_) => {
                    let State::Before(place) = std::mem::replace(&mut this.state, State::Ended)
                    else {
                        continue;
                    };
                    this.state = State::Reading(Box::pin(read(this.client.clone(), place)));
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

async fn read<T: DeserializeOwned + Send>(client: Client, mut place: Box<Place>) -> Read<T> {
    let page = match &mut *place {
        Place::V2(listing) => match listing.next_page(client.account()) {
            Ok(Some(call)) => match client.run::<Vec<T>>(call).await.and_then(|page| page.answer())
            {
                Ok(entries) => listing.page_read(entries.len()).then_some(Ok(entries)),
                Err(error) => Some(Err(error)),
            },
            Ok(None) => None,
            Err(misuse) => Some(Err(misuse.into())),
        },
        Place::V3(pages) => match pages.next_page(client.account()) {
            Ok(Some(call)) => {
                let page = client.run::<Page<T>>(call).await.and_then(|page| page.answer());
                Some(page.and_then(|page| pages.page_read(page)))
            }
            Ok(None) => None,
            Err(misuse) => Some(Err(misuse.into())),
        },
    };
    Read { place, page }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("ended", &matches!(self.state, State::Ended))
            .finish_non_exhaustive()
    }
}
