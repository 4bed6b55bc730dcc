//! An owner, broadcasts, and events for them as the managers make them.

use anyhow::{Result, anyhow};
use tallylight_core::broadcast::{Broadcast, Epoch, Ingest, IngestState, MediaAddresses, Status, Visibility};
use tallylight_core::clock::Time;
use tallylight_core::event::{EventType, NewEvent, joined};
use tallylight_core::ids::{BroadcastId, Ids, SystemIds, UserId, ViewerId};
use tallylight_core::store::{BroadcastStore, UserStore};
use tallylight_core::user::{Role, SealedKey, User};
use tallylight_store::{Limits, Store};
use uuid::Uuid;

use crate::place::Place;

/// As long as the real ones.
pub const PERSON: &str = "Wm5vd2JvZHkga25vd3Mgd2";

/// The broadcasts that events belong to.
#[derive(Debug, Clone)]
pub struct Hall {
    pub sessions: Vec<BroadcastId>,
}

/// An event of our table, numbered by whoever writes it.
pub struct Numbered {
    pub session: BroadcastId,
    pub seq: i64,
    pub event: NewEvent,
}

impl Hall {
    /// Makes the schema and fills it; each broadcast has one event.
    pub async fn fill(place: &Place, broadcasts: usize) -> Result<Self> {
        let store = Store::open(&place.location(), Limits::default()).await?;
        let owner = owner()?;
        store.insert_user(&owner).await?.map_err(|taken| anyhow!("{taken:?} is taken"))?;
        let mut sessions = Vec::new();
        for _ in 0..broadcasts {
            let broadcast = broadcast(&owner)?;
            let made = NewEvent { kind: EventType::BroadcastCreated.into(), ..event()? };
            store.insert_broadcast(&broadcast, vec![made]).await?;
            sessions.push(broadcast.id);
        }
        store.close().await;
        Ok(Self { sessions })
    }

    /// The broadcast of the caller of this number.
    pub fn session(&self, caller: usize) -> BroadcastId {
        self.sessions[caller % self.sessions.len()]
    }

    /// The `count` events that follow `from`, counted over all sessions and dealt out in turn; each session begins
    /// after the number 1, which it has.
    pub fn numbered(&self, from: usize, count: usize) -> Result<Vec<Numbered>> {
        let number = |index: usize| {
            let seq = i64::try_from(index / self.sessions.len())? + 2;
            Ok(Numbered { session: self.session(index), seq, event: event()? })
        };
        (from..from + count).map(number).collect()
    }
}

pub fn now() -> Time {
    Time::now_utc()
}

pub fn id() -> Result<Uuid> {
    Ok(SystemIds::default().uuid(now())?)
}

/// What is logged most.
pub fn event() -> Result<NewEvent> {
    let (ids, now) = (SystemIds::default(), now());
    let viewer = ViewerId(ids.uuid(now)?);
    Ok(NewEvent::new(&ids, now, EventType::ViewerJoined, joined(viewer, PERSON))?)
}

fn key() -> Result<SealedKey> {
    let id = id()?;
    Ok(SealedKey { hash: tallylight_core::secret::sha256(id.as_bytes()), sealed: vec![0; 60] })
}

fn owner() -> Result<User> {
    Ok(User {
        id: UserId(id()?),
        username: "ada".into(),
        display_name: "Ada".into(),
        email: "ada@bench.example".into(),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$".into(),
        role: Role::Broadcaster,
        stream_key: key()?,
        default_title: None,
        created_at: now(),
        erased_at: None,
    })
}

fn broadcast(owner: &User) -> Result<Broadcast> {
    Ok(Broadcast {
        id: BroadcastId(id()?),
        owner: owner.id,
        owner_name: owner.username.clone(),
        title: "Evening session".into(),
        description: Some("A live show with guests, questions from the audience and a long talk.".into()),
        status: Status::Active,
        visibility: Visibility::Public,
        created_at: now(),
        started_at: now(),
        ended_at: None,
        max_viewers: 0,
        elsewhere: MediaAddresses::default(),
        metadata: serde_json::Map::new(),
        ai_intent: Some("talk".into()),
        tags: vec!["live".into(), "english".into()],
        is_featured: false,
        reported_viewers: 0,
        ingest: Ingest { state: IngestState::Live, interrupted_until: None },
        stream_key: key()?,
        deleted_at: None,
        revision: 0,
        epoch: Epoch(0),
    })
}
