//! What those do and look up who run the server; each act in one transaction with its entry of the audit log.

use async_trait::async_trait;
use tallylight_core::Result;
use tallylight_core::admin::{
    Account, AccountQuery, AdminStore, BanKind, BanOutcome, BanQuery, BanRecord, CHANGES, RoleOutcome,
    Watcher,
};
use tallylight_core::audit_log::AuditEntry;
use tallylight_core::ban::{Ban, BanTarget};
use tallylight_core::clock::Time;
use tallylight_core::ids::{AuditId, BanId, BroadcastId, UserId, ViewerId};
use tallylight_core::store::{Listed, Slice};
use tallylight_core::user::Role;
use tallylight_core::viewer::DeviceId;
use uuid::Uuid;

use crate::Store;
use crate::access::{ban, first_of, note, role, role_of};
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Statement, sql};
use crate::transaction::Transaction;

/// The columns of an account; those of its ban under names of their own.
macro_rules! account_columns {
    () => {
        "u.id, u.username, u.display_name, u.email, u.role, u.created_at, b.id AS ban_id, b.until, b.reason,
         b.created_by, b.created_at AS banned_at"
    };
}

/// As an account query says.
macro_rules! matching {
    ($what:expr, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM users u LEFT JOIN bans b ON b.user_id = u.id AND (b.until IS NULL OR b.until > $1)
              WHERE u.erased_at IS NULL
                AND ($2 IS NULL OR u.username LIKE $2 ESCAPE '!' OR LOWER(u.display_name) LIKE $2 ESCAPE '!'
                     OR ($3 AND u.email_folded LIKE $2 ESCAPE '!'))
                AND ($4 IS NULL OR u.role = $4)
                AND ($5 IS NULL OR ($5 = 'yes' AND b.id IS NOT NULL) OR ($5 = 'no' AND b.id IS NULL)) ",
            $rest
        )
    };
}

/// Bans in force at `$1`, with the names of those concerned.
macro_rules! bans {
    ($what:literal, $rest:expr) => {
        concat!(
            "SELECT ",
            $what,
            " FROM bans b LEFT JOIN users u ON u.id = b.user_id LEFT JOIN users m ON m.id = b.created_by
              WHERE (b.until IS NULL OR b.until > $1) ",
            $rest
        )
    };
}

/// Those that a ban query names.
macro_rules! bans_asked_for {
    ($rest:literal) => {
        concat!(
            "AND ($2 IS NULL OR ($2 = 'user' AND b.user_id IS NOT NULL) OR ($2 = 'device' AND b.device IS NOT NULL)
                  OR ($2 = 'network' AND b.network IS NOT NULL))
             AND ($3 IS NULL OR b.user_id = $3) ",
            $rest
        )
    };
}

#[async_trait]
impl AdminStore for Store {
    async fn accounts(&self, query: &AccountQuery, (slice, now): (Slice, Time)) -> Result<Listed<Account>> {
        let bound = |statement: Statement| {
            let suspended = query.suspended.map(|is| if is { "yes" } else { "no" }.to_owned());
            let role = query.role.map(|role| role.name().to_owned());
            let q = query.q.as_deref().map(within);
            statement.bind(now).bind(&q).bind(query.by_email).bind(&role).bind(&suspended)
        };
        let count = bound(sql(matching!("COUNT(*) AS total", "")));
        let text = matching!(account_columns!(), "ORDER BY u.username, u.id LIMIT $6 OFFSET $7");
        let rows = bound(sql(text)).bind(slice.limit).bind(slice.offset);
        self.page(count, rows, account).await
    }

    async fn account(&self, id: UserId, now: Time) -> Result<Option<Account>> {
        let text = concat!(
            "SELECT ",
            account_columns!(),
            " FROM users u LEFT JOIN bans b ON b.user_id = u.id AND (b.until IS NULL OR b.until > $1)
              WHERE u.erased_at IS NULL AND u.id = $2"
        );
        let row = self.database.row(sql(text).bind(now).bind(id.0)).await?;
        row.as_ref().map(account).transpose()
    }

    async fn set_role(&self, user: UserId, role: Role, entry: &AuditEntry) -> Result<RoleOutcome> {
        Ok(self.database.transact(&SetRole(user, role, entry)).await?)
    }

    async fn keep_ban(&self, ban: &Ban, rank: Role, entry: &AuditEntry) -> Result<BanOutcome> {
        Ok(self.database.transact(&KeepBan(ban, rank, entry)).await?)
    }

    async fn take_ban(&self, id: BanId, entry: &AuditEntry) -> Result<bool> {
        Ok(self.database.transact(&TakeBan(id, entry)).await?)
    }

    async fn ban_records(&self, query: &BanQuery, (slice, now): (Slice, Time)) -> Result<Listed<BanRecord>> {
        let kind = query.kind.map(|kind| match kind {
            BanKind::User => "user".to_owned(),
            BanKind::Device => "device".to_owned(),
            BanKind::Network => "network".to_owned(),
        });
        let bound =
            |statement: Statement| statement.bind(now).bind(&kind).bind(query.user.map(|user| user.0));
        let count = bound(sql(bans!("COUNT(*) AS total", bans_asked_for!(""))));
        let rows = bound(sql(bans!(
            "b.*, u.username, u.role, m.username AS maker, m.role AS maker_role",
            bans_asked_for!("ORDER BY b.created_at DESC, b.id LIMIT $4 OFFSET $5")
        )));
        self.page(count, rows.bind(slice.limit).bind(slice.offset), ban_record).await
    }

    async fn ban_record(&self, id: BanId, now: Time) -> Result<Option<BanRecord>> {
        let text =
            bans!("b.*, u.username, u.role, m.username AS maker, m.role AS maker_role", "AND b.id = $2");
        self.database.row(sql(text).bind(now).bind(id.0)).await?.as_ref().map(ban_record).transpose()
    }

    async fn watchers(&self, session: BroadcastId, slice: Slice) -> Result<Listed<Watcher>> {
        let count = "SELECT COUNT(*) AS total FROM active_viewers WHERE session_id = $1 AND left_at IS NULL";
        let text = "SELECT a.id, a.user_id, u.username, a.device, CAST(a.ip_address AS TEXT) AS ip_address, a.joined_at,
                      a.last_seen, a.user_agent
                    FROM active_viewers a LEFT JOIN users u ON u.id = a.user_id
                    WHERE a.session_id = $1 AND a.left_at IS NULL ORDER BY a.joined_at, a.id LIMIT $2 OFFSET $3";
        let rows = sql(text).bind(session.0).bind(slice.limit).bind(slice.offset);
        self.page(sql(count).bind(session.0), rows, watcher).await
    }

    async fn changes_since(&self, since: Time) -> Result<Vec<AuditId>> {
        let text = "SELECT id FROM audit_log WHERE id >= $1 AND action IN ($2, $3, $4, $5, $6) ORDER BY id";
        let statement =
            CHANGES.iter().fold(sql(text).bind(first_of(since)), |s, action| s.bind(action.name()));
        self.database.rows(statement).await?.iter().map(|row| Ok(AuditId(row.id("id")?))).collect()
    }
}

impl Store {
    /// A part of a list and how many there are, as of one moment.
    async fn page<T>(
        &self,
        count: Statement,
        rows: Statement,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Listed<T>> {
        let (total, rows) = self.database.as_of_one_moment(&Listing { count, rows }).await?;
        Ok(Listed { items: rows.iter().map(read).collect::<Result<_>>()?, total })
    }
}

struct Listing {
    count: Statement,
    rows: Statement,
}

#[async_trait]
impl Work for Listing {
    type Done = (u64, Vec<Row>);

    async fn run(&self, transaction: &mut Transaction) -> Result<Self::Done, Failure> {
        let total = transaction.row(&self.count).await?.map_or(Ok(0), |row| row.count("total"))?;
        Ok((total, transaction.rows(&self.rows).await?))
    }
}

struct SetRole<'a>(UserId, Role, &'a AuditEntry);

#[async_trait]
impl Work for SetRole<'_> {
    type Done = RoleOutcome;

    async fn run(&self, transaction: &mut Transaction) -> Result<RoleOutcome, Failure> {
        let Self(user, role, entry) = *self;
        let admins = lock_admins(transaction).await?;
        if role != Role::Admin && admins.contains(&user.0) && is_alone(transaction, user, entry.at).await? {
            return Ok(RoleOutcome::LastAdmin);
        }
        let text = "UPDATE users SET role = $1, changed_at = $2 WHERE id = $3 AND erased_at IS NULL";
        let statement = sql(text).bind(role.name()).bind(entry.at).bind(user.0);
        if transaction.execute(&statement).await? == 0 {
            return Ok(RoleOutcome::NotFound);
        }
        note(transaction, std::slice::from_ref(entry)).await?;
        Ok(RoleOutcome::Given)
    }
}

/// The administrators. Until the transaction ends no other changes who administers and who is banned: of two
/// administrators who demote each other at once, one comes after the other.
pub async fn lock_admins(transaction: &mut Transaction) -> Result<Vec<Uuid>, Failure> {
    let text = match transaction.is_sqlite() {
        true => "SELECT id FROM users WHERE role = 'admin' ORDER BY id",
        false => "SELECT id FROM users WHERE role = 'admin' ORDER BY id FOR UPDATE",
    };
    let rows = transaction.rows(&sql(text)).await?;
    Ok(rows.iter().map(|row| row.id("id")).collect::<Result<_>>()?)
}

/// Whether no administrator is there but this user, leaving out those who are suspended.
pub async fn is_alone(transaction: &mut Transaction, user: UserId, now: Time) -> Result<bool, Failure> {
    let text = "SELECT o.id FROM users o WHERE o.role = 'admin' AND o.id <> $1 AND o.erased_at IS NULL
                  AND NOT EXISTS (SELECT 1 FROM bans b
                                  WHERE b.user_id = o.id AND (b.until IS NULL OR b.until > $2))
                LIMIT 1";
    Ok(transaction.row(&sql(text).bind(user.0).bind(now)).await?.is_none())
}

struct KeepBan<'a>(&'a Ban, Role, &'a AuditEntry);

#[async_trait]
impl Work for KeepBan<'_> {
    type Done = BanOutcome;

    async fn run(&self, transaction: &mut Transaction) -> Result<BanOutcome, Failure> {
        let Self(ban, rank, entry) = *self;
        let admins = lock_admins(transaction).await?;
        if let BanTarget::User(user) = ban.target
            && admins.contains(&user.0)
            && is_alone(transaction, user, entry.at).await?
        {
            return Ok(BanOutcome::LastAdmin);
        }
        let (user, device, network) = match &ban.target {
            BanTarget::User(user) => (Some(user.0), None, None),
            BanTarget::Device(device) => (None, Some(device.as_str().to_owned()), None),
            BanTarget::Network(network) => (None, None, Some(network.to_string())),
        };
        if !transaction.is_sqlite() {
            // Of two who ban the same at once the second finds the ban of the first.
            let text = "SELECT pg_advisory_xact_lock(1, hashtext(COALESCE($1, $2, $3)))";
            let user = user.map(|id| id.to_string());
            transaction.execute(&sql(text).bind(&user).bind(&device).bind(&network)).await?;
        }
        if rank < Role::Admin {
            let text = "SELECT b.id FROM bans b LEFT JOIN users m ON m.id = b.created_by
                        WHERE (b.user_id = $1 OR b.device = $2 OR b.network = $3) AND (b.until IS NULL OR b.until > $4)
                          AND (b.created_by IS NULL OR m.role = 'admin')";
            let above = sql(text).bind(user).bind(&device).bind(&network).bind(entry.at);
            if transaction.row(&above).await?.is_some() {
                return Ok(BanOutcome::Outranked);
            }
        }
        let before = "DELETE FROM bans WHERE id = $1 OR user_id = $2 OR device = $3 OR network = $4";
        let before = sql(before).bind(ban.id.0).bind(user).bind(&device).bind(&network);
        transaction.execute(&before).await?;
        let text = "INSERT INTO bans (id, user_id, device, network, until, reason, created_by, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let statement = sql(text).bind(ban.id.0).bind(user).bind(&device).bind(&network).bind(ban.until);
        let by = ban.created_by.map(|by| by.0);
        transaction.execute(&statement.bind(&ban.reason).bind(by).bind(ban.created_at)).await?;
        note(transaction, std::slice::from_ref(entry)).await?;
        Ok(BanOutcome::Kept)
    }
}

struct TakeBan<'a>(BanId, &'a AuditEntry);

#[async_trait]
impl Work for TakeBan<'_> {
    type Done = bool;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let gone = transaction.execute(&sql("DELETE FROM bans WHERE id = $1").bind(self.0.0)).await? > 0;
        if gone {
            note(transaction, std::slice::from_ref(self.1)).await?;
        }
        // An earlier try may have removed it unnoticed.
        Ok(gone || transaction.in_doubt)
    }
}

/// A pattern of what stands anywhere in a text.
fn within(q: &str) -> String {
    let mut pattern = String::from("%");
    for c in q.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern + "%"
}

fn account(row: &Row) -> Result<Account> {
    let id = UserId(row.id("id")?);
    let suspension = match row.some_id("ban_id")? {
        Some(ban) => Some(Ban {
            id: BanId(ban),
            target: BanTarget::User(id),
            until: row.some_time("until")?,
            reason: row.some_text("reason")?,
            created_by: row.some_id("created_by")?.map(UserId),
            created_at: row.time("banned_at")?,
        }),
        None => None,
    };
    Ok(Account {
        id,
        username: row.text("username")?,
        display_name: row.text("display_name")?,
        email: row.text("email")?,
        role: role(row)?,
        created_at: row.time("created_at")?,
        suspension,
    })
}

fn ban_record(row: &Row) -> Result<BanRecord> {
    let named = |name: &str, role: &str| -> Result<Option<(String, Role)>> {
        match row.some_text(name)? {
            Some(name) => Ok(Some((name, role_of(&row.text(role)?)?))),
            None => Ok(None),
        }
    };
    let (user, by) = (named("username", "role")?, named("maker", "maker_role")?);
    Ok(BanRecord { ban: ban(row)?, user, by })
}

fn watcher(row: &Row) -> Result<Watcher> {
    let user = row.some_id("user_id")?.map(UserId);
    Ok(Watcher {
        viewer: ViewerId(row.id("id")?),
        user: user.zip(row.some_text("username")?),
        device: row.some_text("device")?.as_deref().and_then(DeviceId::parse),
        ip: row.some_ip("ip_address")?,
        joined_at: row.time("joined_at")?,
        last_seen: row.time("last_seen")?,
        user_agent: row.some_text("user_agent")?,
    })
}
