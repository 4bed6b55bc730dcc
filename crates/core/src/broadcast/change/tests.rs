use serde_json::{Map, Value, json};
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::broadcast::Epoch;
use crate::ids::{BroadcastId, UserId};
use crate::user::SealedKey;

const BEFORE: Time = datetime!(2026-05-01 12:00 UTC);
const NOW: Time = datetime!(2026-05-01 13:00 UTC);
const LATER: Time = datetime!(2026-05-01 13:01 UTC);

fn show() -> Broadcast {
    Broadcast {
        id: BroadcastId(Uuid::from_u128(1)),
        owner: UserId(Uuid::from_u128(2)),
        owner_name: "ada".into(),
        title: "Launch day".into(),
        description: Some("Ten, nine".into()),
        status: Status::Active,
        visibility: Visibility::Public,
        created_at: BEFORE,
        started_at: BEFORE,
        ended_at: None,
        max_viewers: 0,
        elsewhere: MediaAddresses::default(),
        metadata: object(json!({"rocket": {"stages": 2}})),
        ai_intent: Some("science".into()),
        tags: vec!["space".into()],
        is_featured: false,
        reported_viewers: 0,
        ingest: Ingest { state: IngestState::Idle, interrupted_until: None },
        stream_key: SealedKey { hash: [1; 32], sealed: vec![1] },
        deleted_at: None,
        revision: 3,
        epoch: Epoch(1),
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn in_status(status: Status) -> Broadcast {
    let ended = status == Status::Ended;
    Broadcast { status, ended_at: ended.then_some(BEFORE), ..show() }
}

fn with_ingest(state: IngestState) -> Broadcast {
    let waits = state == IngestState::Interrupted;
    Broadcast { ingest: Ingest { state, interrupted_until: waits.then_some(NOW) }, ..show() }
}

fn to_status(status: Status) -> UpdateBroadcast {
    UpdateBroadcast { status: Some(status), ..UpdateBroadcast::default() }
}

fn events(decision: &Decision) -> Vec<(&'static str, Value)> {
    decision.events.iter().map(|(kind, data)| (kind.name(), data.clone())).collect()
}

/// The one update of a test, which changes something.
fn changed(from: &Broadcast, update: UpdateBroadcast) -> Decision {
    from.update(&update, NOW).unwrap().expect("something changes")
}

#[test]
fn each_status_becomes_each_other_with_one_event() {
    use Status::{Active, Ended, Paused, Private};
    let table = [
        (Active, Paused, "broadcast.paused", json!({})),
        (Active, Private, "broadcast.updated", json!({"status": "private"})),
        (Active, Ended, "broadcast.ended", json!({})),
        (Paused, Active, "broadcast.resumed", json!({})),
        (Paused, Private, "broadcast.updated", json!({"status": "private"})),
        (Paused, Ended, "broadcast.ended", json!({})),
        (Private, Active, "broadcast.updated", json!({"status": "active"})),
        (Private, Paused, "broadcast.paused", json!({})),
        (Private, Ended, "broadcast.ended", json!({})),
    ];
    for (from, to, kind, data) in table {
        let decision = changed(&in_status(from), to_status(to));
        assert_eq!(decision.after.status, to);
        assert_eq!(events(&decision), [(kind, data)], "{from} → {to}");
    }
}

#[test]
fn the_same_status_again_changes_and_logs_nothing() {
    for status in [Status::Active, Status::Paused, Status::Private, Status::Ended] {
        assert!(in_status(status).update(&to_status(status), NOW).unwrap().is_none(), "{status}");
    }
}

#[test]
fn what_ended_stays_ended() {
    for to in [Status::Active, Status::Paused, Status::Private] {
        let update = UpdateBroadcast { title: Some("Again".into()), ..to_status(to) };
        let refusal = in_status(Status::Ended).update(&update, NOW).unwrap_err();
        assert!(
            matches!(refusal, Error::InvalidTransition { from: Status::Ended, to: asked } if asked == to)
        );
    }
    assert!(in_status(Status::Ended).end("twice", NOW).is_none());
}

#[test]
fn ending_notes_the_time_and_lets_everybody_go() {
    for from in [Status::Active, Status::Paused, Status::Private] {
        let live = Broadcast { reported_viewers: 150, ..with_ingest(IngestState::Interrupted) };
        let decision = changed(&Broadcast { status: from, ..live }, to_status(Status::Ended));
        let after = &decision.after;
        assert_eq!((after.ended_at, after.reported_viewers), (Some(NOW), 0));
        assert_eq!(after.ingest, Ingest { state: IngestState::Ended, interrupted_until: None });
        assert_eq!(decision.evict, Some(LeaveReason::Ended));
    }
}

#[test]
fn what_ends_by_itself_says_why() {
    let decision = show().end("the encoder did not come back", NOW).unwrap();
    assert_eq!(events(&decision), [("broadcast.ended", json!({"reason": "the encoder did not come back"}))]);
    assert_eq!((decision.after.ended_at, decision.evict), (Some(NOW), Some(LeaveReason::Ended)));
}

#[test]
fn turning_private_in_either_way_evicts_once() {
    let by_visibility =
        || UpdateBroadcast { visibility: Some(Visibility::Private), ..UpdateBroadcast::default() };
    for update in [to_status(Status::Private), by_visibility()] {
        assert_eq!(changed(&show(), update).evict, Some(LeaveReason::Private));
    }
    let hidden = changed(&show(), by_visibility()).after;
    assert_eq!(changed(&hidden, to_status(Status::Private)).evict, None, "those inside were invited");
    assert_eq!(changed(&in_status(Status::Private), by_visibility()).evict, None);
    let ended = UpdateBroadcast { visibility: Some(Visibility::Private), ..to_status(Status::Ended) };
    assert_eq!(changed(&show(), ended).evict, Some(LeaveReason::Ended));
}

#[test]
fn turning_public_again_evicts_nobody() {
    let update = UpdateBroadcast { visibility: Some(Visibility::Public), ..UpdateBroadcast::default() };
    let decision = changed(&Broadcast { visibility: Visibility::Private, ..show() }, update);
    assert_eq!(
        (decision.evict, events(&decision)),
        (None, vec![("broadcast.updated", json!({"visibility": "public"}))])
    );
}

#[test]
fn fields_and_status_together_are_logged_in_this_order() {
    let update = UpdateBroadcast { title: Some("New".into()), ..to_status(Status::Paused) };
    let expected = [("broadcast.updated", json!({"title": "New"})), ("broadcast.paused", json!({}))];
    assert_eq!(events(&changed(&show(), update)), expected);
}

#[test]
fn every_field_changes_and_is_logged_but_what_was_attached() {
    let update = UpdateBroadcast {
        title: Some("New".into()),
        description: Some(None),
        tags: Some(vec!["b".into(), "a".into(), "b".into()]),
        ai_intent: Some(Some("music".into())),
        max_viewers: Some(9),
        metadata: Some(object(json!({"secret": 1}))),
        viewer_count: Some(150),
        hls_url: Some(Some("https://cdn.example/live.m3u8".into())),
        is_featured: Some(true),
        ..UpdateBroadcast::default()
    };
    let decision = changed(&show(), update);
    assert_eq!(decision.after.tags, ["b", "a"], "each tag once, in the order given");
    assert_eq!((decision.after.max_viewers, decision.after.reported_viewers), (9, 150));
    let logged = json!({
        "title": "New", "description": null, "tags": ["b", "a"], "ai_intent": "music", "max_viewers": 9,
        "metadata": true, "reported_viewers": 150, "hls_url": "https://cdn.example/live.m3u8", "is_featured": true,
    });
    assert_eq!(events(&decision), [("broadcast.updated", logged)]);
    assert_eq!(decision.evict, None, "a lowered limit evicts nobody");
}

#[test]
fn an_update_to_what_is_there_already_is_none() {
    let same = UpdateBroadcast {
        title: Some("Launch day".into()),
        description: Some(Some("Ten, nine".into())),
        status: Some(Status::Active),
        visibility: Some(Visibility::Public),
        tags: Some(vec!["space".into(), "space".into()]),
        metadata: Some(object(json!({"rocket": {"stages": 2}, "unknown": null}))),
        viewer_count: Some(0),
        rtmp_url: Some(None),
        ..UpdateBroadcast::default()
    };
    assert!(show().update(&same, NOW).unwrap().is_none());
    assert!(show().update(&UpdateBroadcast::default(), NOW).unwrap().is_none());
}

#[test]
fn what_ended_may_be_renamed_but_counts_nobody() {
    let ended = in_status(Status::Ended);
    let renamed = UpdateBroadcast { title: Some("Archive".into()), ..UpdateBroadcast::default() };
    let decision = changed(&ended, renamed);
    assert_eq!(events(&decision), [("broadcast.updated", json!({"title": "Archive"}))]);
    let count = |count| UpdateBroadcast { viewer_count: Some(count), ..UpdateBroadcast::default() };
    assert!(matches!(ended.update(&count(1), NOW), Err(Error::BroadcastEnded)));
    assert!(ended.update(&count(0), NOW).unwrap().is_none());
}

/// The examples of RFC 7396, appendix A, whose target and patch are objects.
#[test]
fn a_merge_patch_does_what_the_standard_shows() {
    let table = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (target, patch, expected) in table {
        let mut merged = object(target.clone());
        merge_patch(&mut merged, &object(patch.clone()));
        assert_eq!(Value::Object(merged), expected, "{target} patched by {patch}");
    }
}

#[test]
fn metadata_is_limited_as_a_whole_after_the_patch() {
    let patch = |value| UpdateBroadcast { metadata: Some(object(value)), ..UpdateBroadcast::default() };
    let room = validate::MAX_JSON_BYTES - r#"{"a":""}"#.len();
    let empty = Broadcast { metadata: Map::new(), ..show() };
    let full = changed(&empty, patch(json!({"a": "x".repeat(room)}))).after;
    let Err(Error::Invalid(fields)) = full.update(&patch(json!({"b": 1})), NOW) else { panic!("too large") };
    assert_eq!(fields[0].field, "metadata");
    let swapped = changed(&full, patch(json!({"a": null, "b": 1})));
    assert_eq!(swapped.after.metadata, object(json!({"b": 1})));
    assert!(full.update(&patch(json!({"a": "\0"})), NOW).is_err());
}

#[test]
fn the_first_media_starts_the_timer_and_a_later_one_recovers() {
    let first = with_ingest(IngestState::Idle).media_started(NOW).unwrap();
    assert_eq!(first.after.started_at, NOW);
    assert_eq!(events(&first), [("broadcast.started", json!({}))]);
    let back = with_ingest(IngestState::Interrupted).media_started(LATER).unwrap();
    assert_eq!(back.after.started_at, BEFORE);
    assert_eq!(back.after.ingest, Ingest { state: IngestState::Live, interrupted_until: None });
    assert_eq!(events(&back), [("broadcast.recovered", json!({}))]);
    for state in [IngestState::Live, IngestState::Ended] {
        assert!(with_ingest(state).media_started(NOW).is_none(), "{state}");
    }
}

#[test]
fn only_what_is_live_is_interrupted() {
    let decision = with_ingest(IngestState::Live).media_stopped("connection lost", LATER).unwrap();
    let expected = Ingest { state: IngestState::Interrupted, interrupted_until: Some(LATER) };
    assert_eq!((decision.after.ingest, decision.evict), (expected, None));
    let data = json!({"reason": "connection lost", "until": "2026-05-01T13:01:00Z"});
    assert_eq!(events(&decision), [("broadcast.interrupted", data)]);
    for state in [IngestState::Idle, IngestState::Interrupted, IngestState::Ended] {
        assert!(with_ingest(state).media_stopped("connection lost", LATER).is_none(), "{state}");
    }
}

#[test]
fn after_a_restart_the_wait_begins_anew() {
    let interrupted = with_ingest(IngestState::Live).wait_again("the server restarted", LATER).unwrap();
    assert_eq!(interrupted.events.len(), 1);
    let waiting = with_ingest(IngestState::Interrupted).wait_again("the server restarted", LATER).unwrap();
    assert_eq!(waiting.after.ingest.interrupted_until, Some(LATER));
    assert!(waiting.events.is_empty(), "the interruption is in the log already");
    for state in [IngestState::Idle, IngestState::Ended] {
        assert!(with_ingest(state).wait_again("the server restarted", LATER).is_none(), "{state}");
    }
}

#[test]
fn deleting_ends_it_and_blanks_what_people_wrote() {
    let elsewhere =
        MediaAddresses { hls_url: Some("https://cdn.example/".into()), ..MediaAddresses::default() };
    let decision = Broadcast { elsewhere: elsewhere.clone(), ..show() }.delete(NOW);
    let after = &decision.after;
    assert_eq!((after.status, after.ended_at, after.deleted_at), (Status::Ended, Some(NOW), Some(NOW)));
    assert_eq!((after.title.as_str(), &after.description, &after.ai_intent), ("", &None, &None));
    assert!(after.tags.is_empty() && after.metadata.is_empty());
    assert_eq!(after.elsewhere, MediaAddresses::default());
    assert_eq!(events(&decision), [("broadcast.ended", json!({"reason": "deleted"}))]);

    let archived = in_status(Status::Ended).delete(NOW);
    assert_eq!((archived.after.ended_at, archived.after.deleted_at), (Some(BEFORE), Some(NOW)));
    assert!(archived.events.is_empty() && archived.evict.is_none());
}

#[test]
fn an_update_is_checked_field_by_field() {
    let title = |title: &str| UpdateBroadcast { title: Some(title.into()), ..UpdateBroadcast::default() };
    let tags = |tags: Vec<String>| UpdateBroadcast { tags: Some(tags), ..UpdateBroadcast::default() };
    let hls = |url: &str| UpdateBroadcast { hls_url: Some(Some(url.into())), ..UpdateBroadcast::default() };
    let count = |count| UpdateBroadcast { viewer_count: Some(count), ..UpdateBroadcast::default() };
    let tag = |number: usize| format!("tag {number}");
    for (field, bad) in [
        ("title", title("")),
        ("title", title(&"a".repeat(256))),
        ("title", title("a\0b")),
        ("tags", tags((0..101).map(tag).collect())),
        ("tags", tags(vec!["a".repeat(51)])),
        ("hls_url", hls("javascript:alert(1)")),
        ("viewer_count", count(10_000_001)),
    ] {
        let Err(Error::Invalid(fields)) = bad.validate().map_err(Error::from) else {
            panic!("{field}: {bad:?}")
        };
        assert!(fields[0].field.starts_with(field), "{fields:?}");
    }
    for good in [
        title(&"ä".repeat(255)),
        tags((0..100).map(tag).collect()),
        hls("https://a.example"),
        count(10_000_000),
    ] {
        assert!(good.validate().is_ok(), "{good:?}");
    }
}

#[test]
fn what_ends_while_it_is_private_stays_private() {
    for (status, is_private) in [(Status::Private, true), (Status::Active, false), (Status::Paused, false)] {
        assert_eq!(in_status(status).end("owner", NOW).unwrap().after.is_private(), is_private, "{status}");
    }
}
