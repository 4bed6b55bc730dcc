//! Writes through the store.

use anyhow::{Context, Result, bail};
use tallylight_core::event::{EventType, LeaveReason, NewEvent, joined};
use tallylight_core::ids::{BroadcastId, EventId, SystemIds, ViewerId};
use tallylight_core::store::SessionStore;
use tallylight_core::viewer::{Client, Departure, JoinOutcome, NewViewer, Seat};
use tallylight_store::{Limits, Store};

use crate::fill::{Hall, PERSON, event, id, now};
use crate::meter::{Caller, Figures, Meter};
use crate::place::Place;

/// Each caller logs events in one session.
pub async fn append(place: &Place, hall: &Hall, callers: usize, meter: Meter) -> Result<(Figures, u64)> {
    let store = Store::open(&place.location(), Limits::default()).await?;
    let appender = |number| Appender { store: store.clone(), session: hall.session(number) };
    let done = meter.run((0..callers).map(appender).collect()).await;
    store.close().await;
    done
}

/// Each caller is one viewer after the other of one session.
pub async fn join_and_leave(
    place: &Place,
    hall: &Hall,
    callers: usize,
    meter: Meter,
) -> Result<(Figures, u64)> {
    let store = Store::open(&place.location(), Limits::default()).await?;
    let visitor = |number| Visitor { store: store.clone(), session: hall.session(number), seat: None };
    let done = meter.run((0..callers).map(visitor).collect()).await;
    store.close().await;
    done
}

struct Appender {
    store: Store,
    session: BroadcastId,
}

impl Caller for Appender {
    async fn write(&mut self) -> Result<u64> {
        self.store.append(self.session, event()?).await?.context("the session is gone")?;
        Ok(1)
    }
}

struct Visitor {
    store: Store,
    session: BroadcastId,
    seat: Option<Seat>,
}

impl Caller for Visitor {
    async fn write(&mut self) -> Result<u64> {
        match self.seat.take() {
            None => self.join().await?,
            Some(seat) => self.leave(&seat).await?,
        }
        Ok(1)
    }
}

impl Visitor {
    async fn join(&mut self) -> Result<()> {
        let at = now();
        let id = ViewerId(id()?);
        let client = Client {
            ip: "2001:db8::1".parse().ok(),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into()),
            device: None,
        };
        let viewer =
            NewViewer {
                id,
                session_id: self.session,
                user_id: None,
                person: PERSON.into(),
                at,
                client,
                invitation: None,
            };
        let event = NewEvent::new(&SystemIds::default(), at, EventType::ViewerJoined, joined(id, PERSON))?;
        match self.store.join(&viewer, event).await? {
            JoinOutcome::Joined(seat, _) => self.seat = Some(seat),
            other => bail!("a new viewer finds {other:?}"),
        }
        Ok(())
    }

    async fn leave(&mut self, seat: &Seat) -> Result<()> {
        let (at, reason) = (now(), LeaveReason::Left);
        let event = EventId(id()?);
        let departure = Departure {
            viewer: seat.viewer,
            session_id: self.session,
            generation: Some(seat.generation),
            reason,
            at,
            event,
        };
        self.store.leave(&departure).await?.context("the viewer was not there")?;
        Ok(())
    }
}
