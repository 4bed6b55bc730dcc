//! Who may broadcast and watch, where rights change at the same moment.

use std::sync::Arc;

use tallylight_core::admin::{AdminManager, AdminParts};
use tallylight_core::ban::{Ban, BanTarget};
use tallylight_core::broadcast::{Status, Visibility};
use tallylight_core::expiry::Expiry;
use tallylight_core::ids::{BanId, SystemIds, UserId};
use tallylight_core::key::NewKeyRequest;
use tallylight_core::user::Role;
use tallylight_core::viewer::Client;
use tallylight_core::{Caller, Error};
use uuid::Uuid;

use crate::world::{ANYBODY, NOON, World};

impl World {
    fn suspends(&self, somebody: &Caller) {
        let target = BanTarget::User(somebody.user_id().unwrap());
        let id = BanId(Uuid::from_u128(1));
        self.standing.ban(Ban { id, target, until: None, reason: None, created_by: None, created_at: NOON });
    }

    async fn gives_role(&self, by: &Caller, user: UserId, role: Role) {
        let parts = AdminParts {
            store: self.store.clone(),
            access: self.store.clone(),
            standing: self.standing.clone(),
            audit: self.audit.clone(),
            clock: self.clock.clone(),
            ids: Arc::new(SystemIds::default()),
        };
        AdminManager::new(parts).give_role((by, &Client::default()), user, role).await.unwrap();
    }

    async fn bot_of(&self, owner: &Caller, scopes: &[&str]) -> Caller {
        let scopes = scopes.iter().map(|name| (*name).to_owned()).collect();
        let request = NewKeyRequest { name: "bot".into(), scopes, expiry: Expiry::default() };
        let (_, text) = self.api_keys.create((owner, &Client::default()), request).await.unwrap();
        self.users.authenticate(&text).unwrap()
    }
}

#[tokio::test]
async fn what_is_made_while_its_owner_is_suspended_ends_as_all_else() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    // She was let in a moment ago; by now all that was open is looked through.
    world.suspends(&ada);
    let mut changes = world.standing.changes();
    world.sessions.write_expulsions().await.unwrap();
    let show = world.show(&ada).await;
    assert!(changes.has_changed().unwrap(), "it is looked once more");
    changes.mark_unchanged();
    world.sessions.write_expulsions().await.unwrap();
    assert_eq!(world.store_state(show).await.status, Status::Ended);
    let bob = world.user("bob").await;
    world.show(&bob).await;
    assert!(!changes.has_changed().unwrap());
}

#[tokio::test]
async fn whoever_was_made_a_viewer_is_not_forgotten_while_the_server_is_down() {
    let world = World::new().await;
    let root = world.user_with_role("root", Role::Admin).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (adas, bobs) = (world.show(&ada).await, world.show(&bob).await);
    world.gives_role(&root, ada.user_id().unwrap(), Role::Viewer).await;
    // It stops before anything follows, for longer than any token lives.
    world.turn(2 * 24 * 3_600);
    let world = world.restarted().await;
    world.sessions.write_expulsions().await.unwrap();
    assert_eq!(world.store_state(adas).await.status, Status::Ended);
    assert_eq!(world.store_state(bobs).await.status, Status::Active);
}

#[tokio::test]
async fn a_key_that_may_not_read_joins_its_owners_broadcast_as_a_stranger() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let blind = world.bot_of(&ada, &["viewers:write"]).await;
    let reader = world.bot_of(&ada, &["viewers:write", "broadcasts:read"]).await;
    let joined = world.join(&blind, show).await.unwrap();
    assert_eq!(world.count(show).await, 1, "it counts as anybody does");
    let preview = world.join(&reader, show).await.unwrap();
    world.sets_visibility(&ada, show, Visibility::Private).await;
    assert!(matches!(world.plays(show, &joined.playback_token).await, Err(Error::NotFound(_))));
    assert!(matches!(world.join(&blind, show).await, Err(Error::NotFound(_))));
    world.plays(show, &preview.playback_token).await.unwrap();
}

#[tokio::test]
async fn whoever_is_suspended_gets_no_playlist_by_an_old_address() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    let (bobs, other) = (world.join(&bob, show).await.unwrap(), world.join(&ANYBODY, show).await.unwrap());
    world.sessions.known_player(show, &bobs.playback_token).await.unwrap();
    world.suspends(&bob);
    world.sessions.expel();
    let refused = world.sessions.known_player(show, &bobs.playback_token).await;
    assert!(matches!(refused, Err(Error::NotFound(_))));
    world.sessions.known_player(show, &other.playback_token).await.unwrap();
}
