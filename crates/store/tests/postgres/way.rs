//! A way to a server on which answers get lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tallylight_store::Location;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Passes everything on, until an answer is to be lost, and the connection with it.
pub struct Lossy {
    pub url: String,
    losses: Arc<Losses>,
}

struct Losses {
    /// How many more answers to commits are lost.
    commits: AtomicUsize,
    /// How many more answers pass at all.
    passing: AtomicUsize,
    /// How many more commits are held back, after their client is gone, until somebody asks for the same locks.
    late: AtomicUsize,
    locking: Notify,
}

impl Losses {
    fn count_down(counter: &AtomicUsize) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

impl Lossy {
    /// A way on which nothing is lost yet.
    pub async fn to(location: &Location) -> Self {
        let Location::Server(url) = location else { panic!("a server") };
        let (login, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let (server, listener) = (server.to_owned(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let url = format!("{login}@{}/{database}?sslmode=disable", listener.local_addr().unwrap());
        let losses = Losses {
            commits: AtomicUsize::new(0),
            passing: AtomicUsize::new(usize::MAX),
            late: AtomicUsize::new(0),
            locking: Notify::new(),
        };
        let losses = Arc::new(losses);
        let shared = losses.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, shared.clone()));
            }
        });
        Self { url, losses }
    }

    /// The next so many answers to commits are lost.
    pub fn loses_commits(&self, count: usize) {
        self.losses.commits.store(count, Ordering::SeqCst);
    }

    /// The next commit reaches the server late: its client has gone, and tries again on another connection.
    pub fn delays_a_commit(&self) {
        self.losses.late.store(1, Ordering::SeqCst);
    }

    /// How many of them are still to be lost.
    pub fn losses_left(&self) -> usize {
        self.losses.commits.load(Ordering::SeqCst)
    }

    /// Nothing passes after the next so many answers.
    pub fn breaks_after(&self, answers: usize) {
        self.losses.passing.store(answers, Ordering::SeqCst);
    }
}

async fn pass(client: TcpStream, server: TcpStream, losses: Arc<Losses>) {
    let ((mut asking, mut to_client), (mut telling, mut to_server)) =
        (client.into_split(), server.into_split());
    let (mut asked, mut told) = (vec![0; 65_536], vec![0; 65_536]);
    let mut committing = false;
    loop {
        tokio::select! {
            read = asking.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let asks = |words: &[u8]| asked[..count].windows(words.len()).any(|word| word == words);
                committing = asks(b"COMMIT");
                if committing && Losses::count_down(&losses.late) {
                    drop((asking, to_client));
                    losses.locking.notified().await;
                    to_server.write_all(&asked[..count]).await.unwrap();
                    let _ = telling.read(&mut told).await;
                    return;
                }
                if asks(b"FOR NO KEY UPDATE") {
                    losses.locking.notify_waiters();
                }
                if to_server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
            }
            read = telling.read(&mut told) => {
                let Ok(count @ 1..) = read else { return };
                if !Losses::count_down(&losses.passing) || committing && Losses::count_down(&losses.commits) {
                    return;
                }
                if to_client.write_all(&told[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
