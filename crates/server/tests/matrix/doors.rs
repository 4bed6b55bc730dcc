//! The doors that the document does not describe: live channels, playback, ingest.

use serde_json::{Value, json};
use tallylight_media::rtmp::StreamKey;
use tallylight_media::rtmp::client::Publish;

use crate::due::Thing;
use crate::listener::{Heard, Listener};
use crate::people::{Caller, Credentials, World};
use crate::rows::Role;

/// What came of subscribing: the code of the refusal, or none.
async fn hears(world: &World, caller: &Caller, channel: &str) -> Option<u64> {
    let mut listener = Listener::opens(&world.app, &[]).await;
    let token = caller.person.token().unwrap_or_default();
    listener.says(json!({ "id": 1, "connect": { "token": token } }).to_string()).await;
    listener.says(json!({ "id": 2, "subscribe": { "channel": channel } }).to_string()).await;
    loop {
        match listener.hears().await {
            Heard::Told(told) if told["id"] == 2 => return told["error"]["code"].as_u64(),
            Heard::Told(_) => {}
            Heard::Closed(code) => return Some(code.into()),
            Heard::Cut => return Some(0),
        }
    }
}

/// Whether somebody's credentials are good for anything.
fn is_known(caller: &Caller) -> bool {
    !matches!(caller.credentials, Credentials::Void | Credentials::Suspended)
}

fn has(caller: &Caller, scope: &str) -> bool {
    match caller.credentials {
        Credentials::SignIn => true,
        Credentials::Key(of) => of == scope,
        _ => false,
    }
}

#[tokio::test]
async fn each_live_channel_is_heard_by_whom_it_is_for() {
    let world = World::new().await;
    let (public, _) = world.show(Thing::Public).await;
    let (private, _) = world.show(Thing::Private).await;
    let mut wrong = Vec::new();
    for caller in &world.callers {
        let due = [
            ("directory".to_owned(), is_known(caller)),
            (format!("session:{public}"), is_known(caller)),
            (format!("session:{private}"), caller.is_owner && has(caller, "broadcasts:read")),
            (format!("owner:{public}"), caller.is_owner && has(caller, "events:read")),
            (format!("owner:{private}"), caller.is_owner && has(caller, "events:read")),
            ("session:0190a000-0000-7000-8000-000000000000".to_owned(), false),
            ("owner:0190a000-0000-7000-8000-000000000000".to_owned(), false),
            ("admin".to_owned(), false),
        ];
        for (channel, due) in due {
            let refused = hears(&world, caller, &channel).await;
            if refused.is_none() != due {
                wrong.push(format!("{caller} on {channel}: {refused:?}, due: {due}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether an encoder may publish by a key.
async fn publishes(world: &World, key: &str) -> bool {
    let running = &world.app.running;
    Publish::connect(running.rtmp, &running.rtmp_app, &StreamKey::new(key)).await.is_ok()
}

#[tokio::test]
async fn ingest_takes_stream_keys_of_those_who_may_broadcast_and_nothing_else() {
    let world = World::new().await;
    let show = world.owner.goes_live("Launch day").await;
    let own = show.made.text("/publish/stream_key");
    assert!(publishes(&world, &own).await);
    let path = format!("/api/broadcasts/{}/stream-key/reset", show.id);
    let renewed = world.owner.post(&path, json!({})).await.is(200).text("/publish/stream_key");
    assert!(!publishes(&world, &own).await, "the key was reset");
    assert!(publishes(&world, &renewed).await);
    for caller in world.callers.iter().filter(|caller| caller.credentials == Credentials::SignIn) {
        let lasting = caller.person.get("/api/users/me/stream-key").await.is(200).text("/stream_key");
        let due = caller.role >= Role::Broadcaster;
        assert_eq!(publishes(&world, &lasting).await, due, "the lasting key of {caller}");
    }
    for caller in &world.callers {
        if let Some(token) = caller.person.token() {
            assert!(!publishes(&world, token).await, "the credentials of {caller} are no stream key");
        }
    }
    world.owner.patch(&format!("/api/broadcasts/{}", show.id), json!({ "status": "ended" })).await.is(200);
    assert!(!publishes(&world, &renewed).await, "it has ended");
}

#[tokio::test]
async fn playback_is_for_viewers_and_of_private_broadcasts_for_those_who_are_there() {
    let world = World::new().await;
    let public = world.owner.goes_live("Launch day").await;
    let private = world.owner.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await;
    let joined = world.app.stranger().joins(&public).await.is(200);
    let mine = joined.text("/playback/hls_url");
    let preview = world.owner.joins(&private).await.is(200).text("/playback/hls_url");
    let token = |url: &str| url.split('/').rev().nth(1).unwrap().to_owned();
    for caller in world.callers.iter() {
        let gets = async |path: String| caller.person.get(&path).await.status;
        let (here, there) = (&public.id, &private.id);
        // The entry hands out an address to anybody; of a private broadcast it is not there.
        assert_eq!(gets(format!("/live/{there}/index.m3u8")).await, 404, "{caller}");
        assert_eq!(gets(format!("/live/{there}/thumbnail.jpg")).await, 404, "{caller}");
        for wrong in [token(&mine), "x".repeat(44), caller.person.token().unwrap_or("none").to_owned()] {
            assert_eq!(gets(format!("/live/{there}/{wrong}/index.m3u8")).await, 404, "{caller} with {wrong}");
            assert_eq!(gets(format!("/live/{there}/{wrong}/video.m3u8")).await, 404, "{caller} with {wrong}");
            assert_eq!(gets(format!("/live/{there}/{wrong}/seg/1.m4s")).await, 404, "{caller} with {wrong}");
        }
        assert_eq!(gets(format!("/live/{here}/{}/index.m3u8", token(&preview))).await, 404, "{caller}");
    }
    let _: Value = joined.body;
}
