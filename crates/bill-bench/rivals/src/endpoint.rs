//! A token endpoint on loopback, for the rivals whose HTTP client cannot be replaced.
//!
//! It runs on a thread and a runtime of its own, so that it takes no worker from the callers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::provider::Provider;

/// The endpoint; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Answers for `provider` from now on.
    pub(crate) fn serve(provider: Arc<Provider>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("endpoint".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, provider) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where tokens are asked for.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An endpoint that has ended by itself no longer hears this.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, provider: Arc<Provider>) {
    while let Ok((stream, _)) = listener.accept().await {
        let provider = Arc::clone(&provider);
        // A caller that hangs up ends its own connection, and nothing else.
        tokio::spawn(async move { converse(stream, &provider).await.ok() });
    }
}

/// Answers one request after the other until the caller hangs up.
async fn converse(stream: TcpStream, provider: &Provider) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(length) = head(&mut stream).await? {
        stream.read_exact(&mut vec![0; length]).await?;
        let answer = provider.sign_in().await;
        let body = answer.body();
        let answer = format!(
            "HTTP/1.1 {} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            answer.status(),
            body.len(),
        );
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// Reads the head of a request: the length of its body, or `None` when there is no request.
async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<usize>> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Ok(Some(length));
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
}
