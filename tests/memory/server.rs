//! BILL in the parent, so that nothing of a server is in the child's memory.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bill_conformance::next_request;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::child::Secrets;
use crate::script::answer;

/// What answers by the script for as long as this process lives.
pub(crate) struct Server {
    addr: SocketAddr,
    /// The certificate that a client must trust.
    certificate: Option<PathBuf>,
}

impl Server {
    pub(crate) fn start(secrets: Secrets, tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let identity = tls.then(identity);
        let certificate = identity.as_ref().map(|(pem, _)| {
            let name = format!("memory-{}-{}.pem", process::id(), addr.port());
            let path = env::temp_dir().join(name);
            fs::write(&path, pem).unwrap();
            path
        });
        let config = identity.map(|(_, config)| config);
        let (secrets, number) = (Arc::new(secrets), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (secrets, number) = (Arc::clone(&secrets), Arc::clone(&number));
                let config = config.clone();
                thread::spawn(move || match config {
                    None => serve(stream, &secrets, &number),
                    Some(config) => {
                        let tls = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(tls, stream), &secrets, &number)
                    }
                });
            }
        });
        Self { addr, certificate }
    }

    pub(crate) fn origin(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// What a child needs to trust it, and to reach it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |path: &PathBuf| ("SSL_CERT_FILE", path.to_str().unwrap().to_owned());
        self.certificate.as_ref().map(path).into_iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(certificate) = &self.certificate {
            // It is in a folder for what is left behind.
            let _ = fs::remove_file(certificate);
        }
    }
}

/// A certificate for loopback, and what a server shows of it.
fn identity() -> (String, Arc<ServerConfig>) {
    let names = vec!["127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    (made.cert.pem(), Arc::new(config))
}

/// Answers whatever comes on a connection, until it ends.
fn serve(mut stream: impl Read + Write, secrets: &Secrets, number: &AtomicUsize) -> io::Result<()> {
    loop {
        let (head, _) = next_request(&mut stream)?;
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let (status, template) = answer(&path, number.fetch_add(1, Ordering::Relaxed));
        let body = secrets.answer(&template);
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes())?;
        stream.flush()?;
    }
}
