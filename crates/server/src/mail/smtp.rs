//! Mail handed to an SMTP server (RFC 5321).

use std::net::IpAddr;
use std::time::Duration;

use anyhow::bail;
use lettre::message::Message;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::time::timeout;
use url::{Host, Url};

use super::Trouble;

/// How long handing over a mail may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that takes mail.
pub struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    /// By its address: `smtps://user:password@host:465`, or `smtp://host?tls=required` for STARTTLS.
    ///
    /// # Errors
    /// What is wrong, without the address: its password stands in it.
    pub fn new(address: &str) -> anyhow::Result<Self> {
        let form = "is no address such as smtps://user:password@mail.example.org:465";
        let Ok(url) = Url::parse(address) else { bail!("setting mail_url: {form}") };
        let is_smtp = matches!(url.scheme(), "smtp" | "smtps");
        if !is_smtp || url.host_str().is_none_or(str::is_empty) {
            bail!("setting mail_url: {form}");
        }
        let is_sealed = url.scheme() == "smtps" || url.query() == Some("tls=required");
        if url.password().is_some() && !is_sealed && !is_loopback(&url) {
            bail!("setting mail_url: a password goes over TLS only: use smtps://, or add ?tls=required");
        }
        match AsyncSmtpTransport::<Tokio1Executor>::from_url(address) {
            Ok(transport) => Ok(Self(transport.build())),
            Err(_) => bail!("setting mail_url: {form}"),
        }
    }

    /// Hands a mail over.
    pub(super) async fn send(&self, message: Message) -> Result<(), Trouble> {
        // The transport bounds connecting alone: a server that takes the connection and says nothing would keep the place.
        let Ok(sent) = timeout(PATIENCE, self.0.send(message)).await else {
            let seconds = PATIENCE.as_secs();
            return Err(Trouble::Passing(format!("the server did not take it within {seconds} s")));
        };
        match sent {
            Ok(_) => Ok(()),
            // What the server says may have the address in it: its code says enough.
            Err(error) => Err(match error.status() {
                Some(code) if error.is_permanent() => {
                    Trouble::Lasting(format!("the server refused it: {code}"))
                }
                Some(code) => Trouble::Passing(format!("the server put it off: {code}")),
                None => Trouble::Passing(format!("the server could not be asked: {error}")),
            }),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Of a scheme that is not of the web every host reads as a name.
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
pub mod tests {
    //! A server that takes mail, or does not.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;

    /// With what code mail is answered.
    #[derive(Clone, Copy)]
    pub enum Answers {
        Always(u16),
        FirstThen(u16, u16),
    }

    /// A mail that was taken.
    #[derive(Debug, Default)]
    pub struct Taken {
        pub from: String,
        pub to: String,
        pub text: String,
    }

    pub struct SmtpServer {
        address: std::net::SocketAddr,
        taken: mpsc::UnboundedReceiver<Taken>,
        asked: Arc<AtomicUsize>,
    }

    impl SmtpServer {
        pub async fn start(answers: Answers) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let ((tell, taken), asked) = (mpsc::unbounded_channel(), Arc::new(AtomicUsize::new(0)));
            let count = asked.clone();
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(converse(socket, answers, count.clone(), tell.clone()));
                }
            });
            Self { address, taken, asked }
        }

        pub fn url(&self) -> String {
            format!("smtp://{}", self.address)
        }

        pub async fn received(&mut self) -> Taken {
            self.taken.recv().await.unwrap()
        }

        /// How often mail was handed over.
        pub fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    async fn converse(
        socket: TcpStream,
        answers: Answers,
        count: Arc<AtomicUsize>,
        tell: mpsc::UnboundedSender<Taken>,
    ) {
        let (read, mut write) = socket.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut mail = Taken::default();
        write.write_all(b"220 test\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "MAIL" => {
                    mail.from = line["MAIL FROM:".len()..].split(' ').next().unwrap().to_owned();
                    "250 ok".to_owned()
                }
                "RCPT" => {
                    mail.to = line["RCPT TO:".len()..].split(' ').next().unwrap().to_owned();
                    "250 ok".to_owned()
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.unwrap();
                    while let Ok(Some(line)) = lines.next_line().await {
                        match line.strip_prefix('.') {
                            Some("") => break,
                            Some(rest) => mail.text += rest,
                            None => mail.text += &line,
                        }
                        mail.text += "\r\n";
                    }
                    let code = match (answers, count.fetch_add(1, Ordering::SeqCst)) {
                        (Answers::Always(code), _) | (Answers::FirstThen(code, _), 0) => code,
                        (Answers::FirstThen(_, code), _) => code,
                    };
                    let mail = std::mem::take(&mut mail);
                    if code == 250 {
                        tell.send(mail).ok();
                    }
                    format!("{code} that is that")
                }
                "QUIT" => return,
                _ => "250 test".to_owned(),
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
    }
}
