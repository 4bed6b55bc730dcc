//! Invitations to private broadcasts.

use std::slice;

use futures_util::future::join_all;
use tallylight_core::broadcast::{Broadcast, Visibility};
use tallylight_core::event::{EventType, LeaveReason};
use tallylight_core::ids::{BroadcastId, EventId, JoinTokenId, UserId};
use tallylight_core::invitation::Invitation;
use tallylight_core::store::{Eviction, Revocation, Revoked};
use tallylight_core::viewer::{JoinOutcome, NewViewer, Seat};
use time::Duration;

use crate::harness::{Db, NOON};

const MANY: usize = 100;

impl Db {
    fn new_invitation(&self, show: &Broadcast, max_uses: u32) -> Invitation {
        Invitation {
            id: JoinTokenId(self.id()),
            session_id: show.id,
            name: Some("Familie & Größe 🚀".into()),
            user_id: None,
            max_uses,
            uses: 0,
            created_at: NOON,
            expires_at: Some(NOON + Duration::hours(1)),
            revoked_at: None,
        }
    }

    async fn invitation(&self, show: &Broadcast, max_uses: u32) -> Invitation {
        let invitation = self.new_invitation(show, max_uses);
        assert!(self.insert_invitation(&invitation, MANY).await.unwrap());
        invitation
    }

    fn guest(&self, show: &Broadcast, by: &Invitation) -> NewViewer {
        NewViewer { invitation: Some(by.id), ..self.new_viewer(show) }
    }

    async fn comes_in(&self, guest: &NewViewer) -> Seat {
        match self.joins(guest).await {
            JoinOutcome::Joined(seat, _) => seat,
            other => panic!("{other:?}"),
        }
    }

    async fn uses(&self, show: &Broadcast) -> Vec<u32> {
        self.invitations(show.id).await.unwrap().iter().map(|invitation| invitation.uses).collect()
    }

    async fn turns_private(&self, show: &Broadcast) -> Broadcast {
        let after =
            Broadcast { visibility: Visibility::Private, revision: show.revision + 1, ..show.clone() };
        self.evicts(show, &after, LeaveReason::Private).await;
        after
    }

    async fn private_show(&self, max_viewers: u32) -> Broadcast {
        self.turns_private(&self.show(max_viewers).await).await
    }

    async fn revokes(&self, session: BroadcastId, invitation: JoinTokenId) -> Option<Revoked> {
        self.revokes_at(session, invitation, Duration::ZERO).await
    }

    async fn revokes_at(
        &self,
        session: BroadcastId,
        invitation: JoinTokenId,
        later: Duration,
    ) -> Option<Revoked> {
        let event = || Ok(EventId(self.id()));
        let evict = Eviction { reason: LeaveReason::Revoked, viewers: 0, event: &event };
        let revocation = Revocation { session, invitation, at: NOON + later, evict };
        self.revoke_invitation(revocation).await.unwrap()
    }
}

pub async fn an_invitation_is_read_back_until_it_is_revoked(db: Db) {
    let (show, bob) = (db.show(0).await, db.user("bob").await);
    let first = db.invitation(&show, 0).await;
    let second = Invitation {
        name: None,
        user_id: Some(bob.id),
        expires_at: None,
        ..db.new_invitation(&show, 1_000_000)
    };
    assert!(db.insert_invitation(&second, MANY).await.unwrap());
    assert!(db.insert_invitation(&second, MANY).await.unwrap(), "once more is as good as once");
    assert_eq!(db.invitations(show.id).await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(db.revokes(BroadcastId(db.id()), first.id).await, None, "of another session");
    assert_eq!(db.revokes(show.id, JoinTokenId(db.id())).await, None);
    assert!(db.revokes(show.id, first.id).await.is_some());
    assert!(db.revokes(show.id, first.id).await.is_some(), "its own second try");
    assert_eq!(db.revokes_at(show.id, first.id, Duration::hours(1)).await, None);
    assert_eq!(db.invitations(show.id).await.unwrap(), [second]);
}

pub async fn a_session_has_no_more_invitations_than_allowed(db: Db) {
    let (show, other) = (db.show(0).await, db.show(0).await);
    let new: Vec<_> = (0..12).map(|_| db.new_invitation(&show, 0)).collect();
    let kept = join_all(new.iter().map(|new| db.insert_invitation(new, 4))).await;
    assert_eq!(kept.into_iter().filter(|kept| *kept.as_ref().unwrap()).count(), 4);
    let there = db.invitations(show.id).await.unwrap();
    assert_eq!(there.len(), 4);
    assert!(db.insert_invitation(&db.new_invitation(&other, 0), 4).await.unwrap());
    db.revokes(show.id, there[0].id).await.unwrap();
    assert!(db.insert_invitation(&db.new_invitation(&show, 0), 4).await.unwrap());
}

pub async fn who_shows_an_invitation_comes_in_and_uses_it_up(db: Db) {
    let show = db.private_show(0).await;
    let invitation = db.invitation(&show, 2).await;
    let guest = db.guest(&show, &invitation);
    let seat = db.comes_in(&guest).await;
    assert_eq!(seat.invitation, Some(invitation.id));
    assert_eq!(db.seats().await.unwrap(), slice::from_ref(&seat));
    let known = db.viewer(show.id, guest.id).await.unwrap().unwrap();
    assert_eq!(known.invitation, Some(invitation.id));
    assert_eq!(db.uses(&show).await, [1]);
    let again = db.joins(&guest).await;
    assert_eq!(again, JoinOutcome::Present(Seat { generation: 2, ..seat }), "who is there uses nothing up");
    db.comes_in(&db.guest(&show, &invitation)).await;
    assert_eq!(db.joins(&db.guest(&show, &invitation)).await, JoinOutcome::Uninvited);
    assert_eq!(db.joins(&db.new_viewer(&show)).await, JoinOutcome::NotFound);
    assert_eq!((db.uses(&show).await, db.counts(&show).await.viewers), (vec![2], 2));
}

pub async fn an_invitation_is_for_one_session_one_user_and_a_time(db: Db) {
    let (show, other) = (db.private_show(0).await, db.private_show(0).await);
    let (bob, eve) = (db.user("bob").await, db.user("eve").await);
    let invitation = db.invitation(&show, 0).await;
    assert_eq!(db.joins(&db.guest(&other, &invitation)).await, JoinOutcome::Uninvited);
    let late = NewViewer { at: NOON + Duration::hours(1), ..db.guest(&show, &invitation) };
    assert_eq!(db.joins(&late).await, JoinOutcome::Uninvited);
    let unknown = NewViewer { invitation: Some(JoinTokenId(db.id())), ..db.new_viewer(&show) };
    assert_eq!(db.joins(&unknown).await, JoinOutcome::Uninvited);
    let bobs = Invitation { user_id: Some(bob.id), ..db.new_invitation(&show, 0) };
    assert!(db.insert_invitation(&bobs, MANY).await.unwrap());
    for user_id in [None, Some(eve.id)] {
        let viewer = NewViewer { user_id, ..db.guest(&show, &bobs) };
        assert_eq!(db.joins(&viewer).await, JoinOutcome::Uninvited);
    }
    db.comes_in(&NewViewer { user_id: Some(bob.id), ..db.guest(&show, &bobs) }).await;
    assert_eq!(db.uses(&show).await, [1, 0]);
    db.ends(&show).await;
    assert_eq!(db.joins(&db.guest(&show, &invitation)).await, JoinOutcome::Ended);
    assert_eq!(db.joins(&unknown).await, JoinOutcome::Uninvited, "and not that it has ended");
    assert_eq!(db.joins(&db.new_viewer(&show)).await, JoinOutcome::NotFound);
}

pub async fn of_many_who_show_one_at_once_no_more_come_in_than_it_says(db: Db) {
    let show = db.private_show(0).await;
    let invitation = db.invitation(&show, 7).await;
    let guests: Vec<_> = (0..40).map(|_| db.guest(&show, &invitation)).collect();
    let came = join_all(guests.iter().map(|guest| db.joins(guest))).await;
    assert_eq!(came.iter().filter(|came| matches!(came, JoinOutcome::Joined(..))).count(), 7);
    assert_eq!(came.iter().filter(|came| **came == JoinOutcome::Uninvited).count(), 33);
    assert_eq!((db.uses(&show).await, db.counts(&show).await.viewers), (vec![7], 7));
}

pub async fn who_finds_no_room_uses_nothing_up(db: Db) {
    let show = db.private_show(1).await;
    let invitation = db.invitation(&show, 2).await;
    db.comes_in(&db.guest(&show, &invitation)).await;
    assert_eq!(db.joins(&db.guest(&show, &invitation)).await, JoinOutcome::Full);
    assert_eq!(db.uses(&show).await, [1]);
    let nobody = NewViewer { user_id: Some(UserId(db.id())), ..db.guest(&show, &invitation) };
    assert_eq!(db.joins(&nobody).await, JoinOutcome::Full);
    assert_eq!(db.uses(&show).await, [1]);
}

pub async fn a_guest_comes_back_without_showing_it_again(db: Db) {
    let show = db.private_show(0).await;
    let invitation = db.invitation(&show, 1).await;
    let guest = db.guest(&show, &invitation);
    db.comes_in(&guest).await;
    db.goes(&guest, LeaveReason::TimedOut, None).await.unwrap();
    let plain = NewViewer { invitation: None, ..guest.clone() };
    let seat = db.comes_in(&plain).await;
    assert_eq!((seat.invitation, seat.generation), (Some(invitation.id), 2));
    db.goes(&guest, LeaveReason::TimedOut, None).await.unwrap();
    db.comes_in(&guest).await;
    assert_eq!(db.uses(&show).await, [1], "also when it is shown");
    db.goes(&guest, LeaveReason::TimedOut, None).await.unwrap();
    db.revokes(show.id, invitation.id).await.unwrap();
    assert_eq!(db.joins(&plain).await, JoinOutcome::NotFound);
    assert_eq!(db.joins(&guest).await, JoinOutcome::Uninvited);
}

pub async fn whoever_turns_private_keeps_the_guests(db: Db) {
    let show = db.show(0).await;
    let invitation = db.invitation(&show, 0).await;
    let (passer_by, _) = db.watches(&show).await;
    let guest = db.comes_in(&db.guest(&show, &invitation)).await;
    // Somebody who is there already is invited.
    let (regular, _) = db.watches(&show).await;
    let invited = NewViewer { invitation: Some(invitation.id), ..regular };
    let JoinOutcome::Present(regular) = db.joins(&invited).await else { panic!("it was there") };
    assert_eq!(db.uses(&show).await, [2]);
    let show = db.turns_private(&show).await;
    assert_eq!(db.counts(&show).await.viewers, 2);
    let mut seats = db.seats().await.unwrap();
    seats.sort_unstable_by_key(|seat| seat.viewer);
    assert_eq!(seats, [guest, regular]);
    let log = db.log(&show).await;
    let left: Vec<_> = log.iter().filter(|event| event.kind == "viewer.left").collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].data["viewer_id"], passer_by.id.to_string());
    assert_eq!(left[0].data["reason"], "private");
    db.ends(&show).await;
    assert_eq!((db.counts(&show).await.viewers, db.seats().await.unwrap().len()), (0, 0));
}

pub async fn who_came_by_a_revoked_invitation_goes_and_the_log_says_so(db: Db) {
    let show = db.private_show(0).await;
    let (revoked, kept) = (db.invitation(&show, 0).await, db.invitation(&show, 0).await);
    let guests = [db.guest(&show, &revoked), db.guest(&show, &revoked), db.guest(&show, &kept)];
    for guest in &guests {
        db.comes_in(guest).await;
    }
    let before = db.counts(&show).await;
    let outcome = db.revokes(show.id, revoked.id).await.unwrap();
    let counts = db.counts(&show).await;
    assert_eq!(outcome, Revoked { counts, has_evicted: true });
    assert_eq!((counts.viewers, counts.peak, counts.seq), (1, 3, before.seq + 2));
    let log = db.log(&show).await;
    let left: Vec<_> = log[usize::try_from(before.seq).unwrap()..]
        .iter()
        .map(|event| (event.kind.as_str(), &event.data["reason"]))
        .collect();
    assert_eq!(left, [("viewer.left", &"revoked".into()), ("viewer.left", &"revoked".into())]);
    assert_eq!(db.seats().await.unwrap()[0].viewer, guests[2].id);
    assert_eq!(db.database.viewer_count(show.id).await, 1);
    assert_eq!(db.joins(&guests[0]).await, JoinOutcome::Uninvited);
    let plain = NewViewer { invitation: None, ..guests[0].clone() };
    assert_eq!(db.joins(&plain).await, JoinOutcome::NotFound);
    let again = db.revokes(show.id, revoked.id).await.unwrap();
    assert_eq!(again.counts, counts, "a second try logs nothing");
}

pub async fn revoking_on_a_public_session_removes_nobody(db: Db) {
    let show = db.show(0).await;
    let invitation = db.invitation(&show, 0).await;
    let guest = db.guest(&show, &invitation);
    db.comes_in(&guest).await;
    let outcome = db.revokes(show.id, invitation.id).await.unwrap();
    assert_eq!(outcome, Revoked { counts: db.counts(&show).await, has_evicted: false });
    assert_eq!(db.seats().await.unwrap()[0].invitation, None);
    let show = db.turns_private(&show).await;
    assert_eq!(db.counts(&show).await.viewers, 0, "from then on it is like anybody");
}

pub async fn only_guests_who_are_there_speak_in_private(db: Db) {
    let (show, bob) = (db.private_show(0).await, db.user("bob").await);
    let invitation = db.invitation(&show, 0).await;
    let guest = NewViewer { user_id: Some(bob.id), ..db.guest(&show, &invitation) };
    db.comes_in(&guest).await;
    let message = || db.event(EventType::ChatMessage).by(Some(bob.id));
    assert_eq!(db.say(show.id, message()).await.unwrap(), None);
    assert!(db.say_as_guest(show.id, message(), guest.id).await.unwrap().is_some());
    let heart = db.event(EventType::Reaction);
    assert!(db.say_as_guest(show.id, heart, guest.id).await.unwrap().is_some());
    let other = db.private_show(0).await;
    assert_eq!(db.say_as_guest(other.id, message(), guest.id).await.unwrap(), None);
    db.goes(&guest, LeaveReason::TimedOut, None).await.unwrap();
    assert_eq!(db.say_as_guest(show.id, message(), guest.id).await.unwrap(), None);
    db.ends(&show).await;
    assert_eq!(db.say_as_guest(show.id, message(), guest.id).await.unwrap(), None);
}
