//! What an upload carries: bytes, a file, or a reader that can be read once.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use bill_session_core::{Repeatable, TransportError};
use bytes::Bytes;

/// What an upload carries; it is streamed, and never in memory as a whole unless it comes as bytes.
pub struct Content(Kind);

enum Kind {
    Bytes(Bytes),
    Path(PathBuf),
    Reader {
        reader: Box<dyn Read + Send>,
        length: Option<u64>,
    },
    /// A reader that was sent.
    Spent,
}

impl Content {
    /// The file at this path, opened when the upload is sent, and again should it be sent again.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Path(path.into()))
    }

    /// What a reader brings, of this length if it is known.
    ///
    /// It can be read only once, so the upload is sent only once, with a session that has at least
    /// five minutes left.
    pub fn reader(reader: impl Read + Send + 'static, length: Option<u64>) -> Self {
        Self(Kind::Reader { reader: Box::new(reader), length })
    }

    pub(crate) fn repeatable(&self) -> Repeatable {
        match self.0 {
            Kind::Bytes(_) | Kind::Path(_) => Repeatable::Yes,
            Kind::Reader { .. } | Kind::Spent => Repeatable::Once,
        }
    }

    /// The content between what stands before and behind it.
    pub(crate) fn open(&mut self, before: Bytes, after: Bytes) -> Result<Outgoing, TransportError> {
        let around = (before.len() + after.len()) as u64;
        let (source, length): (Box<dyn Read + Send>, Option<u64>) = match &mut self.0 {
            Kind::Bytes(bytes) => {
                let bytes = bytes.clone();
                let length = bytes.len() as u64;
                (Box::new(Cursor::new(bytes)), Some(length))
            }
            Kind::Path(path) => {
                let file = File::open(path).map_err(TransportError::content)?;
                let length = file.metadata().map_err(TransportError::content)?.len();
                (Box::new(file), Some(length))
            }
            Kind::Reader { .. } | Kind::Spent => {
                match std::mem::replace(&mut self.0, Kind::Spent) {
                    Kind::Reader { reader, length } => (reader, length),
                    _ => {
                        return Err(TransportError::content(io::Error::other(
                            "it was read before",
                        )));
                    }
                }
            }
        };
        Ok(Outgoing {
            before: Cursor::new(before),
            source,
            left: length,
            after: Cursor::new(after),
            length: length.map(|length| length.saturating_add(around)),
            failure: None,
        })
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }
}

impl fmt::Debug for Content {
    /// Without bytes and paths: they are the program's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Bytes(_) => "Content::Bytes",
            Kind::Path(_) => "Content::Path",
            Kind::Reader { .. } | Kind::Spent => "Content::Reader",
        })
    }
}

/// The body of an upload, on its way.
pub(crate) struct Outgoing {
    before: Cursor<Bytes>,
    source: Box<dyn Read + Send>,
    /// What is to come of the content still, when it is known.
    left: Option<u64>,
    after: Cursor<Bytes>,
    /// Of all three, when it is known.
    length: Option<u64>,
    /// Why the content could not be read: the HTTP client would not tell it from a broken connection.
    failure: Option<io::Error>,
}

impl Outgoing {
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Why the content could not be read, if it could not.
    pub(crate) fn failure(&mut self) -> Option<TransportError> {
        self.failure.take().map(TransportError::content)
    }

    fn read_content(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.map_or(buffer.len(), |left| {
            usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()))
        });
        let length = self.source.read(&mut buffer[..most])?;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(length as u64);
            if length == 0 && *left > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(length)
    }
}

impl Read for Outgoing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.before.read(buffer)?;
        if length > 0 || buffer.is_empty() {
            return Ok(length);
        }
        match self.read_content(buffer) {
            Ok(0) => self.after.read(buffer),
            Ok(length) => Ok(length),
            Err(error) => {
                let told = io::Error::from(error.kind());
                self.failure = Some(error);
                Err(told)
            }
        }
    }
}
