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

use crate::Store;
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{json, sql};
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
                    WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $1)";
        let owned = |row: &Row| {
            Ok(OwnedKey { key: api_key(row)?, username: row.text("username")?, role: role(row)? })
        };
        self.database.rows(sql(text).bind(now)).await?.iter().map(owned).collect()
    }

    async fn bans_in_force(&self, now: Time) -> Result<Vec<Ban>> {
        let statement = sql("SELECT * FROM bans WHERE until IS NULL OR until > $1").bind(now);
        self.database.rows(statement).await?.iter().map(ban).collect()
    }

    async fn insert_ban(&self, ban: &Ban) -> Result<()> {
        Ok(self.database.transact(&KeepBan(ban)).await?)
    }

    async fn lift_ban(&self, id: BanId) -> Result<bool> {
        Ok(self.write(&sql("DELETE FROM bans WHERE id = $1").bind(id.0)).await? > 0)
    }
}

struct KeepBan<'a>(&'a Ban);

#[async_trait]
impl Work for KeepBan<'_> {
    type Done = ();

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Failure> {
        let ban = self.0;
        let (user, device, network) = match &ban.target {
            BanTarget::User(user) => (Some(user.0), None, None),
            BanTarget::Device(device) => (None, Some(device.as_str().to_owned()), None),
            BanTarget::Network(network) => (None, None, Some(network.to_string())),
        };
        let before = "DELETE FROM bans WHERE id = $1 OR user_id = $2 OR device = $3 OR network = $4";
        let before = sql(before).bind(ban.id.0).bind(user).bind(&device).bind(&network);
        transaction.execute(&before).await?;
        let text = "INSERT INTO bans (id, user_id, device, network, until, reason, created_by, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let statement = sql(text).bind(ban.id.0).bind(user).bind(&device).bind(&network).bind(ban.until);
        let by = ban.created_by.map(|by| by.0);
        transaction.execute(&statement.bind(&ban.reason).bind(by).bind(ban.created_at)).await.map(|_| ())
    }
}

#[async_trait]
impl AuditStore for Store {
    async fn note(&self, entry: &AuditEntry) -> Result<()> {
        let text = "INSERT INTO audit_log (id, created_at, action, actor_id, actor, key_id, target, ip_address, details)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
        let statement = sql(text)
            .bind(entry.id.0)
            .bind(entry.at)
            .bind(&entry.action)
            .bind(entry.actor_id.map(|id| id.0))
            .bind(&entry.actor)
            .bind(entry.key_id.map(|id| id.0))
            .bind(&entry.target)
            .bind(&entry.ip.map(|ip| ip.to_string()))
            .bind(json(&entry.details)?);
        self.write(&statement).await?;
        Ok(())
    }

    async fn audit_log(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let text = "SELECT * FROM audit_log
                    WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR action = $2) AND ($3 IS NULL OR actor_id = $3)
                    ORDER BY id DESC LIMIT $4";
        let statement = sql(text)
            .bind(query.before.map(|id| id.0))
            .bind(&query.action)
            .bind(query.actor.map(|id| id.0))
            .bind(query.limit);
        self.database.rows(statement).await?.iter().map(audit_entry).collect()
    }
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

/// A ban as its row tells it.
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
    let role = row.text("role")?;
    Role::from_name(&role).ok_or_else(|| Error::Internal(format!("unknown role {role}")))
}
