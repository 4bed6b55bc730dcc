//! What is played: by whom the address was given to, and by nobody else.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::common::{Answer, Person, Show};
use crate::encoder::{is_on_air, publishes};
use crate::people::World;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(30);

/// A public and a private broadcast on air, and the addresses that people were given.
struct OnAir {
    public: Show,
    private: Show,
    /// A stranger's, of the public one.
    viewer: Address,
    /// The owner's, of the private one.
    preview: Address,
    /// That of somebody invited to the private one.
    guest: Address,
    invitation: Answer,
    encoders: Vec<JoinHandle<()>>,
}

/// Where a viewer's playlists are.
#[derive(Clone)]
struct Address {
    folder: String,
    token: String,
}

impl Address {
    fn of(joined: &Answer) -> Self {
        let url = joined.text("/playback/hls_url");
        let (folder, _) = url.rsplit_once('/').unwrap();
        let token = folder.rsplit_once('/').unwrap().1.to_owned();
        Self { folder: folder.to_owned(), token }
    }
}

impl OnAir {
    async fn new(world: &World) -> Self {
        let (owner, stranger) = (&world.owner, world.app.stranger());
        let public = owner.goes_live("Launch day").await;
        let private = owner.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await;
        let invites = format!("/api/broadcasts/{}/join-tokens", private.id);
        let invitation = owner.post(&invites, json!({})).await.is(201);
        let mut encoders = Vec::new();
        for show in [&public, &private] {
            let encoder = publishes(&world.app, &show.made.text("/publish/stream_key"));
            encoders.push(tokio::spawn(async move { panic!("the encoder was cut: {:?}", encoder.await) }));
            timeout(PATIENCE, is_on_air(&world.app, owner, show)).await.expect("it is on air");
        }
        let invited = json!({ "join_token": invitation.text("/join_token") });
        Self {
            viewer: Address::of(&stranger.joins(&public).await.is(200)),
            preview: Address::of(&owner.joins(&private).await.is(200)),
            guest: Address::of(&stranger.joins_with(&private, invited).await.is(200)),
            public,
            private,
            invitation,
            encoders,
        }
    }

    /// What there is to be fetched at an address now, each of which comes: playlists, media, the picture.
    async fn plays(&self, by: &Person, address: &Address) -> Vec<String> {
        let gets = async |file: &str| by.get(&format!("{}/{file}", address.folder)).await;
        let index = gets("index.m3u8").await.is(200).raw;
        let name = index.lines().find(|line| line.ends_with(".m3u8")).unwrap();
        let media = gets(name).await.is(200).raw;
        let named = |tag: &str| {
            let line = media.lines().rfind(|line| line.starts_with(tag)).unwrap_or_else(|| panic!("{media}"));
            line.split('"').nth(1).unwrap()
        };
        let (start, part) = (named("#EXT-X-MAP:"), named("#EXT-X-PART:"));
        let files = ["index.m3u8", name, start, part, "thumbnail.jpg"];
        let pictured = async { while gets("thumbnail.jpg").await.status != 200 {} };
        timeout(PATIENCE, pictured).await.expect("there is a picture");
        for file in files {
            assert_eq!(gets(file).await.status, 200, "{file}");
        }
        files.map(str::to_owned).to_vec()
    }
}

impl Drop for OnAir {
    fn drop(&mut self) {
        self.encoders.iter().for_each(JoinHandle::abort);
    }
}

#[tokio::test]
async fn what_is_on_air_is_played_at_the_addresses_that_were_given_out_and_at_no_others() {
    let world = World::new().await;
    let air = OnAir::new(&world).await;
    let (here, there) = (format!("/live/{}", air.public.id), format!("/live/{}", air.private.id));
    let mut wrong = Vec::new();
    for caller in &world.callers {
        let by = &caller.person;
        let mut tries = async |path: String, due: u16| match by.get(&path).await.status {
            came if came == due => {}
            came => wrong.push(format!("{path} by {caller}: {due} is due, {came} came")),
        };
        air.plays(by, &air.guest).await;
        let (hidden, open) = (air.plays(by, &air.preview).await, air.plays(by, &air.viewer).await);
        for (folder, due) in [(&here, 200), (&there, 404)] {
            // The entry hands out an address to anybody; of a private broadcast it is not there.
            tries(format!("{folder}/index.m3u8"), due).await;
            tries(format!("{folder}/thumbnail.jpg"), due).await;
        }
        let (start, part) = (&hidden[2], &hidden[3]);
        tries(format!("{there}/{start}"), 404).await;
        tries(format!("{there}/{part}"), 404).await;
        let own = by.token().unwrap_or("none").to_owned();
        for token in [air.viewer.token.clone(), "x".repeat(44), own] {
            for file in &hidden {
                tries(format!("{there}/{token}/{file}"), 404).await;
            }
        }
        for token in [&air.preview.token, &air.guest.token] {
            // Its media is everybody's.
            for file in open.iter().filter(|file| !file.starts_with("../")) {
                tries(format!("{here}/{token}/{file}"), 404).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn who_is_invited_no_more_plays_no_more() {
    let world = World::new().await;
    let air = OnAir::new(&world).await;
    let stranger = world.app.stranger();
    let files = air.plays(&stranger, &air.guest).await;
    let invitation = air.invitation.text("/id");
    let path = format!("/api/broadcasts/{}/join-tokens/{invitation}", air.private.id);
    world.owner.delete(&path).await.is(204);
    for file in files {
        stranger.get(&format!("{}/{file}", air.guest.folder)).await.is(404);
    }
    air.plays(&stranger, &air.preview).await;
}
