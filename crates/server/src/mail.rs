//! The post: mail waits in a queue and is written to files, or handed to a server that sends it.

mod smtp;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use lettre::message::{Mailbox, Message, header::ContentType};
use tallylight_core::clock::Clock;
use tallylight_core::ids::Ids;
use tallylight_core::mail::{Mail, Mailer};
use tallylight_core::{Error, Result};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::settings::Settings;
use smtp::Smtp;

/// How many mails may wait.
const QUEUE: usize = 1_000;
/// How many are sent at a time.
const AT_ONCE: usize = 4;
/// The waits between tries.
const RETRIES: &[Duration] = &[
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(1_800),
];
/// How long what is under way may take once the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// The folder of mails that are written to files.
const FOLDER: &str = "mail";

/// Where mail is handed in.
pub struct Letterbox(mpsc::Sender<Mail>);

impl Mailer for Letterbox {
    fn send(&self, mail: Mail) -> Result<()> {
        self.0.try_send(mail).map_err(|_| Error::Busy("mail"))
    }
}

/// Takes mail out of the letterbox and sees that it goes out.
pub struct PostOffice {
    waiting: mpsc::Receiver<Mail>,
    carrier: Arc<Carrier>,
}

/// How mail goes out.
struct Carrier {
    from: Mailbox,
    way: Way,
    places: Semaphore,
    retries: &'static [Duration],
}

enum Way {
    Files { folder: PathBuf, clock: Arc<dyn Clock>, ids: Arc<dyn Ids> },
    Smtp(Smtp),
}

/// Why a mail did not go out.
#[derive(Debug)]
enum Trouble {
    /// Another try may help.
    Passing(String),
    /// None will.
    Lasting(String),
}

/// Opens the post as it is set.
///
/// # Errors
/// What is wrong with `mail_url` or `mail_from`. The address of the server is not told: its password stands in it.
pub fn open(
    settings: &Settings,
    (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
) -> anyhow::Result<(Letterbox, PostOffice)> {
    let way = if settings.mail_url.is_empty() {
        Way::Files { folder: settings.data_dir.join(FOLDER), clock, ids }
    } else {
        if settings.public_url.is_empty() {
            warn!("mail_url is set and public_url is not: links in mails lead to the address listened on");
        }
        Way::Smtp(Smtp::new(&settings.mail_url)?)
    };
    let from = settings.mail_from.parse().map_err(|error| {
        anyhow!(
            "setting mail_from: {:?} is no address such as \"Live <live@example.org>\": {error}",
            settings.mail_from
        )
    })?;
    Ok(post(Carrier { from, way, places: Semaphore::new(AT_ONCE), retries: RETRIES }))
}

fn post(carrier: Carrier) -> (Letterbox, PostOffice) {
    let (queue, waiting) = mpsc::channel(QUEUE);
    (Letterbox(queue), PostOffice { waiting, carrier: Arc::new(carrier) })
}

impl PostOffice {
    /// Works until told to stop; then what is there gets one more chance, for a moment.
    pub async fn run(self, stop: CancellationToken) {
        let work = self.work(stop.clone());
        tokio::pin!(work);
        tokio::select! {
            () = &mut work => return,
            () = stop.cancelled() => {}
        }
        if timeout(DRAIN, work).await.is_err() {
            warn!("the server stops before all mail was taken");
        }
    }

    async fn work(mut self, stop: CancellationToken) {
        let (stays, carried) = (Arc::new(Semaphore::new(QUEUE)), TaskTracker::new());
        loop {
            let mail = tokio::select! {
                mail = self.waiting.recv() => mail,
                () = stop.cancelled(), if !self.waiting.is_closed() => {
                    self.waiting.close();
                    continue;
                }
            };
            let Some(mail) = mail else { break };
            // As many as wait here may be under way: beyond that they wait there, and then are refused.
            let Ok(stay) = stays.clone().acquire_owned().await else { break };
            let (carrier, stop) = (self.carrier.clone(), stop.clone());
            carried.spawn(async move {
                carrier.carry(&mail, &stop).await;
                drop(stay);
            });
        }
        carried.close();
        carried.wait().await;
    }
}

impl Carrier {
    /// Sends a mail, again while that may help.
    async fn carry(&self, mail: &Mail, stop: &CancellationToken) {
        let subject = &mail.subject;
        let mut retries = self.retries.iter();
        loop {
            let Ok(place) = self.places.acquire().await else { return };
            let sent = self.send(mail).await;
            drop(place);
            let (reason, wait) = match sent {
                Ok(()) => {
                    info!(subject, "a mail went out");
                    return;
                }
                Err(Trouble::Lasting(reason)) => (reason, None),
                Err(Trouble::Passing(reason)) => (reason, retries.next()),
            };
            let Some(wait) = wait.filter(|_| !stop.is_cancelled()) else {
                warn!(subject, reason, "a mail was given up");
                return;
            };
            warn!(subject, reason, "a mail did not go out; trying again in a while");
            tokio::select! {
                () = tokio::time::sleep(*wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn send(&self, mail: &Mail) -> Result<(), Trouble> {
        let message = self.message(mail)?;
        match &self.way {
            Way::Files { folder, clock, ids } => {
                let name = ids.uuid(clock.now()).map_err(|error| Trouble::Passing(error.to_string()))?;
                let (path, bytes) = (folder.join(format!("{name}.eml")), message.formatted());
                let folder = folder.clone();
                let written = tokio::task::spawn_blocking(move || write(&folder, &path, &bytes)).await;
                let written = written.map_err(|error| Trouble::Passing(error.to_string()))?;
                written.map_err(|error| Trouble::Passing(format!("{error:#}")))
            }
            Way::Smtp(smtp) => smtp.send(message).await,
        }
    }

    fn message(&self, mail: &Mail) -> Result<Message, Trouble> {
        // The address is not in the reason: it is somebody's.
        let to = mail.to.parse().map_err(|_| Trouble::Lasting("the address is none".into()))?;
        let message = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to));
        let message = message.subject(&mail.subject).header(ContentType::TEXT_PLAIN).body(mail.text.clone());
        message.map_err(|error| Trouble::Lasting(error.to_string()))
    }
}

/// Nobody but the operator reads what stands there.
fn write(folder: &std::path::Path, path: &std::path::Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("{} cannot be written", path.display()))?;
    file.write_all(bytes).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::smtp::tests::{Answers, SmtpServer};
    use super::*;
    use tallylight_core::clock::SystemClock;
    use tallylight_core::ids::SystemIds;

    fn hello() -> Mail {
        Mail {
            to: "ada@example.org".into(), subject: "Grüße".into(), text: "Hello Ada,\n\n.\nbye\n".into()
        }
    }

    fn carrier(way: Way) -> Carrier {
        let (from, places) = ("Tallylight <live@example.org>".parse().unwrap(), Semaphore::new(AT_ONCE));
        Carrier { from, way, places, retries: &[Duration::ZERO] }
    }

    fn by_smtp(url: &str) -> Carrier {
        carrier(Way::Smtp(Smtp::new(url).unwrap()))
    }

    /// Hands a mail in, and waits until the post office has closed behind it.
    async fn sends(carrier: Carrier) {
        let (letterbox, office) = post(carrier);
        letterbox.send(hello()).unwrap();
        drop(letterbox);
        office.run(CancellationToken::new()).await;
    }

    #[tokio::test]
    async fn without_a_server_mail_is_a_file_that_only_the_operator_reads() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join(FOLDER);
        let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
        sends(carrier(Way::Files { folder: folder.clone(), clock, ids })).await;
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        assert!(file.file_name().to_str().unwrap().ends_with(".eml"));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.contains("To: ada@example.org\r\n") && text.contains("Hello Ada,"), "{text}");
    }

    #[tokio::test]
    async fn a_server_is_handed_the_mail_as_it_was_written() {
        let mut server = SmtpServer::start(Answers::Always(250)).await;
        sends(by_smtp(&server.url())).await;
        let taken = server.received().await;
        assert_eq!((taken.from.as_str(), taken.to.as_str()), ("<live@example.org>", "<ada@example.org>"));
        assert!(taken.text.contains("Hello Ada,\r\n\r\n.\r\nbye\r\n"), "{}", taken.text);
    }

    #[tokio::test]
    async fn a_mail_that_is_put_off_is_sent_again_and_one_that_is_refused_is_not() {
        let mut server = SmtpServer::start(Answers::FirstThen(451, 250)).await;
        sends(by_smtp(&server.url())).await;
        assert!(server.received().await.text.contains("Hello Ada,"));
        assert_eq!(server.asked(), 2);
        let server = SmtpServer::start(Answers::Always(550)).await;
        sends(by_smtp(&server.url())).await;
        assert_eq!(server.asked(), 1);
    }

    #[tokio::test]
    async fn a_full_letterbox_says_so_and_keeps_nobody_waiting() {
        let data = tempfile::tempdir().unwrap();
        let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
        let (letterbox, office) = post(carrier(Way::Files { folder: data.path().into(), clock, ids }));
        (0..QUEUE).for_each(|_| letterbox.send(hello()).unwrap());
        assert!(matches!(letterbox.send(hello()), Err(Error::Busy("mail"))));
        drop(office);
    }

    #[test]
    fn a_setting_that_cannot_work_is_refused_by_name_and_its_password_is_not_told() {
        for url in [
            "smtps://ada:hunter2@",
            "imap://ada:hunter2@mail.example",
            "hunter2",
            "smtp://ada:hunter2@mail.example",
            "smtps://ada:hunter2@mail.example:hunter2",
        ] {
            let error = format!("{:#}", Smtp::new(url).err().unwrap());
            assert!(error.contains("mail_url") && !error.contains("hunter2"), "{error}");
        }
        for url in [
            "smtps://ada:hunter2@mail.example:465",
            "smtp://mail.example",
            "smtp://a:b@mail.example?tls=required",
        ] {
            assert!(Smtp::new(url).is_ok(), "{url}");
        }
        let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
        let settings = Settings { mail_from: "nobody".into(), ..Settings::default() };
        let error = open(&settings, (clock, ids)).err().unwrap().to_string();
        assert!(error.starts_with("setting mail_from: \"nobody\""), "{error}");
    }
}
