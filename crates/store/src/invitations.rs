//! Invitations: kept, used up by the joins of a batch, revoked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::broadcast::{Status, Visibility};
use tallylight_core::ids::{BroadcastId, JoinTokenId, UserId, ViewerId};
use tallylight_core::invitation::Invitation;
use tallylight_core::store::{InvitationStore, Revocation, Revoked};
use tallylight_core::viewer::NewViewer;

use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::sessions::{Whom, evict};
use crate::statement::{Bulk, sql};
use crate::transaction::Transaction;
use crate::{Store, batch};

#[async_trait]
impl InvitationStore for Store {
    async fn insert_invitation(&self, invitation: &Invitation, at_most: usize) -> Result<bool> {
        Ok(self.database.transact(&Insert { invitation, at_most }).await?)
    }

    async fn invitations(&self, session: BroadcastId) -> Result<Vec<Invitation>> {
        let text = "SELECT * FROM join_tokens WHERE session_id = $1 AND revoked_at IS NULL ORDER BY id DESC";
        self.database.rows(sql(text).bind(session.0)).await?.iter().map(invitation).collect()
    }

    async fn revoke_invitation(&self, revocation: Revocation<'_>) -> Result<Option<Revoked>> {
        Ok(self.database.transact(&Revoke(revocation)).await?)
    }
}

struct Insert<'a> {
    invitation: &'a Invitation,
    at_most: usize,
}

#[async_trait]
impl Work for Insert<'_> {
    type Done = bool;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let new = self.invitation;
        batch::lock(transaction, &BTreeSet::from([new.session_id])).await?;
        // But for this one, which an earlier try may have kept.
        let text = "SELECT COUNT(*) AS others FROM join_tokens
                    WHERE session_id = $1 AND revoked_at IS NULL AND id <> $2";
        let row = transaction.row(&sql(text).bind(new.session_id.0).bind(new.id.0)).await?;
        let others: usize = row.as_ref().map_or(Ok(0), |row| row.count("others"))?;
        if others >= self.at_most {
            return Ok(false);
        }
        let text = "INSERT INTO join_tokens (id, session_id, name, user_id, max_uses, created_at, expires_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
        let statement = sql(text).bind(new.id.0).bind(new.session_id.0).bind(&new.name);
        let statement = statement.bind(new.user_id.map(|id| id.0)).bind(new.max_uses);
        transaction.execute(&statement.bind(new.created_at).bind(new.expires_at)).await?;
        Ok(true)
    }
}

struct Revoke<'a>(Revocation<'a>);

#[async_trait]
impl Work for Revoke<'_> {
    type Done = Option<Revoked>;

    async fn run(&self, transaction: &mut Transaction) -> Result<Option<Revoked>, Failure> {
        let Revocation { session, invitation, at, evict: eviction } = &self.0;
        batch::lock(transaction, &BTreeSet::from([*session])).await?;
        // The time stands there already when an earlier try was committed unnoticed.
        let text = "UPDATE join_tokens SET revoked_at = $1
                    WHERE id = $2 AND session_id = $3 AND (revoked_at IS NULL OR revoked_at = $1)";
        let statement = sql(text).bind(*at).bind(invitation.0).bind(session.0);
        if transaction.execute(&statement).await? == 0 {
            return Ok(None);
        }
        let text = "SELECT CAST(b.status AS TEXT) AS status, CAST(b.visibility AS TEXT) AS visibility,
                      c.seq, c.viewers, c.peak
                    FROM session_counters c JOIN broadcast_sessions b ON b.id = c.session_id WHERE b.id = $1";
        let Some(row) = transaction.row(&sql(text).bind(session.0)).await? else { return Ok(None) };
        let before = batch::counts(&row)?;
        let (status, visibility): (Status, Visibility) = (row.name("status")?, row.name("visibility")?);
        let has_evicted = status == Status::Private || visibility == Visibility::Private;
        let counts = match has_evicted {
            true => evict(transaction, *session, (eviction, Whom::By(*invitation)), (*at, before)).await?,
            false => before,
        };
        let text =
            "UPDATE active_viewers SET join_token_id = NULL WHERE session_id = $1 AND join_token_id = $2";
        transaction.execute(&sql(text).bind(session.0).bind(invitation.0)).await?;
        batch::write_counts(transaction, &[(*session, before, counts)]).await?;
        Ok(Some(Revoked { counts, has_evicted }))
    }
}

/// The invitations that the joins of a batch show, as the joins so far have left them. Whoever uses or revokes one has
/// locked its session.
#[derive(Default)]
pub struct Shown {
    invitations: HashMap<JoinTokenId, Invitation>,
    used: BTreeSet<JoinTokenId>,
    admitted: BTreeMap<ViewerId, JoinTokenId>,
}

impl Shown {
    pub async fn load(
        transaction: &mut Transaction,
        ids: impl Iterator<Item = JoinTokenId>,
    ) -> Result<Self, Failure> {
        let ids: BTreeSet<_> = ids.collect();
        let text = "SELECT * FROM join_tokens WHERE id IN (SELECT column1 FROM {rows})";
        let rows = ids.iter().map(|id| vec![id.0.into()]).collect();
        let found = transaction.bulk_rows(&Bulk { text, rows }).await?;
        let invitations = found.iter().map(|row| invitation(row).map(|found| (found.id, found)));
        Ok(Self { invitations: invitations.collect::<Result<_>>()?, ..Self::default() })
    }

    /// Whether a viewer comes in by the invitation that it shows.
    pub fn admits(&self, viewer: &NewViewer) -> bool {
        let shown = viewer.invitation.and_then(|id| self.invitations.get(&id));
        shown.is_some_and(|shown| shown.admits(viewer.session_id, viewer.user_id, viewer.at))
    }

    /// Notes that a viewer came in by the invitation that it shows.
    pub fn admit(&mut self, viewer: &NewViewer) {
        let Some(shown) = viewer.invitation.and_then(|id| self.invitations.get_mut(&id)) else { return };
        shown.uses += 1;
        self.used.insert(shown.id);
        self.admitted.insert(viewer.id, shown.id);
    }

    pub async fn save(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        let text = "UPDATE join_tokens AS t SET uses = v.column2 FROM {rows} WHERE t.id = v.column1";
        let uses = self.used.iter().filter_map(|id| self.invitations.get(id));
        let rows = uses.map(|used| vec![used.id.0.into(), used.uses.into()]).collect();
        transaction.bulk(&Bulk { text, rows }).await?;
        let text =
            "UPDATE active_viewers AS a SET join_token_id = v.column2 FROM {rows} WHERE a.id = v.column1";
        let rows = self.admitted.iter().map(|(viewer, by)| vec![viewer.0.into(), by.0.into()]).collect();
        transaction.bulk(&Bulk { text, rows }).await
    }
}

fn invitation(row: &Row) -> Result<Invitation> {
    Ok(Invitation {
        id: JoinTokenId(row.id("id")?),
        session_id: BroadcastId(row.id("session_id")?),
        name: row.some_text("name")?,
        user_id: row.some_id("user_id")?.map(UserId),
        max_uses: row.count("max_uses")?,
        uses: row.count("uses")?,
        created_at: row.time("created_at")?,
        expires_at: row.some_time("expires_at")?,
        revoked_at: row.some_time("revoked_at")?,
    })
}
