//! An encoder and a player, to whom nothing else matters.

use std::process::{Child, Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// ffmpeg on air.
pub struct Encoder(Child);

impl Encoder {
    /// Publishes to a show until it is dropped.
    pub fn publish(show: &Value) -> Self {
        let part = |name: &str| show["publish"][name].as_str().unwrap().to_owned();
        let url = format!("{}/{}", part("rtmp_url"), part("stream_key"));
        let child = Command::new("ffmpeg")
            .args([
                "-hide_banner",
                "-loglevel",
                "error",
                "-re",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=160x90:rate=15",
            ])
            .args([
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-g",
                "15",
                "-f",
                "flv",
                &url,
            ])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A viewer who plays, part by part as they come.
pub struct Player {
    /// How many parts it has had.
    parts: watch::Receiver<usize>,
    playing: JoinHandle<()>,
}

impl Player {
    /// Joins and begins to play; returns with the first part.
    pub async fn begin(http: &Client, base: &str, show: &str) -> Self {
        let url = format!("{base}/api/broadcasts/{show}/join");
        let joined = http.post(url).json(&json!({})).send().await.unwrap().error_for_status().unwrap();
        let joined: Value = joined.json().await.unwrap();
        let entry = joined["playback"]["hls_url"].as_str().unwrap().to_owned();
        let playlist = first_playlist(http, &entry).await;
        let (told, parts) = watch::channel(0);
        let playing = tokio::spawn(play(http.clone(), playlist, told));
        let mut player = Self { parts, playing };
        player.has_more(1).await;
        player
    }

    /// Waits until so many more parts were played. Fails as soon as one is refused.
    pub async fn has_more(&mut self, parts: usize) {
        let enough = *self.parts.borrow_and_update() + parts;
        let played = self.parts.wait_for(|count| *count >= enough).await;
        assert!(played.is_ok(), "playback stopped");
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

/// The address of the picture's playlist, once there is one.
async fn first_playlist(http: &Client, entry: &str) -> String {
    loop {
        let text = http.get(entry).send().await.unwrap().text().await.unwrap();
        if let Some(name) = text.lines().find(|line| !line.starts_with('#') && line.contains(".m3u8")) {
            let folder = entry.rsplit_once('/').unwrap().0;
            return format!("{folder}/{name}");
        }
        tokio::task::yield_now().await;
    }
}

/// Asks for each part as soon as it is there (RFC 8216bis §6.2.5.2), and takes nothing but a playlist for an answer.
async fn play(http: Client, playlist: String, told: watch::Sender<usize>) {
    let mut url = playlist.clone();
    loop {
        let response = http.get(&url).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, 200, "{text}");
        let (segment, part) = next_part(&text);
        url = format!("{playlist}?_HLS_msn={segment}&_HLS_part={part}");
        told.send_modify(|count| *count += 1);
    }
}

/// The segment and the part that a playlist does not have yet.
fn next_part(playlist: &str) -> (u64, u64) {
    let first = playlist.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).unwrap();
    let segments = playlist.lines().filter(|line| line.starts_with("#EXTINF")).count() as u64;
    let parts = playlist.lines().rev().take_while(|line| !line.starts_with("#EXTINF"));
    let parts = parts.filter(|line| line.starts_with("#EXT-X-PART:")).count() as u64;
    (first.parse::<u64>().unwrap() + segments, parts)
}
