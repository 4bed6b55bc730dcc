//! Somebody who publishes.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;

use bytes::Bytes;
use tallylight_media::rtmp::client::{ClientError, Publish, play_loop};
use tallylight_media::rtmp::{FlvFile, StreamKey};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::common::{Person, Show, TestApp};
use crate::listener::Listener;

const RECORDING: &[u8] = include_bytes!("../../../media/media-samples/testcard.flv");

/// An encoder that plays a recording over and over, until it is cut.
pub fn publishes(app: &TestApp, key: &str) -> JoinHandle<Result<(), ClientError>> {
    let file = Arc::new(FlvFile::parse(Bytes::from_static(RECORDING)).unwrap());
    let (address, name) = (app.running.rtmp, app.running.rtmp_app.clone());
    let key = StreamKey::new(key);
    tokio::spawn(async move { play_loop(address, &name, &key, &file, CancellationToken::new()).await })
}

/// Whether an encoder is let in by a key.
pub async fn may_publish(app: &TestApp, key: &str) -> bool {
    Publish::connect(app.running.rtmp, &app.running.rtmp_app, &StreamKey::new(key)).await.is_ok()
}

/// Waits until something can be played.
pub async fn is_on_air(app: &TestApp, owner: &Person, show: &Show) {
    let mut live = Listener::connects(app, owner.token()).await;
    live.subscribes(&format!("owner:{}", show.id)).await;
    if owner.reads(show).await.body["ingest"]["state"] != "live" {
        live.hears_of(|event| event["type"] == "broadcast.started").await;
    }
}
