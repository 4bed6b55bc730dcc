//! The end of the thread that serves connections.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[allow(dead_code, reason = "each test file uses its own part")]
mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallylight_core::clock::SystemClock;
use tallylight_realtime::codes::Close;
use tallylight_realtime::frame::Opcode;
use tallylight_realtime::protocol::Form;
use tallylight_realtime::{Bound, Entry, Hub, Service, Turn};
use tokio::io::AsyncReadExt;

use crate::common::{limits, socket};

/// Has a fault that any message brings out.
struct Faulty;

impl Service for Faulty {
    type Session = ();

    fn message(self: &Arc<Self>, _: Turn<()>, _: Opcode, _: Vec<u8>) {
        panic!("a fault of ours, which this test is about");
    }

    fn is_alive(&self, _: Bound, _: Duration) {}

    fn is_lost(self: &Arc<Self>, _: Bound, _: Duration) {}

    fn standing(&self, (): &()) -> Option<Close> {
        None
    }

    fn may_stay(&self, (): &(), _: &str) -> bool {
        true
    }

    fn has_left(&self, (): &mut (), _: &str) -> Option<Bound> {
        None
    }
}

#[tokio::test]
async fn nobody_hangs_on_a_thread_that_panicked() {
    let hub = Hub::start(&Arc::new(Faulty), limits(), Arc::new(SystemClock::start())).unwrap();
    let enters = || {
        let (client, socket) = socket();
        hub.enter(Entry { socket, form: Form::Json, session: Some(Box::new(())), received: Bytes::new() });
        client
    };
    let (mut unlucky, mut other) = (enters(), enters());
    assert!(!hub.is_full());
    unlucky.says(&serde_json::json!({})).await;
    let mut rest = Vec::new();
    for client in [&mut unlucky, &mut other] {
        // An end or a reset: what it said may not have been read.
        let _ = client.socket.read_to_end(&mut rest).await;
    }
    assert!(hub.is_full(), "the door is shut");
    let _ = enters().socket.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    hub.stop();
}
