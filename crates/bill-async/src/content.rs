//! What an upload carries: bytes, a file, or a reader that can be read once.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bill_session_core::{Repeatable, TransportError};
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::fs::{self, File};
use tokio::io::{AsyncRead, ReadBuf};

/// How much of a file is read at a time.
const PIECE: usize = 64 << 10;

/// What an upload carries; it is streamed, and never in memory as a whole unless it comes as bytes.
pub struct Content(Kind);

enum Kind {
    Bytes(Bytes),
    Path(PathBuf),
    Reader {
        reader: Pin<Box<dyn AsyncRead + Send + Sync>>,
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
    pub fn reader(reader: impl AsyncRead + Send + Sync + 'static, length: Option<u64>) -> Self {
        Self(Kind::Reader { reader: Box::pin(reader), length })
    }

    pub(crate) fn repeatable(&self) -> Repeatable {
        match self.0 {
            Kind::Bytes(_) | Kind::Path(_) => Repeatable::Yes,
            Kind::Reader { .. } | Kind::Spent => Repeatable::Once,
        }
    }

    /// The content between what stands before and behind it.
    pub(crate) async fn open(
        &mut self,
        before: Bytes,
        after: Bytes,
    ) -> Result<Outgoing, TransportError> {
        let around = (before.len() + after.len()) as u64;
        let (source, length): (Source, Option<u64>) = match &mut self.0 {
            Kind::Bytes(bytes) => (Source::Bytes(bytes.clone()), Some(bytes.len() as u64)),
            Kind::Path(path) => {
                let known = fs::metadata(&*path).await.map_err(TransportError::content)?;
                length_of(&known)?;
                let file = File::open(path).await.map_err(TransportError::content)?;
                let known = file.metadata().await.map_err(TransportError::content)?;
                let length = length_of(&known)?;
                (Source::reader(Box::pin(file), length), length)
            }
            Kind::Reader { .. } | Kind::Spent => {
                match std::mem::replace(&mut self.0, Kind::Spent) {
                    Kind::Reader { reader, length } => (Source::reader(reader, length), length),
                    _ => {
                        return Err(TransportError::content(io::Error::other(
                            "it was read before",
                        )));
                    }
                }
            }
        };
        Ok(Outgoing {
            before,
            source,
            after,
            length: length.map(|length| length.saturating_add(around)),
            failure: Failure::default(),
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
    before: Bytes,
    source: Source,
    after: Bytes,
    /// Of all three, when it is known.
    length: Option<u64>,
    failure: Failure,
}

enum Source {
    Bytes(Bytes),
    Reader {
        reader: Pin<Box<dyn AsyncRead + Send + Sync>>,
        /// What is to come still, when it is known.
        left: Option<u64>,
        buffer: BytesMut,
    },
    Done,
}

impl Source {
    fn reader(reader: Pin<Box<dyn AsyncRead + Send + Sync>>, left: Option<u64>) -> Self {
        Self::Reader { reader, left, buffer: BytesMut::new() }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let piece = match self {
            Self::Bytes(bytes) => std::mem::take(bytes),
            // All that was told has come; a reader that stays open would never say so itself.
            Self::Reader { left: Some(0), .. } => Bytes::new(),
            Self::Reader { reader, left, buffer } => {
                let most = left.map_or(PIECE, |left| {
                    usize::try_from(left).map_or(PIECE, |left| left.min(PIECE))
                });
                buffer.resize(most, 0);
                let mut read = ReadBuf::new(buffer);
                match reader.as_mut().poll_read(context, &mut read) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok(())) => {}
                }
                let length = read.filled().len();
                let piece = buffer.split_to(length).freeze();
                if let Some(left) = left {
                    *left -= length as u64;
                    if length == 0 && *left > 0 {
                        let short = io::Error::from(io::ErrorKind::UnexpectedEof);
                        return Poll::Ready(Some(Err(short)));
                    }
                }
                piece
            }
            Self::Done => Bytes::new(),
        };
        if piece.is_empty() {
            *self = Self::Done;
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

/// Why the content could not be read: the HTTP client would only say that the body failed.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<io::Error>>>);

impl Failure {
    pub(crate) fn take(&self) -> Option<TransportError> {
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map(TransportError::content)
    }

    fn set(&self, error: io::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

impl Outgoing {
    /// Where to look when sending it fails.
    pub(crate) fn failure(&self) -> Failure {
        self.failure.clone()
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }
}

#[cfg(feature = "test-util")]
impl Outgoing {
    /// All of it at once.
    pub(crate) async fn collected(mut self) -> io::Result<Bytes> {
        use http_body::Body;

        let mut all = BytesMut::new();
        while let Some(frame) =
            std::future::poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await
        {
            all.extend_from_slice(&frame?.into_data().unwrap_or_default());
        }
        Ok(all.freeze())
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if !this.before.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.before)))));
        }
        match this.source.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(piece))) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Poll::Ready(Some(Err(error))) => {
                let told = io::Error::from(error.kind());
                this.failure.set(error);
                Poll::Ready(Some(Err(told)))
            }
            Poll::Ready(None) if this.after.is_empty() => Poll::Ready(None),
            Poll::Ready(None) => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.after)))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
