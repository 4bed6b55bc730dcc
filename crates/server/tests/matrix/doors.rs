//! The doors that the document does not describe: live channels and ingest; what is played has a file of its own.

use serde_json::json;

use crate::due::Thing;
use crate::encoder::may_publish;
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

#[tokio::test]
async fn ingest_takes_stream_keys_of_those_who_may_broadcast_and_nothing_else() {
    let world = World::new().await;
    let show = world.owner.goes_live("Launch day").await;
    let own = show.made.text("/publish/stream_key");
    assert!(may_publish(&world.app, &own).await);
    let path = format!("/api/broadcasts/{}/stream-key/reset", show.id);
    let renewed = world.owner.post(&path, json!({})).await.is(200).text("/publish/stream_key");
    assert!(!may_publish(&world.app, &own).await, "the key was reset");
    assert!(may_publish(&world.app, &renewed).await);
    for caller in world.callers.iter().filter(|caller| caller.credentials == Credentials::SignIn) {
        let lasting = caller.person.get("/api/users/me/stream-key").await.is(200).text("/stream_key");
        let due = caller.role >= Role::Broadcaster;
        assert_eq!(may_publish(&world.app, &lasting).await, due, "the lasting key of {caller}");
    }
    for caller in &world.callers {
        if let Some(token) = caller.person.token() {
            assert!(!may_publish(&world.app, token).await, "the credentials of {caller} are no stream key");
        }
    }
    world.owner.patch(&format!("/api/broadcasts/{}", show.id), json!({ "status": "ended" })).await.is(200);
    assert!(!may_publish(&world.app, &renewed).await, "it has ended");
}
