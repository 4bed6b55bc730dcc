//! A server that takes mail (RFC 5321), as much of it as a client needs.

#![allow(dead_code, reason = "each test file uses its own part")]

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// To whom, and what.
type Taken = (String, String);

pub struct MailServer {
    address: std::net::SocketAddr,
    taken: mpsc::UnboundedReceiver<Taken>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, taken) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(converse(socket, tell.clone()));
            }
        });
        Self { address, taken }
    }

    /// For the setting `mail_url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The same, for somebody who signs in.
    pub fn url_for(&self, name: &str, password: &str) -> String {
        format!("smtp://{name}:{password}@{}", self.address)
    }

    /// The next mail.
    pub async fn received(&mut self) -> Taken {
        self.taken.recv().await.unwrap()
    }
}

async fn converse(socket: TcpStream, tell: mpsc::UnboundedSender<Taken>) {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut to = String::new();
    write.write_all(b"220 test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.strip_prefix("RCPT TO:") {
            address.clone_into(&mut to);
        }
        if line == "DATA" {
            write.write_all(b"354 go on\r\n").await.unwrap();
            let mut text = String::new();
            while let Some(line) = lines.next_line().await.unwrap().filter(|line| line != ".") {
                text += &line;
                text += "\n";
            }
            tell.send((to.clone(), unfolded(&text))).ok();
        }
        if line == "QUIT" {
            return;
        }
        if line.starts_with("EHLO") {
            // Whoever signs in is let in (RFC 4954).
            write.write_all(b"250-test\r\n250 AUTH PLAIN\r\n").await.unwrap();
            continue;
        }
        write.write_all(b"250 test\r\n").await.unwrap();
    }
}

/// Lines that were cut for the way (RFC 2045 §6.7) are put together.
fn unfolded(text: &str) -> String {
    match text.contains("quoted-printable") {
        true => text.replace("=\n", "").replace("=3D", "="),
        false => text.to_owned(),
    }
}
