//! The viewers of a session: join, sign of life, leave, time-out.

use std::time::Duration;

use aws_lc_rs::hmac;
use futures_util::future::join_all;

use super::SessionManager;
use crate::broadcast::{Broadcast, Snapshot, Status};
use crate::caller::Caller;
use crate::clock::to_micros;
use crate::error::{Error, Result};
use crate::event::{EventType, LeaveReason, NewEvent, joined};
use crate::ids::{BroadcastId, EventId, JoinTokenId, UserId, ViewerId};
use crate::presence::Expired;
use crate::scope::Scope;
use crate::token::{Pass, PassKind};
use crate::viewer::{Client, Departure, DeviceId, JoinOutcome, KnownViewer, NewViewer, Seat, SignOfLife};

/// How many viewers are written about at once.
pub(super) const AT_ONCE: usize = 1_000;

/// What somebody gives who wants to watch.
#[derive(Debug, Clone, Default)]
pub struct JoinRequest {
    /// Who they say they are; believed only from that user, and from an API key that may act for others.
    pub user_id: Option<UserId>,
    /// An invitation to a private broadcast.
    pub join_token: Option<String>,
    /// The token of a viewer that they were before.
    pub viewer_token: Option<String>,
}

/// A place to watch from.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The viewer.
    pub viewer: ViewerId,
    /// Its secret.
    pub viewer_token: String,
    /// The token for its playback addresses.
    pub playback_token: String,
    /// The broadcast.
    pub broadcast: Snapshot,
}

/// A player that may fetch media.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The broadcast.
    pub broadcast: Snapshot,
    /// Who plays.
    pub pass: Pass,
}

/// What is known of the person who takes a place.
struct Who {
    user: Option<UserId>,
    /// The pseudonym of an earlier stay.
    person: Option<String>,
    /// The invitation that they show.
    invitation: Option<JoinTokenId>,
}

impl Who {
    /// Whoever signed in, else whoever the viewer was before.
    fn new(caller: Option<UserId>, known: Option<KnownViewer>) -> Self {
        let (user, person) = known.map_or((None, None), |known| (known.user_id, Some(known.person)));
        Self { user: caller.or(user), person, invitation: None }
    }

    fn showing(self, invitation: Option<JoinTokenId>) -> Self {
        Self { invitation, ..self }
    }
}

impl SessionManager {
    /// Lets somebody watch. The owner gets a preview, which does not count.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a private broadcast, [`Error::BroadcastFull`], [`Error::BroadcastEnded`],
    /// [`Error::ViewerGone`] for the token of a viewer who left, [`Error::JoinTokenInvalid`], [`Error::Forbidden`] for
    /// a `user_id` of somebody else from all but an API key that may act for others, or the store's.
    pub async fn track_user_join(
        &self,
        caller: &Caller,
        id: BroadcastId,
        request: JoinRequest,
        client: Client,
    ) -> Result<Joined> {
        self.standing.refuse_viewer(caller.user_id(), &client.peer(), self.now())?;
        let broadcast = self.ledger.get(id).await?;
        // A key that may not read what is its owner's sees what strangers see.
        let reader = caller.clone().within(Scope::BroadcastsRead);
        let invitation = self.invitation_shown(&reader, &broadcast, &request)?;
        let user = self.joining(caller, &broadcast, request.user_id).await?;
        let user = user.filter(|user| *user != broadcast.owner || broadcast.is_owned_by(&reader));
        // Whoever may not know of it is told by the store, which knows what their invitation is worth.
        if broadcast.status == Status::Ended && broadcast.is_visible_to(&reader) {
            return Err(Error::BroadcastEnded);
        }
        let pass = self.pass_for(user, &broadcast, request.viewer_token.as_deref())?;
        if pass.kind == PassKind::Viewer {
            let known = match request.viewer_token {
                Some(_) => self.store.viewer(id, pass.viewer).await?,
                None => None,
            };
            let who = Who::new(user, known).showing(invitation);
            self.seat(&broadcast, pass.viewer, who, client).await?;
        } else if !broadcast.is_visible_to(&reader) {
            return Err(Error::NotFound("broadcast"));
        }
        let broadcast = self.ledger.get(id).await?;
        Ok(self.joined(broadcast, pass))
    }

    fn pass_for(&self, user: Option<UserId>, broadcast: &Broadcast, token: Option<&str>) -> Result<Pass> {
        if let Some(token) = token {
            return self.tokens.check_viewer(broadcast.id, token).ok_or(Error::ViewerGone);
        }
        if user == Some(broadcast.owner) {
            return Ok(Pass { viewer: ViewerId(broadcast.id.0), kind: PassKind::Preview });
        }
        self.fresh_pass()
    }

    fn joined(&self, broadcast: Snapshot, pass: Pass) -> Joined {
        Joined {
            viewer: pass.viewer,
            viewer_token: self.tokens.viewer_token(broadcast.id, pass),
            playback_token: self.tokens.playback_token(broadcast.id, pass),
            broadcast,
        }
    }

    /// A random id for a device to keep.
    ///
    /// # Errors
    /// As [`crate::ids::Ids::fill`].
    pub fn new_device(&self) -> Result<DeviceId> {
        let mut random = [0; 16];
        self.ledger.ids.fill(&mut random)?;
        Ok(DeviceId::new(random))
    }

    fn fresh_pass(&self) -> Result<Pass> {
        let viewer = ViewerId(self.ledger.ids.uuid(self.clock().now())?);
        Ok(Pass { viewer, kind: PassKind::Viewer })
    }

    /// Takes a place in the store and enters the viewer as present.
    async fn seat(&self, broadcast: &Broadcast, id: ViewerId, who: Who, client: Client) -> Result<()> {
        let user_id = who.user;
        if user_id.is_some_and(|user| self.standing.refuse_user(user, self.now()).is_err()) {
            return Err(Error::ViewerGone);
        }
        let person = match (user_id, who.person, &client.device) {
            (Some(user), ..) => self.person(broadcast.id, b"user", user.0.as_bytes()),
            (None, Some(person), _) => person,
            (None, None, Some(device)) => self.person(broadcast.id, b"device", device.as_str().as_bytes()),
            (None, None, None) => self.person(broadcast.id, b"viewer", id.0.as_bytes()),
        };
        let viewer = NewViewer {
            id,
            session_id: broadcast.id,
            user_id,
            person,
            at: self.clock().now(),
            client: client.brief(),
            invitation: who.invitation,
        };
        let now = self.clock().monotonic();
        let event = self.ledger.event(EventType::ViewerJoined, joined(id, &viewer.person), user_id)?;
        // The stay and its event begin at the very same moment.
        let event = NewEvent { created_at: viewer.at, ..event };
        let answer = self.store.join(&viewer, event).await;
        match self.ledger.confirmed(answer)? {
            JoinOutcome::Joined(seat, counts) => {
                self.figures.joins.one();
                self.ledger.directory.count(broadcast.id, counts);
                self.enter_seat(&seat, now)
            }
            JoinOutcome::Present(seat) => self.enter_seat(&seat, now),
            JoinOutcome::Full => Err(Error::BroadcastFull),
            JoinOutcome::Ended => Err(Error::BroadcastEnded),
            JoinOutcome::Gone => Err(Error::ViewerGone),
            JoinOutcome::NotFound => Err(Error::NotFound("broadcast")),
            JoinOutcome::Uninvited => Err(Error::JoinTokenInvalid),
        }
    }

    /// Enters a viewer as present, unless everybody had to go between the store's answer and now. The directory
    /// knows of that before the others are removed, so whoever is entered too late for that finds it here.
    fn enter_seat(&self, seat: &Seat, now: Duration) -> Result<()> {
        self.presence.enter(seat.clone(), now);
        self.forget_revoked(seat);
        match self.refusal(seat) {
            None => self.still_welcome(seat),
            Some(refusal) => {
                self.presence.remove_stay(seat);
                Err(refusal)
            }
        }
    }

    /// Why a viewer may not be there now.
    pub(super) fn refusal(&self, seat: &Seat) -> Option<Error> {
        match self.ledger.directory.get(seat.session_id) {
            None => Some(Error::BroadcastEnded),
            Some(open) if open.is_private() && seat.user_id != Some(open.owner) && !self.is_invited(seat) => {
                Some(Error::NotFound("broadcast"))
            }
            Some(_) => None,
        }
    }

    /// A pseudonym of a person in the log of one session, not to be linked with another's.
    fn person(&self, session: BroadcastId, kind: &[u8], who: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.person_key);
        context.update(session.0.as_bytes());
        context.update(kind);
        context.update(who);
        let tag = context.sign();
        tag.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A viewer's sign of life.
    ///
    /// # Errors
    /// [`Error::ViewerGone`]: left, timed out, or never was.
    pub fn heartbeat(&self, id: BroadcastId, viewer_token: &str) -> Result<()> {
        let pass = self.tokens.check_viewer(id, viewer_token).ok_or(Error::ViewerGone)?;
        let there = match pass.kind {
            PassKind::Preview => self.ledger.directory.get(id).is_some(),
            PassKind::Viewer => self.presence.touch(id, pass.viewer, self.clock().monotonic()),
        };
        if there { Ok(()) } else { Err(Error::ViewerGone) }
    }

    /// A viewer says goodbye; also if it had gone before.
    ///
    /// # Errors
    /// [`Error::ViewerGone`] for a token that was never one of this broadcast, or the store's.
    pub async fn leave(&self, id: BroadcastId, viewer_token: &str) -> Result<()> {
        let pass = self.tokens.check_viewer(id, viewer_token).ok_or(Error::ViewerGone)?;
        if pass.kind == PassKind::Preview {
            return Ok(());
        }
        self.depart(id, pass.viewer).await.map(|_| ())
    }

    /// Ends all viewers of a user in a session; how many there were.
    ///
    /// # Errors
    /// The store's.
    pub async fn track_user_leave(&self, id: BroadcastId, user: UserId) -> Result<usize> {
        let viewers = self.presence.of_user(id, user);
        let left = join_all(viewers.into_iter().map(|viewer| self.depart(id, viewer))).await;
        left.into_iter().try_fold(0, |count, left| Ok(count + usize::from(left?)))
    }

    async fn depart(&self, session_id: BroadcastId, viewer: ViewerId) -> Result<bool> {
        let at = self.clock().now();
        let reason = LeaveReason::Left;
        let departure =
            Departure { viewer, session_id, generation: None, reason, at, event: self.event_id()? };
        let left = self.record_departure(&departure).await?;
        self.presence.remove(viewer);
        Ok(left)
    }

    pub(super) async fn record_departure(&self, departure: &Departure) -> Result<bool> {
        let answer = self.store.leave(departure).await;
        let counts = self.ledger.confirmed(answer)?;
        if let Some(counts) = counts {
            self.figures.left(departure.reason, 1);
            self.ledger.directory.count(departure.session_id, counts);
        }
        Ok(counts.is_some())
    }

    /// Ends every viewer without a sign of life; each at the moment at which its time ran out.
    pub(super) async fn expire_viewers(&self) -> Result<()> {
        let mut outcome = Ok(());
        let expired = self.presence.expire(self.settings.viewer_timeout, self.clock().monotonic());
        for some in expired.chunks(AT_ONCE) {
            let departures = join_all(some.iter().map(|expired| self.expire(expired))).await;
            for (expired, left) in some.iter().zip(departures) {
                match left {
                    Ok(_) => self.presence.remove_stay(&expired.seat),
                    Err(error) => outcome = Err(error),
                }
            }
            // While the database is away every further try would be as long a wait.
            if matches!(outcome, Err(Error::Unavailable(_))) {
                break;
            }
        }
        outcome
    }

    /// Keeps `last_seen` in the database no further behind than viewers heartbeat.
    pub(super) async fn note_signs_of_life(&self) -> Result<()> {
        let (now, monotonic) = (self.clock().now(), self.clock().monotonic());
        let seen = self.presence.unnoted(self.settings.heartbeat_interval, monotonic);
        let sign = |(seat, ago): &(Seat, Duration)| SignOfLife {
            viewer: seat.viewer,
            session_id: seat.session_id,
            at: to_micros(now - *ago),
        };
        for some in seen.chunks(AT_ONCE) {
            self.store.note_seen(some.iter().map(sign).collect()).await?;
        }
        Ok(())
    }

    async fn expire(&self, expired: &Expired) -> Result<bool> {
        self.time_out(&expired.seat, expired.ago).await
    }

    /// Ends a stay whose time was up a while ago.
    pub(super) async fn time_out(&self, seat: &Seat, ago: Duration) -> Result<bool> {
        let departure = Departure {
            viewer: seat.viewer,
            session_id: seat.session_id,
            generation: Some(seat.generation),
            reason: LeaveReason::TimedOut,
            at: to_micros(self.clock().now() - ago),
            event: self.event_id()?,
        };
        self.record_departure(&departure).await
    }

    pub(super) fn event_id(&self) -> Result<EventId> {
        Ok(EventId(self.ledger.ids.uuid(self.clock().now())?))
    }

    /// A fresh viewer for a player that opens the entry address of a public broadcast. It counts once it fetches a
    /// media playlist.
    ///
    /// # Errors
    /// [`Error::NotFound`] for private ones too, [`Error::BroadcastEnded`].
    pub async fn enter(&self, id: BroadcastId) -> Result<(Snapshot, String)> {
        let broadcast = self.ledger.get(id).await?;
        if broadcast.is_private() {
            return Err(Error::NotFound("broadcast"));
        }
        if broadcast.status == Status::Ended {
            return Err(Error::BroadcastEnded);
        }
        let token = self.tokens.playback_token(id, self.fresh_pass()?);
        Ok((broadcast, token))
    }

    /// As [`SessionManager::play`] for a player who is there, without waiting for anything; `None` for all others.
    pub fn plays_on(&self, id: BroadcastId, playback_token: &str) -> Option<Admitted> {
        let pass = self.tokens.check_playback(id, playback_token)?;
        let broadcast = self.ledger.directory.get(id)?;
        let there =
            pass.kind == PassKind::Preview || self.presence.touch(id, pass.viewer, self.clock().monotonic());
        there.then_some(Admitted { broadcast, pass })
    }

    /// Lets a player fetch a playlist and takes that as a sign of life; a viewer who is not there takes a place, or
    /// plays on after a time-out. It writes: do not drop it half-way.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a wrong token and for private broadcasts that the viewer may not watch,
    /// [`Error::BroadcastFull`], [`Error::ViewerGone`], or the store's.
    pub async fn play(&self, id: BroadcastId, playback_token: &str, client: Client) -> Result<Admitted> {
        if let Some(admitted) = self.plays_on(id, playback_token) {
            return Ok(admitted);
        }
        let pass =
            self.tokens.check_playback(id, playback_token).ok_or(Error::NotFound("playback address"))?;
        self.standing.refuse_client(&client, self.clock().now())?;
        let broadcast = self.ledger.get(id).await?;
        if pass.kind == PassKind::Preview {
            return Ok(Admitted { broadcast, pass });
        }
        // Who comes back stays the same person and as invited, though a player does not say who it is.
        let known = match broadcast.status == Status::Ended && !broadcast.is_private() {
            true => None,
            false => self.store.viewer(id, pass.viewer).await?,
        };
        if broadcast.is_private() && known.as_ref().is_none_or(|known| known.invitation.is_none()) {
            return Err(Error::NotFound("broadcast"));
        }
        // What ended may be played to its last segment by those who hold an address; nobody is counted.
        if broadcast.status != Status::Ended {
            self.seat(&broadcast, pass.viewer, Who::new(None, known), client).await?;
        }
        Ok(Admitted { broadcast, pass })
    }

    /// Lets a player fetch its multivariant playlist, which is no sign of life yet.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a wrong token, to a viewer who is suspended, and for a private broadcast where the viewer
    /// is not there and no guest who may come back.
    pub async fn known_player(&self, id: BroadcastId, playback_token: &str) -> Result<()> {
        let pass =
            self.tokens.check_playback(id, playback_token).ok_or(Error::NotFound("playback address"))?;
        let is_private = self.ledger.get(id).await?.is_private();
        let may_play = if is_private {
            self.watch_private(id, playback_token).is_ok()
        } else {
            pass.kind == PassKind::Preview || self.standing.is_calm()
        };
        if may_play {
            return Ok(());
        }
        let known = self.store.viewer(id, pass.viewer).await?;
        let user = known.as_ref().and_then(|known| known.user_id);
        let is_welcome = user.is_none_or(|user| self.standing.refuse_user(user, self.now()).is_ok());
        let may_return = is_welcome && (!is_private || known.is_some_and(|known| known.invitation.is_some()));
        if may_return { Ok(()) } else { Err(Error::NotFound("broadcast")) }
    }

    /// Lets a player fetch a segment of a private broadcast: only viewers who are there.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn watch_private(&self, id: BroadcastId, playback_token: &str) -> Result<()> {
        let pass =
            self.tokens.check_playback(id, playback_token).ok_or(Error::NotFound("playback address"))?;
        let there = match pass.kind {
            PassKind::Preview => true,
            PassKind::Viewer => self.presence.touch(id, pass.viewer, self.clock().monotonic()),
        };
        if there { Ok(()) } else { Err(Error::NotFound("broadcast")) }
    }

    /// The playback token of the owner's preview, the same at each call so that addresses stay the same.
    pub fn preview_token(&self, id: BroadcastId) -> String {
        self.tokens.playback_token(id, Pass { viewer: ViewerId(id.0), kind: PassKind::Preview })
    }
}
