//! The post: mail waits in a queue and is written to files, or handed to a server that sends it.

mod files;
mod smtp;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use lettre::message::{Mailbox, Message, header::ContentType};
use tallylight_core::clock::Clock;
use tallylight_core::figures::Count;
use tallylight_core::ids::Ids;
use tallylight_core::mail::{Mail, Mailer};
use tallylight_core::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::settings::Settings;
use files::Files;
use smtp::Smtp;

/// How many mails may wait that nobody waits for, and how many of them are sent at a time.
const NOTICES: (usize, usize) = (1_500, 4);
/// The same of those that somebody waits for.
const AWAITED: (usize, usize) = (500, 2);
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
/// How often it is tidied, beside after each mail that is written there.
const TIDY: Duration = Duration::from_secs(3_600);

/// A mail, and its room until it is gone.
type Handed = (Mail, OwnedSemaphorePermit);

/// Where mail is handed in.
pub struct Letterbox {
    queue: mpsc::UnboundedSender<Handed>,
    carrier: Arc<Carrier>,
}

impl Mailer for Letterbox {
    fn send(&self, mail: Mail) -> Result<()> {
        let room = self.carrier.lane(&mail).room.clone().try_acquire_owned();
        let handed = room.ok().and_then(|room| self.queue.send((mail, room)).ok());
        handed.ok_or_else(|| {
            self.carrier.turned_away.one();
            Error::Busy("mail")
        })
    }
}

/// Where mail is handed in, or sent at once to see what becomes of it.
#[async_trait]
pub trait Post: Mailer {
    /// Sends a mail that waits for no other, once.
    ///
    /// # Errors
    /// Why it did not go out.
    async fn send_now(&self, mail: &Mail) -> Result<(), String>;
}

#[async_trait]
impl Post for Letterbox {
    async fn send_now(&self, mail: &Mail) -> Result<(), String> {
        let sent = self.carrier.send(mail).await;
        let count = if sent.is_ok() { &self.carrier.sent } else { &self.carrier.given_up };
        count.one();
        sent.map_err(|(Trouble::Passing(reason) | Trouble::Lasting(reason))| reason)
    }
}

/// What is known of the post at a moment.
pub struct Reading {
    /// Notices that wait, and how many may.
    pub notices: (usize, usize),
    /// The same of mails that somebody waits for.
    pub awaited: (usize, usize),
    /// How many mails went out.
    pub sent: u64,
    /// How many did not, after every try.
    pub given_up: u64,
    /// How many were not taken, as too many waited.
    pub turned_away: u64,
}

impl Letterbox {
    /// What is known now.
    pub fn reading(&self) -> Reading {
        let Carrier { notices, awaited, sent, given_up, turned_away, .. } = &*self.carrier;
        Reading {
            notices: notices.waiting(),
            awaited: awaited.waiting(),
            sent: sent.get(),
            given_up: given_up.get(),
            turned_away: turned_away.get(),
        }
    }
}

/// Takes mail out of the letterbox and sees that it goes out.
pub struct PostOffice {
    waiting: mpsc::UnboundedReceiver<Handed>,
    carrier: Arc<Carrier>,
    files: Arc<Files>,
}

/// Mails of one kind, which wait for none of another.
struct Lane {
    most: usize,
    room: Arc<Semaphore>,
    places: Semaphore,
}

impl Lane {
    fn new((most, at_once): (usize, usize)) -> Self {
        Self { most, room: Arc::new(Semaphore::new(most)), places: Semaphore::new(at_once) }
    }

    fn waiting(&self) -> (usize, usize) {
        (self.most - self.room.available_permits(), self.most)
    }
}

/// How mail goes out.
struct Carrier {
    from: Mailbox,
    way: Way,
    notices: Lane,
    awaited: Lane,
    retries: &'static [Duration],
    sent: Count,
    given_up: Count,
    turned_away: Count,
}

enum Way {
    Files(Arc<Files>),
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
    let files = Arc::new(Files { folder: settings.data_dir.join(FOLDER), clock, ids });
    let way = if settings.mail_url.is_empty() {
        Way::Files(files.clone())
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
    Ok(post(Carrier::new(from, way, RETRIES), files))
}

fn post(carrier: Carrier, files: Arc<Files>) -> (Letterbox, PostOffice) {
    // Each mail in it has a room, of which there are only so many.
    let (queue, waiting) = mpsc::unbounded_channel();
    let carrier = Arc::new(carrier);
    (Letterbox { queue, carrier: carrier.clone() }, PostOffice { waiting, carrier, files })
}

impl PostOffice {
    /// Works until told to stop; then what is there gets one more chance, for a moment.
    pub async fn run(self, stop: CancellationToken) {
        let tidying = keep_tidy(self.files.clone());
        let work = self.work(stop.clone());
        tokio::pin!(work);
        tokio::select! {
            () = &mut work => return,
            () = tidying => {}
            () = stop.cancelled() => {}
        }
        if timeout(DRAIN, work).await.is_err() {
            warn!("the server stops before all mail was taken");
        }
    }

    async fn work(mut self, stop: CancellationToken) {
        // Whoever stops waiting for it ends what is under way.
        let mut carried = JoinSet::new();
        loop {
            let handed = tokio::select! {
                handed = self.waiting.recv() => handed,
                Some(_) = carried.join_next() => continue,
                () = stop.cancelled(), if !self.waiting.is_closed() => {
                    self.waiting.close();
                    continue;
                }
            };
            let Some((mail, room)) = handed else { break };
            let (carrier, stop) = (self.carrier.clone(), stop.clone());
            carried.spawn(async move {
                carrier.carry(&mail, &stop).await;
                drop(room);
            });
        }
        while carried.join_next().await.is_some() {}
    }
}

/// Removes mails from the folder whose time is over, also of times when there was no server to send them.
async fn keep_tidy(files: Arc<Files>) {
    let mut ticks = tokio::time::interval(TIDY);
    loop {
        ticks.tick().await;
        let files = files.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || files.tidy()).await {
            warn!(error = format!("{error:#}"), "old mails could not be removed");
        }
    }
}

impl Carrier {
    fn new(from: Mailbox, way: Way, retries: &'static [Duration]) -> Self {
        let (notices, awaited) = (Lane::new(NOTICES), Lane::new(AWAITED));
        let (sent, given_up, turned_away) = Default::default();
        Self { from, way, notices, awaited, retries, sent, given_up, turned_away }
    }

    fn lane(&self, mail: &Mail) -> &Lane {
        if mail.is_awaited { &self.awaited } else { &self.notices }
    }

    /// Sends a mail, again while that may help.
    async fn carry(&self, mail: &Mail, stop: &CancellationToken) {
        let subject = &mail.subject;
        let mut retries = self.retries.iter();
        loop {
            let Ok(place) = self.lane(mail).places.acquire().await else { return };
            let sent = self.send(mail).await;
            drop(place);
            let (reason, wait) = match sent {
                Ok(()) => {
                    self.sent.one();
                    info!(subject, "a mail went out");
                    return;
                }
                Err(Trouble::Lasting(reason)) => (reason, None),
                Err(Trouble::Passing(reason)) => (reason, retries.next()),
            };
            let Some(wait) = wait.filter(|_| !stop.is_cancelled()) else {
                self.given_up.one();
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
            Way::Files(files) => {
                let (files, mail) = (files.clone(), message.formatted());
                let written = tokio::task::spawn_blocking(move || files.write(&mail)).await;
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
