//! Who may do what: bans, API keys, and what access tokens do not tell; and who did what.

use async_trait::async_trait;
use tallylight_core::audit_log::{AuditEntry, AuditQuery};
use tallylight_core::ban::{Ban, BanTarget};
use tallylight_core::clock::Time;
use tallylight_core::ids::{AuditId, BanId, KeyId, SignInId, UserId};
use tallylight_core::key::ApiKey;
use tallylight_core::scope::Scope;
use tallylight_core::standing::OwnedKey;
use tallylight_core::store::{AccessStore, AuditStore};
use tallylight_core::user::Role;
use tallylight_core::viewer::DeviceId;
use tallylight_core::{Error, Result};
use uuid::Uuid;

use crate::Store;
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Bulk, json, sql};
use crate::transaction::Transaction;

#[async_trait]
impl AccessStore for Store {
    async fn sign_ins_ended_since(&self, since: Time) -> Result<Vec<SignInId>> {
        let statement = sql("SELECT id FROM sign_ins WHERE ended_at >= $1").bind(since);
        self.database.rows(statement).await?.iter().map(|row| Ok(SignInId(row.id("id")?))).collect()
    }

    async fn roles_given_since(&self, since: Time) -> Result<Vec<(UserId, Role)>> {
        let statement = sql("SELECT id, role FROM users WHERE changed_at >= $1").bind(since);
        let given = |row: &Row| Ok((UserId(row.id("id")?), role(row)?));
        self.database.rows(statement).await?.iter().map(given).collect()
    }

    async fn keys_in_force(&self, now: Time) -> Result<Vec<OwnedKey>> {
        let text = "SELECT k.*, u.username, u.role FROM api_keys k JOIN users u ON u.id = k.user_id
                    WHERE k.revoked_at IS NULL AND u.erased_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $1)";
        let owned = |row: &Row| {
            Ok(OwnedKey { key: api_key(row)?, username: row.text("username")?, role: role(row)? })
        };
        self.database.rows(sql(text).bind(now)).await?.iter().map(owned).collect()
    }

    async fn bans_in_force(&self, now: Time) -> Result<Vec<Ban>> {
        let statement = sql("SELECT * FROM bans WHERE until IS NULL OR until > $1").bind(now);
        self.database.rows(statement).await?.iter().map(ban).collect()
    }
}

#[async_trait]
impl AuditStore for Store {
    async fn note(&self, entries: &[AuditEntry]) -> Result<()> {
        for some in entries.chunks(ENTRIES_AT_ONCE) {
            self.database.transact(&Note(some)).await?;
        }
        Ok(())
    }

    async fn audit_log(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let text = "SELECT * FROM audit_log
                    WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR action = $2) AND ($3 IS NULL OR actor_id = $3)
                      AND ($4 IS NULL OR target = $4) AND ($5 IS NULL OR id >= $5) AND ($6 IS NULL OR id < $6)
                    ORDER BY id DESC LIMIT $7";
        let statement = sql(text)
            .bind(query.before.map(|id| id.0))
            .bind(&query.action)
            .bind(query.actor.map(|id| id.0))
            .bind(&query.target)
            .bind(query.since.map(first_of))
            .bind(query.until.map(first_of))
            .bind(query.limit);
        self.database.rows(statement).await?.iter().map(audit_entry).collect()
    }

    async fn forget_audit(&self, before: Time) -> Result<u64> {
        let text = "DELETE FROM audit_log
                    WHERE id IN (SELECT id FROM audit_log WHERE id < $1 ORDER BY id LIMIT $2)";
        let most = u32::try_from(ENTRIES_AT_ONCE).unwrap_or(u32::MAX);
        Ok(self.write(&sql(text).bind(first_of(before)).bind(most)).await?)
    }
}

/// How many entries of the audit log are written or removed at once.
const ENTRIES_AT_ONCE: usize = 1_000;

/// The least id of a time: ids are in the order of time (RFC 9562 §5.7).
pub fn first_of(time: Time) -> Uuid {
    let millis = u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    Uuid::from_u128(u128::from(millis) << 80)
}

struct Note<'a>(&'a [AuditEntry]);

#[async_trait]
impl Work for Note<'_> {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        note(transaction, self.0).await
    }
}

/// Adds entries to the audit log.
pub async fn note(transaction: &mut Transaction, entries: &[AuditEntry]) -> Result<(), Failure> {
    let text = "INSERT INTO audit_log (id, created_at, action, actor_id, actor, key_id, target, ip_address, details)
                SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9 FROM {rows}
                WHERE TRUE ON CONFLICT (id) DO NOTHING";
    let row = |entry: &AuditEntry| {
        Ok(vec![
            entry.id.0.into(),
            entry.at.into(),
            (&entry.action).into(),
            entry.actor_id.map(|id| id.0).into(),
            (&entry.actor).into(),
            entry.key_id.map(|id| id.0).into(),
            (&entry.target).into(),
            (&entry.ip.map(|ip| ip.to_string())).into(),
            json(&entry.details)?,
        ])
    };
    let rows = entries.iter().map(row).collect::<Result<_>>()?;
    transaction.bulk(&Bulk { text, rows }).await
}

fn audit_entry(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: AuditId(row.id("id")?),
        at: row.time("created_at")?,
        action: row.text("action")?,
        actor_id: row.some_id("actor_id")?.map(UserId),
        actor: row.some_text("actor")?,
        key_id: row.some_id("key_id")?.map(KeyId),
        target: row.some_text("target")?,
        ip: row.some_text("ip_address")?.and_then(|ip| ip.parse().ok()),
        details: row.json("details")?,
    })
}

/// A ban in a row of `bans`.
pub fn ban(row: &Row) -> Result<Ban> {
    let (user, device, network) =
        (row.some_id("user_id")?, row.some_text("device")?, row.some_text("network")?);
    let device = device.as_deref().and_then(DeviceId::parse).map(BanTarget::Device);
    let network = network.and_then(|network| network.parse().ok()).map(BanTarget::Network);
    let target = user.map(|id| BanTarget::User(UserId(id))).or(device).or(network);
    Ok(Ban {
        id: BanId(row.id("id")?),
        target: target.ok_or_else(|| Error::Internal("a ban is for nobody".into()))?,
        until: row.some_time("until")?,
        reason: row.some_text("reason")?,
        created_by: row.some_id("created_by")?.map(UserId),
        created_at: row.time("created_at")?,
    })
}

/// A key; a scope of a later version that this one does not know is left out.
pub fn api_key(row: &Row) -> Result<ApiKey> {
    let scopes = row.tags("scopes")?;
    Ok(ApiKey {
        id: KeyId(row.id("id")?),
        user_id: UserId(row.id("user_id")?),
        name: row.text("name")?,
        hash: row.hash("key_hash")?,
        hint: row.text("hint")?,
        scopes: scopes.iter().filter_map(|name| name.parse::<Scope>().ok()).collect(),
        created_at: row.time("created_at")?,
        expires_at: row.some_time("expires_at")?,
        revoked_at: row.some_time("revoked_at")?,
        last_used_at: row.some_time("last_used_at")?,
    })
}

/// The role in a row of `users`.
pub fn role(row: &Row) -> Result<Role> {
    role_of(&row.text("role")?)
}

/// The role of a name.
pub fn role_of(name: &str) -> Result<Role> {
    Role::from_name(name).ok_or_else(|| Error::Internal(format!("unknown role {name}")))
}
