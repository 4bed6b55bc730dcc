//! Whether a broadcast can be played yet.

use std::time::Duration;

use ureq::Agent;
use url::Url;

/// Asks as a player that has just been opened.
#[derive(Debug)]
pub struct Probe(Agent);

impl Default for Probe {
    fn default() -> Self {
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build();
        Self(config.into())
    }
}

impl Probe {
    /// Whether a part, or else a segment, that the playlist names can be fetched. A multivariant playlist is followed.
    pub fn is_playable(&self, playlist: &Url) -> bool {
        self.media_of(playlist).is_some_and(|media| self.fetch(&media).is_some_and(|body| body.len() > 1_000))
    }

    fn media_of(&self, playlist: &Url) -> Option<Url> {
        let text = self.playlist(playlist)?;
        if !text.contains("#EXT-X-STREAM-INF") {
            return playlist.join(first_media(&text)?).ok();
        }
        let media_playlist = playlist.join(first_address(&text)?).ok()?;
        media_playlist.join(first_media(&self.playlist(&media_playlist)?)?).ok()
    }

    fn playlist(&self, address: &Url) -> Option<String> {
        String::from_utf8(self.fetch(address)?).ok().filter(|text| text.starts_with("#EXTM3U"))
    }

    fn fetch(&self, address: &Url) -> Option<Vec<u8>> {
        self.0.get(address.as_str()).call().ok()?.body_mut().read_to_vec().ok()
    }
}

fn first_media(playlist: &str) -> Option<&str> {
    let mut parts = playlist.lines().filter_map(|line| line.strip_prefix("#EXT-X-PART:"));
    parts.find_map(|part| part.split("URI=\"").nth(1)?.split('"').next()).or_else(|| first_address(playlist))
}

fn first_address(playlist: &str) -> Option<&str> {
    playlist.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
}
