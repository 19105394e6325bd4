//! Uploads for either adapter.

use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};

use crate::STUCK;

/// A file to be uploaded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upload {
    /// Where to.
    pub target: Target,
    /// What.
    pub carried: Carried,
    /// Another deadline than the client's.
    pub deadline: Option<Duration>,
}

/// Where an upload goes.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is one for each API")]
pub enum Target {
    /// v2's `UploadAttachment`.
    Attachment {
        /// The object that it belongs to.
        id: String,
        /// Its name.
        file_name: String,
    },
    /// A path of v3's.
    Document {
        /// Such as `/v3/documents/bills/00n01`.
        path: String,
        /// Its query.
        query: Vec<(String, String)>,
    },
}

/// What an upload carries.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are as many as the adapters take")]
pub enum Carried {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The file at this path.
    Path(PathBuf),
    /// A reader, and the length that is told of it.
    Reader(Pattern, Option<u64>),
}

impl Upload {
    /// To v2's `UploadAttachment`.
    pub fn attachment(id: &str, file_name: &str, carried: Carried) -> Self {
        let target = Target::Attachment { id: id.to_owned(), file_name: file_name.to_owned() };
        Self { target, carried, deadline: None }
    }

    /// To a path of v3's, with `name` in its query.
    pub fn document(path: &str, name: &str, carried: Carried) -> Self {
        let query = vec![("name".to_owned(), name.to_owned())];
        Self { target: Target::Document { path: path.to_owned(), query }, carried, deadline: None }
    }
}

/// A reader of so many bytes, none of which is like the next, that takes no memory.
#[derive(Clone, Debug)]
pub struct Pattern {
    at: u64,
    length: u64,
    end: End,
    /// What a read by a thread ends with before the next one brings something.
    hiccup: Hiccup,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Ordinary,
    Failure,
    Open,
}

#[derive(Clone, Copy, Debug)]
enum Hiccup {
    Never,
    Due,
    Over,
}

impl Pattern {
    /// One that ends after so many bytes.
    pub fn of(length: u64) -> Self {
        Self::ending(length, End::Ordinary)
    }

    /// One that fails after so many bytes.
    pub fn failing_after(length: u64) -> Self {
        Self::ending(length, End::Failure)
    }

    /// One that brings so many bytes and stays open then, as the body of a connection that is kept
    /// does.
    pub fn open_after(length: u64) -> Self {
        Self::ending(length, End::Open)
    }

    /// One that is interrupted before each read that brings something, as by a signal.
    pub fn interrupted(length: u64) -> Self {
        Self { hiccup: Hiccup::Due, ..Self::of(length) }
    }

    fn ending(length: u64, end: End) -> Self {
        Self { at: 0, length, end, hiccup: Hiccup::Never }
    }

    /// All of it at once.
    pub fn whole(&self) -> Vec<u8> {
        (0..self.length).map(byte).collect()
    }

    /// Whether nothing comes any more, not even an end.
    fn is_silent(&self) -> bool {
        self.at == self.length && matches!(self.end, End::Open)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.at).unwrap_or(usize::MAX);
        if let (0, End::Failure) = (left, self.end) {
            return Err(io::Error::other("the tape is torn"));
        }
        let length = left.min(buffer.len());
        for place in &mut buffer[..length] {
            *place = byte(self.at);
            self.at += 1;
        }
        Ok(length)
    }
}

fn byte(at: u64) -> u8 {
    // The low byte of a multiplicative hash.
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Hiccup::Due = self.hiccup {
            self.hiccup = Hiccup::Over;
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let Hiccup::Over = self.hiccup {
            self.hiccup = Hiccup::Due;
        }
        if self.is_silent() {
            thread::sleep(STUCK);
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.fill(buffer)
    }
}

impl AsyncRead for Pattern {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Nobody will wake who reads on.
        if self.is_silent() {
            return Poll::Pending;
        }
        let length = self.fill(buffer.initialize_unfilled())?;
        buffer.advance(length);
        Poll::Ready(Ok(()))
    }
}

/// The same upload for either adapter, which have the same methods.
macro_rules! upload_of {
    ($client:expr, $upload:expr, $content:ty) => {{
        let Upload { target, carried, deadline } = $upload;
        let content = match carried {
            Carried::Bytes(bytes) => <$content>::from(bytes.clone()),
            Carried::Path(path) => <$content>::path(path),
            Carried::Reader(pattern, length) => <$content>::reader(pattern.clone(), *length),
        };
        let upload = match target {
            Target::Attachment { id, file_name } => {
                $client.upload_attachment(id, file_name, content)
            }
            Target::Document { path, query } => {
                query.iter().fold($client.upload(path, content), |upload, (key, value)| {
                    upload.query(key, value)
                })
            }
        };
        match deadline {
            Some(total) => upload.deadline(*total),
            None => upload,
        }
    }};
}

pub(crate) fn of_async(client: &bill_async::Client, upload: &Upload) -> bill_async::Upload {
    upload_of!(client, upload, bill_async::Content)
}

pub(crate) fn of_blocking(
    client: &bill_blocking::Client,
    upload: &Upload,
) -> bill_blocking::Upload {
    upload_of!(client, upload, bill_blocking::Content)
}
