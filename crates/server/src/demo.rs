//! `tallylight demo`: a living home page in one command.
//!
//! Everything goes the way that it goes for everybody: sample broadcasters publish small recorded loops to the RTMP
//! port, sample viewers join and leave through the API.

mod cast;
mod client;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tallylight_core::ids::{Ids, SystemIds};
use tallylight_core::user::{Registration, Role};
use tallylight_media::rtmp::StreamKey;
use tallylight_media::rtmp::client::play_loop;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::Running;
use cast::{CAST, Sample};
use client::Client;

/// How long to wait before a sample broadcaster or viewer tries again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long sample viewers stay, in seconds.
const STAY: std::ops::Range<u64> = 20..180;
const USERNAME: &str = "demo";

/// The demo's data folder, new at each start.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder under the system's temporary one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tallylight-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Sample people at work.
pub struct Demo {
    password: String,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Demo {
    /// Makes the accounts and the broadcasts, and sets everybody to work.
    ///
    /// # Errors
    /// When an account or a broadcast cannot be made.
    pub async fn begin(running: &Running, viewers: usize) -> anyhow::Result<Self> {
        let password = password()?;
        running.users.create_user(registration(USERNAME, "Demo", &password), Role::Admin).await?;
        let client = Client::new(running.http)?;
        let admin = client.sign_in(USERNAME, &password).await?;
        let demo = Self { password, stop: CancellationToken::new(), tasks: TaskTracker::new() };
        for sample in CAST {
            demo.put_on_air(running, &client, &admin, sample).await?;
        }
        for number in 0..viewers {
            demo.tasks.spawn(demo.stop.clone().run_until_cancelled_owned(watch(client.clone(), number)));
        }
        Ok(demo)
    }

    async fn put_on_air(
        &self,
        running: &Running,
        client: &Client,
        admin: &str,
        sample: &'static Sample,
    ) -> anyhow::Result<()> {
        let secret = password()?;
        running
            .users
            .create_user(registration(sample.username, sample.name, &secret), Role::Broadcaster)
            .await?;
        let token = client.sign_in(sample.username, &secret).await?;
        let broadcast = client.create(&token, sample).await?;
        if sample.featured {
            client.change(admin, &broadcast.id, &serde_json::json!({ "is_featured": true })).await?;
        }
        let file = sample.media()?;
        let (address, app, stop) = (running.rtmp, running.rtmp_app.clone(), self.stop.clone());
        let key = StreamKey::new(broadcast.stream_key);
        self.tasks.spawn(async move {
            while !stop.is_cancelled() {
                if let Err(error) = play_loop(address, &app, &key, &file, stop.clone()).await {
                    warn!(broadcaster = sample.username, %error, "a sample broadcast was interrupted");
                    stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                }
            }
        });
        Ok(())
    }

    /// Tells the person who started it where everything is.
    pub fn announce(&self, running: &Running) {
        let base = running.base_url();
        let (rtmp, app, password) = (running.rtmp, &running.rtmp_app, &self.password);
        eprintln!(
            "\n  Tallylight is on air with sample broadcasts. Press Ctrl-C to stop; nothing is kept.\n"
        );
        eprintln!("  Home page   {base}/");
        eprintln!("  Studio      {base}/studio");
        eprintln!("  API         {base}/api/docs\n");
        eprintln!("  Sign in     {USERNAME}");
        eprintln!("  Password    {password}\n");
        eprintln!("  Go live from OBS (Settings > Stream > Custom):");
        eprintln!("  Server      rtmp://{rtmp}/{app}");
        eprintln!("  Stream key  create a broadcast in the studio and copy its key\n");
    }

    /// Stops everybody and waits until they are gone.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn registration(username: &str, name: &str, password: &str) -> Registration {
    Registration {
        username: username.into(),
        email: format!("{username}@demo.invalid"),
        password: password.into(),
        display_name: Some(name.into()),
    }
}

/// 12 characters that cannot be mistaken for each other.
fn password() -> anyhow::Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567892";
    let mut random = [0; 12];
    SystemIds::default().fill(&mut random)?;
    Ok(random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

/// A sample viewer: picks a broadcast, stays a while, goes, and comes back to another.
async fn watch(client: Client, number: usize) {
    let ids = SystemIds::default();
    loop {
        if let Err(error) = watch_once(&client, &ids, number).await {
            warn!(%error, "a sample viewer could not watch");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn watch_once(client: &Client, ids: &SystemIds, number: usize) -> anyhow::Result<()> {
    let on_air = client.on_air().await?;
    if on_air.is_empty() {
        tokio::time::sleep(PAUSE).await;
        return Ok(());
    }
    // The smaller of two numbers: the first of the list are watched more, as in life.
    let index = below(ids, on_air.len())?.min(below(ids, on_air.len())?);
    let viewer = client.join(&on_air[index], number).await?;
    let stay = STAY.start + below(ids, bounded(STAY.end - STAY.start))? as u64;
    client.stay(&viewer, Duration::from_secs(stay)).await?;
    client.leave(&viewer).await
}

fn bounded(seconds: u64) -> usize {
    usize::try_from(seconds).unwrap_or(usize::MAX)
}

fn below(ids: &dyn Ids, limit: usize) -> anyhow::Result<usize> {
    let mut random = [0; 4];
    ids.fill(&mut random)?;
    Ok(u32::from_le_bytes(random) as usize % limit.max(1))
}

/// What a task shares of a recorded loop.
type Media = Arc<tallylight_media::rtmp::FlvFile>;
