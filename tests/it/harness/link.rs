//! Connections that can be cut.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A port before another one.
#[derive(Debug)]
pub struct Link {
    pub address: String,
    is_open: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Link {
    /// Before `host:port`.
    pub async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (is_open, open) = watch::channel(true);
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                tokio::spawn(carry(client, target.clone(), open.clone()));
            }
        });
        Self { address, is_open, accepting }
    }

    /// Ends what is open, and lets nothing through any more.
    pub fn cut(&self) {
        self.is_open.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, target: String, mut open: watch::Receiver<bool>) {
    if !*open.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let cut = open.wait_for(|open| !open);
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cut => {}
    }
}
