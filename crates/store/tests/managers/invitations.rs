//! Invitations to private broadcasts: given, used, revoked.

use tallylight_core::broadcast::Visibility;
use tallylight_core::chat::Reaction;
use tallylight_core::expiry::Expiry;
use tallylight_core::ids::{BroadcastId, JoinTokenId, UserId};
use tallylight_core::invitation::Invitation;
use tallylight_core::session::{Invited, JoinRequest, Joined, NewInvitation};
use tallylight_core::viewer::Client;
use tallylight_core::{Caller, Result};
use uuid::Uuid;

use crate::world::{ANYBODY, World, refusal};

fn for_anybody() -> NewInvitation {
    let expiry = Expiry { seconds: Some(3_600), at: None };
    NewInvitation { name: None, expiry, max_uses: 0, invited: Invited::Anybody }
}

impl World {
    async fn private_show(&self, owner: &Caller) -> BroadcastId {
        let show = self.show(owner).await;
        self.sets_visibility(owner, show, Visibility::Private).await;
        show
    }

    /// An invitation and its token.
    async fn invites(&self, show: BroadcastId, request: NewInvitation) -> (Invitation, String) {
        let owner = self.owner_of(show).await;
        let invitation = self.sessions.invite(&owner, show, request).await.unwrap();
        let token = self.sessions.join_token(&invitation);
        (invitation, token)
    }

    async fn join_by(&self, caller: &Caller, show: BroadcastId, token: &str) -> Result<Joined> {
        let request = JoinRequest { join_token: Some(token.into()), ..JoinRequest::default() };
        self.broadcasts.join_broadcast(caller, show, request, Client::default()).await
    }

    async fn uses(&self, show: BroadcastId) -> u32 {
        let owner = self.owner_of(show).await;
        self.sessions.invitations(&owner, show).await.unwrap()[0].uses
    }
}

#[tokio::test]
async fn who_is_invited_joins_and_plays_a_private_broadcast_and_nobody_else() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.private_show(&ada).await;
    let (_, token) = world.invites(show, for_anybody()).await;
    let guest = world.join_by(&ANYBODY, show, &token).await.unwrap();
    world.join_by(&bob, show, &token).await.unwrap();
    assert_eq!((world.count(show).await, world.uses(show).await), (2, 2));
    world.sessions.heartbeat(show, &guest.viewer_token).unwrap();
    assert_eq!(world.plays(show, &guest.playback_token).await.unwrap(), guest.viewer);
    world.sessions.known_player(show, &guest.playback_token).await.unwrap();
    world.sessions.watch_private(show, &guest.playback_token).unwrap();
    assert_eq!(refusal(world.join(&bob, show).await), "not found");
    assert_eq!(refusal(world.broadcasts.broadcast(&bob, show).await), "not found");
    let page = world.sessions.chat_messages(&bob, show, None, 10).await;
    assert_eq!(refusal(page), "not found", "no more is shown than the session and what is played");
    assert!(world.audit(show, (tallylight_core::analytics::Period::All, None)).await.is_empty());
}

#[tokio::test]
async fn an_invitation_that_is_no_good_is_told_from_none_at_all() {
    let world = World::new().await;
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let (show, other) = (world.private_show(&ada).await, world.private_show(&ada).await);
    let (_, elsewhere) = world.invites(other, for_anybody()).await;
    for strange in [elsewhere.as_str(), "jt_", "jt_made-up", "", "tl_x"] {
        assert_eq!(refusal(world.join_by(&bob, show, strange).await), "not found", "{strange}");
        assert_eq!(refusal(world.join_by(&ada, show, strange).await), "join token invalid", "{strange}");
    }
    let once = NewInvitation { max_uses: 1, ..for_anybody() };
    let (_, once) = world.invites(show, once).await;
    world.join_by(&bob, show, &once).await.unwrap();
    assert_eq!(refusal(world.join_by(&eve, show, &once).await), "join token invalid");
    let bobs = NewInvitation { invited: Invited::Name("bob".into()), ..for_anybody() };
    let (_, bobs) = world.invites(show, bobs).await;
    assert_eq!(refusal(world.join_by(&eve, show, &bobs).await), "join token invalid");
    assert_eq!(refusal(world.join_by(&ANYBODY, show, &bobs).await), "join token invalid");
    world.join_by(&bob, show, &bobs).await.unwrap();
    let (revoked, token) = world.invites(show, for_anybody()).await;
    world.sessions.revoke_invitation(&ada, show, revoked.id).await.unwrap();
    assert_eq!(refusal(world.join_by(&eve, show, &token).await), "join token invalid");
    let (_, brief) = world.invites(show, for_anybody()).await;
    world.turn(3_600);
    assert_eq!(refusal(world.join_by(&eve, show, &brief).await), "join token invalid");
    world.ends(&ada, show).await;
    assert_eq!(refusal(world.join_by(&eve, show, &brief).await), "join token invalid");
    assert_eq!(refusal(world.join(&eve, show).await), "not found");
}

#[tokio::test]
async fn a_public_broadcast_takes_a_good_invitation_and_refuses_a_bad_one() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let (show, other) = (world.show(&ada).await, world.show(&ada).await);
    let (_, token) = world.invites(show, NewInvitation { max_uses: 1, ..for_anybody() }).await;
    assert_eq!(refusal(world.join_by(&ANYBODY, other, &token).await), "join token invalid");
    world.join_by(&ANYBODY, show, &token).await.unwrap();
    assert_eq!(refusal(world.join_by(&ANYBODY, show, &token).await), "join token invalid");
    world.watcher(show).await;
    assert_eq!((world.count(show).await, world.uses(show).await), (2, 1));
}

#[tokio::test]
async fn a_guest_comes_back_after_a_time_out_and_a_restart_without_using_anything_up() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.private_show(&ada).await;
    let (_, token) = world.invites(show, NewInvitation { max_uses: 1, ..for_anybody() }).await;
    let guest = world.join_by(&ANYBODY, show, &token).await.unwrap();
    world.pass(15).await;
    assert_eq!(world.count(show).await, 0);
    assert_eq!(refusal(world.sessions.watch_private(show, &guest.playback_token)), "not found");
    world.sessions.known_player(show, &guest.playback_token).await.unwrap();
    assert_eq!(world.plays(show, &guest.playback_token).await.unwrap(), guest.viewer);
    world.pass(15).await;
    assert_eq!(world.join_again(show, &guest.viewer_token).await.unwrap().viewer, guest.viewer);
    let world = world.restarted().await;
    world.sessions.heartbeat(show, &guest.viewer_token).unwrap();
    world.pass(15).await;
    let world = world.restarted().await;
    world.join_again(show, &guest.viewer_token).await.unwrap();
    assert_eq!((world.count(show).await, world.uses(show).await), (1, 1));
    world.sessions.leave(show, &guest.viewer_token).await.unwrap();
    assert_eq!(refusal(world.join_again(show, &guest.viewer_token).await), "gone");
    assert_eq!(refusal(world.plays(show, &guest.playback_token).await), "gone");
    assert_eq!(refusal(world.join_again(show, "made up").await), "not found");
}

#[tokio::test]
async fn who_comes_by_a_revoked_invitation_goes_at_once_and_stays_away() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.private_show(&ada).await;
    let (invitation, token) = world.invites(show, for_anybody()).await;
    let (_, other) = world.invites(show, for_anybody()).await;
    let (guest, gone) = (
        world.join_by(&bob, show, &token).await.unwrap(),
        world.join_by(&ANYBODY, show, &token).await.unwrap(),
    );
    let stays = world.join_by(&ANYBODY, show, &other).await.unwrap();
    assert_eq!(refusal(world.sessions.revoke_invitation(&bob, show, invitation.id).await), "not found");
    world.sessions.revoke_invitation(&ada, show, invitation.id).await.unwrap();
    assert_eq!(world.count(show).await, 1);
    world.sessions.heartbeat(show, &stays.viewer_token).unwrap();
    for cut in [&guest, &gone] {
        assert_eq!(refusal(world.sessions.heartbeat(show, &cut.viewer_token)), "gone");
        assert_eq!(refusal(world.sessions.watch_private(show, &cut.playback_token)), "not found");
        assert_eq!(refusal(world.sessions.known_player(show, &cut.playback_token).await), "not found");
        assert_eq!(refusal(world.plays(show, &cut.playback_token).await), "not found");
        assert_eq!(refusal(world.join_again(show, &cut.viewer_token).await), "not found");
    }
    assert!(!world.sessions.is_guest_user(show, &bob));
    world.turn(1);
    assert_eq!(refusal(world.sessions.revoke_invitation(&ada, show, invitation.id).await), "not found");
    let made_up = JoinTokenId(Uuid::from_u128(1));
    assert_eq!(refusal(world.sessions.revoke_invitation(&ada, show, made_up).await), "not found");
    let logged = world.logged(show).await;
    assert_eq!(logged.iter().filter(|kind| *kind == "viewer.left").count(), 2);
}

#[tokio::test]
async fn turning_private_keeps_the_guests_and_cuts_everybody_else() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let show = world.show(&ada).await;
    let (invitation, token) = world.invites(show, for_anybody()).await;
    let (guest, passer_by) =
        (world.join_by(&ANYBODY, show, &token).await.unwrap(), world.watcher(show).await);
    world.sets_visibility(&ada, show, Visibility::Private).await;
    assert_eq!(world.count(show).await, 1);
    world.sessions.heartbeat(show, &guest.viewer_token).unwrap();
    assert_eq!(refusal(world.sessions.heartbeat(show, &passer_by.viewer_token)), "gone");
    // Memory is compared with the database, and agrees.
    world.pass(5).await;
    world.sessions.heartbeat(show, &guest.viewer_token).unwrap();

    world.sets_visibility(&ada, show, Visibility::Public).await;
    world.sessions.revoke_invitation(&ada, show, invitation.id).await.unwrap();
    world.sessions.heartbeat(show, &guest.viewer_token).unwrap();
    world.sets_visibility(&ada, show, Visibility::Private).await;
    assert_eq!(refusal(world.sessions.heartbeat(show, &guest.viewer_token)), "gone");
    assert_eq!(world.count(show).await, 0);
    assert!(world.audit(show, (tallylight_core::analytics::Period::All, None)).await.is_empty());
}

#[tokio::test]
async fn guests_speak_and_react_while_they_are_there() {
    let world = World::new().await;
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let show = world.private_show(&ada).await;
    let (_, token) = world.invites(show, for_anybody()).await;
    assert_eq!(refusal(world.sessions.say(&bob, show, "Hello".into()).await), "not found");
    let (guest, unknown) = (
        world.join_by(&bob, show, &token).await.unwrap(),
        world.join_by(&ANYBODY, show, &token).await.unwrap(),
    );
    let said = world.sessions.say(&bob, show, "Hello".into()).await.unwrap();
    assert_eq!(said.user_id, bob.user_id());
    let heart = Reaction::named("heart").unwrap();
    world.sessions.react_by_token(&bob, show, None, heart).await.unwrap();
    let reacted = world.sessions.react_by_token(&ANYBODY, show, Some(&unknown.viewer_token), heart).await;
    assert_eq!(reacted.unwrap().user_id, None);
    assert_eq!(refusal(world.sessions.say(&eve, show, "Hello".into()).await), "not found");
    assert_eq!(refusal(world.sessions.react_by_token(&eve, show, None, heart).await), "not found");
    world.sessions.delete_message(&bob, show, said.id).await.unwrap();
    world.sessions.leave(show, &guest.viewer_token).await.unwrap();
    assert_eq!(refusal(world.sessions.say(&bob, show, "Bye".into()).await), "not found");
    let reacted = world.sessions.react_by_token(&ANYBODY, show, Some(&guest.viewer_token), heart).await;
    assert_eq!(refusal(reacted), "not found");
}

#[tokio::test]
async fn only_the_owner_invites_and_sees_who_was_invited() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.show(&ada).await;
    for (caller, outcome) in [(&bob, "not found"), (&ANYBODY, "unauthenticated")] {
        assert_eq!(refusal(world.sessions.invite(caller, show, for_anybody()).await), outcome);
        assert_eq!(refusal(world.sessions.invitations(caller, show).await), outcome);
    }
    let long = Some("x".repeat(65));
    let past = Expiry { seconds: Some(0), at: None };
    let nobody = Invited::Id(UserId(Uuid::from_u128(1)));
    for wrong in [
        NewInvitation { name: long, ..for_anybody() },
        NewInvitation { name: Some("nul\0".into()), ..for_anybody() },
        NewInvitation { expiry: past, ..for_anybody() },
        NewInvitation { max_uses: 1_000_001, ..for_anybody() },
        NewInvitation { invited: nobody, ..for_anybody() },
        NewInvitation { invited: Invited::Name("nobody".into()), ..for_anybody() },
        NewInvitation { invited: Invited::Name("bob@example.org".into()), ..for_anybody() },
    ] {
        assert_eq!(refusal(world.sessions.invite(&ada, show, wrong.clone()).await), "invalid", "{wrong:?}");
    }
    let (invitation, _) = world.invites(show, for_anybody()).await;
    assert_eq!(world.sessions.invitations(&ada, show).await.unwrap(), [invitation]);
    world.ends(&ada, show).await;
    assert_eq!(refusal(world.sessions.invite(&ada, show, for_anybody()).await), "ended");
}

#[tokio::test]
async fn the_owner_has_a_preview_whatever_invitation_is_shown() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let show = world.private_show(&ada).await;
    let (_, token) = world.invites(show, for_anybody()).await;
    let preview = world.join_by(&ada, show, &token).await.unwrap();
    assert_eq!((world.count(show).await, world.uses(show).await), (0, 0));
    // Its token is the owner's: it opens nothing for anybody else, even together with an invitation.
    let request = JoinRequest {
        join_token: Some(token),
        viewer_token: Some(preview.viewer_token.clone()),
        ..JoinRequest::default()
    };
    let joined = world.broadcasts.join_broadcast(&bob, show, request, Client::default()).await;
    assert_eq!(refusal(joined), "not found");
    assert_eq!(refusal(world.join_again(show, &preview.viewer_token).await), "not found");
}
