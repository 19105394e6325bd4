//! What an upload carries: bytes, a file, or a reader that can be read once.

use std::fmt;
use std::fs::{self, File, Metadata};
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
    ///
    /// It has to be a regular file: a pipe is refused when the upload is sent, and can be given as a
    /// [`reader`](Self::reader).
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Path(path.into()))
    }

    /// What a reader brings, of this length if it is known; it is read no further than that.
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
                length_of(&fs::metadata(&*path).map_err(TransportError::content)?)?;
                let file = File::open(path).map_err(TransportError::content)?;
                let length = length_of(&file.metadata().map_err(TransportError::content)?)?;
                (Box::new(file), length)
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

/// The length of a file, where it is known.
///
/// What is no file of the disk, such as a pipe, has no length that could be relied on, and to open it
/// may wait for ever. A file of no length may still hold something, as those of `/proc` do.
fn length_of(file: &Metadata) -> Result<Option<u64>, TransportError> {
    if !file.is_file() {
        let other = io::Error::other("it is no regular file: give a reader");
        return Err(TransportError::content(other));
    }
    Ok(Some(file.len()).filter(|length| *length > 0))
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
        // All that was told has come; a reader that stays open would never say so itself.
        if self.left == Some(0) {
            return Ok(0);
        }
        let most = self.left.map_or(buffer.len(), |left| {
            usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()))
        });
        let length = loop {
            match self.source.read(&mut buffer[..most]) {
                // As the standard library does: nothing was read, and the next try may.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
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
