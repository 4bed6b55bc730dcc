//! Group commit: the writes of a node gather for a moment and go out as one transaction; each is answered after it.
//!
//! One task writes; while it does, the next writes gather. A batch that a bad write spoils is halved until that write
//! fails alone. One that the database cannot take just now is tried again until its writes have waited too long. When a
//! commit was sent and not confirmed, the next try looks in the log whether it happened: under the same locks, so that
//! an old connection cannot commit after all, and nothing is done twice.

use tallylight_core::error::Outage;
use tallylight_core::ids::EventId;
use tallylight_core::{Error, Result};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::batch::{self, Outcome, Write};
use crate::database::{Database, backoff, within};
use crate::failure::Failure;

/// The door to the writer of a database.
#[derive(Debug, Clone)]
pub struct Gatherer {
    queue: mpsc::Sender<Waiting>,
    database: Database,
    closing: CancellationToken,
    writer: TaskTracker,
}

/// A write and who waits for it.
#[derive(Debug)]
struct Waiting {
    write: Write,
    answer: oneshot::Sender<Result<Outcome>>,
    since: Instant,
    /// What it came to, as soon as its transaction is on disk.
    outcome: Option<Result<Outcome>>,
}

impl Gatherer {
    /// Starts the writer.
    pub fn start(database: Database) -> Self {
        let (queue, waiting) = mpsc::channel(database.limits.queue);
        let (closing, writer) = (CancellationToken::new(), TaskTracker::new());
        writer.spawn(Writer { database: database.clone() }.run(waiting, closing.clone()));
        writer.close();
        Self { queue, database, closing, writer }
    }

    /// Does a write together with others; answers once it is on disk.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait, [`Error::Unavailable`] when the database did not confirm it in time, or the
    /// write's own.
    pub async fn write(&self, write: Write) -> Result<Outcome> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { write, answer, since: Instant::now(), outcome: None };
        match self.queue.try_send(waiting) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Error::Busy("writes")),
            Err(TrySendError::Closed(_)) => return Err(stopped()),
        }
        answered.await.unwrap_or_else(|_| Err(Error::Unavailable(Outage::in_doubt(STOPPING))))
    }

    /// How many writes wait, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        let max = self.queue.max_capacity();
        (max - self.queue.capacity(), max)
    }

    /// The database, over the writer's own connection.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Takes no more writes, waits until those that were taken are answered, and closes the writer's connection.
    pub async fn close(&self) {
        self.closing.cancel();
        self.writer.wait().await;
        self.database.close().await;
    }
}

const STOPPING: &str = "the server is stopping";

fn stopped() -> Error {
    Error::Unavailable(STOPPING.into())
}

/// Whether a commit was sent and not confirmed, and an event that is in the log if it happened after all.
type Doubt = Option<EventId>;

struct Writer {
    database: Database,
}

impl Writer {
    async fn run(self, mut queue: mpsc::Receiver<Waiting>, closing: CancellationToken) {
        loop {
            let first = tokio::select! {
                first = queue.recv() => first,
                () = closing.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            let batch = self.gather(first, &mut queue).await;
            self.write(batch).await;
        }
    }

    /// Waits a moment for company. Whoever came while the batch before was written has waited enough.
    async fn gather(&self, first: Waiting, queue: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
        let limits = &self.database.limits;
        let until = first.since + limits.gather;
        let mut batch = vec![first];
        while batch.len() < limits.batch {
            let room = limits.batch - batch.len();
            match timeout_at(until, queue.recv_many(&mut batch, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        batch
    }

    async fn write(&self, batch: Vec<Waiting>) {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            match self.persist(&mut part).await {
                Ok(()) => part.into_iter().for_each(Waiting::answer),
                Err(failure) if part.len() <= 1 => {
                    let error = Error::from(failure);
                    part.into_iter().for_each(|waiting| waiting.refuse(error.clone()));
                }
                Err(failure) => {
                    debug!(
                        ?failure,
                        writes = part.len(),
                        "a batch was refused: looking for the write that spoils it"
                    );
                    let later = part.split_off(part.len() / 2);
                    parts.push(later);
                    parts.push(part);
                }
            }
        }
    }

    /// Tries until it is done or refused. Writes that have waited too long are answered and left out, together with
    /// those whose time is nearly up: what is left has time enough for a try.
    async fn persist(&self, part: &mut Vec<Waiting>) -> Result<(), Failure> {
        let timeout = self.database.limits.timeout;
        let mut doubt = None;
        let mut tries = 0;
        while let Some(oldest) = part.iter().map(|waiting| waiting.since).min() {
            let deadline = oldest + timeout;
            let tried = self.attempt(part, &mut doubt, deadline).await;
            if let Err(failure) = &tried {
                self.database.figures.failed(failure);
            }
            let reason = match tried {
                Ok(()) => return Ok(()),
                Err(Failure::Away(outage)) => outage.reason,
                // It did not get as far as to look whether the try before was committed.
                Err(failure) if doubt.is_some() => Error::from(failure).to_string(),
                Err(failure) => return Err(failure),
            };
            if !backoff(tries, deadline).await {
                let is_late = |waiting: &mut Waiting| waiting.since <= oldest + timeout / 2;
                let late: Vec<_> = part.extract_if(.., is_late).collect();
                let outage = Outage { in_doubt: doubt.is_some(), reason };
                warn!(
                    reason = outage.reason,
                    writes = late.len(),
                    "the database did not take writes in time"
                );
                late.into_iter().for_each(|waiting| waiting.refuse(Error::Unavailable(outage.clone())));
            }
            tries += 1;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        part: &mut [Waiting],
        doubt: &mut Doubt,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let mut transaction = self.database.begin(deadline).await?;
        let writes: Vec<&Write> = part.iter().map(|waiting| &waiting.write).collect();
        let work = async {
            if let Some(proof) = *doubt {
                let sessions = writes.iter().flat_map(|write| write.sessions()).collect();
                batch::lock(&mut transaction, &sessions).await?;
                if batch::is_logged(&mut transaction, proof).await? {
                    return Ok(None);
                }
                // Under these locks it cannot be committed any more.
                *doubt = None;
            }
            batch::write(&mut transaction, &writes).await.map(Some)
        };
        let Some((outcomes, proof)) = within(deadline, work).await? else {
            // Everything that is left of the batch was in it then, and has its outcome. Nothing is to be committed.
            return Ok(());
        };
        for (waiting, outcome) in part.iter_mut().zip(outcomes) {
            waiting.outcome = Some(outcome);
        }
        *doubt = proof;
        transaction.commit(deadline).await
    }
}

impl Waiting {
    fn answer(self) {
        let outcome = self.outcome.unwrap_or_else(|| Err(stopped()));
        // Who stopped waiting does not need the answer.
        let _ = self.answer.send(outcome);
    }

    fn refuse(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }
}
