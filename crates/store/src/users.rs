//! Users and their sign-ins.

use async_trait::async_trait;
use tallylight_core::clock::Time;
use tallylight_core::ids::{SignInId, UserId};
use tallylight_core::store::{Taken, UserStore};
use tallylight_core::user::{Role, SealedKey, SignIn, User};
use tallylight_core::viewer::Client;
use tallylight_core::{Error, Result};

use crate::Store;
use crate::database::Work;
use crate::failure::Failure;
use crate::row::Row;
use crate::statement::{Statement, sql};
use crate::transaction::Transaction;

#[async_trait]
impl UserStore for Store {
    async fn insert_user(&self, user: &User) -> Result<Result<(), Taken>> {
        let text = "INSERT INTO users (id, username, display_name, email, email_folded, password_hash, role,
                      stream_key_hash, stream_key_sealed, created_at, default_title)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING";
        let statement = sql(text)
            .bind(user.id.0)
            .bind(&user.username)
            .bind(&user.display_name)
            .bind(&user.email)
            .bind(&user.email.to_lowercase())
            .bind(&user.password_hash)
            .bind(user.role.name())
            .bind(&user.stream_key.hash)
            .bind(&user.stream_key.sealed)
            .bind(user.created_at)
            .bind(&user.default_title);
        match self.write(&statement).await {
            Ok(_) => Ok(Ok(())),
            Err(Failure::Taken(taken)) => Ok(Err(taken)),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read_user(sql("SELECT * FROM users WHERE id = $1").bind(id.0)).await
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<User>> {
        let text = "SELECT * FROM users WHERE username = $1 OR email_folded = $1";
        self.read_user(sql(text).bind(&login.to_lowercase())).await
    }

    async fn user_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<User>> {
        self.read_user(sql("SELECT * FROM users WHERE stream_key_hash = $1").bind(hash)).await
    }

    async fn set_user_stream_key(&self, id: UserId, key: &SealedKey) -> Result<()> {
        let text = "UPDATE users SET stream_key_hash = $1, stream_key_sealed = $2 WHERE id = $3";
        self.write(&sql(text).bind(&key.hash).bind(&key.sealed).bind(id.0)).await?;
        Ok(())
    }

    async fn has_admin(&self) -> Result<bool> {
        let statement = sql("SELECT id FROM users WHERE role = 'admin' LIMIT 1");
        Ok(self.database.row(statement).await?.is_some())
    }

    async fn insert_sign_in(&self, sign_in: &SignIn, password_hash: &str) -> Result<bool> {
        Ok(self.database.transact(&InsertSignIn { sign_in, password_hash }).await?)
    }

    async fn sign_in(&self, id: SignInId) -> Result<Option<SignIn>> {
        let statement = sql("SELECT * FROM sign_ins WHERE id = $1 AND ended_at IS NULL").bind(id.0);
        self.database.row(statement).await?.as_ref().map(sign_in).transpose()
    }

    async fn rotate_sign_in(&self, from: &SignIn, to: &SignIn) -> Result<bool> {
        // The new hash stands there already when an earlier try was committed unnoticed.
        let text = "UPDATE sign_ins SET secret_hash = $1, used_at = $2, expires_at = $3
                    WHERE id = $4 AND ended_at IS NULL AND (secret_hash = $5 OR secret_hash = $1)";
        let statement = sql(text)
            .bind(&to.secret_hash)
            .bind(to.used_at)
            .bind(to.expires_at)
            .bind(from.id.0)
            .bind(&from.secret_hash);
        Ok(self.write(&statement).await? == 1)
    }

    async fn end_sign_in(&self, id: SignInId, at: Time) -> Result<()> {
        let text = "UPDATE sign_ins SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL";
        self.write(&sql(text).bind(at).bind(id.0)).await?;
        Ok(())
    }
}

impl Store {
    /// One statement as a transaction; how many rows it changed. Doing it twice comes to the same.
    pub(crate) async fn write(&self, statement: &Statement) -> Result<u64, Failure> {
        self.database.transact(&Once(statement)).await
    }

    async fn read_user(&self, statement: Statement) -> Result<Option<User>> {
        self.database.row(statement).await?.as_ref().map(user).transpose()
    }
}

struct InsertSignIn<'a> {
    sign_in: &'a SignIn,
    password_hash: &'a str,
}

#[async_trait]
impl Work for InsertSignIn<'_> {
    type Done = bool;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, Failure> {
        let Self { sign_in, password_hash } = self;
        // Locked, so that a change of the password comes before and refuses this one, or after and ends it.
        let text = match transaction.is_sqlite() {
            true => "SELECT id FROM users WHERE id = $1 AND password_hash = $2",
            false => "SELECT id FROM users WHERE id = $1 AND password_hash = $2 FOR SHARE",
        };
        if transaction.row(&sql(text).bind(sign_in.user_id.0).bind(*password_hash)).await?.is_none() {
            return Ok(false);
        }
        let text =
            "INSERT INTO sign_ins (id, user_id, secret_hash, created_at, used_at, expires_at, user_agent,
                      ip_address)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
        let statement = sql(text)
            .bind(sign_in.id.0)
            .bind(sign_in.user_id.0)
            .bind(&sign_in.secret_hash)
            .bind(sign_in.created_at)
            .bind(sign_in.used_at)
            .bind(sign_in.expires_at)
            .bind(&sign_in.client.user_agent)
            .bind(&sign_in.client.ip.map(|ip| ip.to_string()));
        transaction.execute(&statement).await?;
        Ok(true)
    }
}

struct Once<'a>(&'a Statement);

#[async_trait]
impl Work for Once<'_> {
    type Done = u64;

    async fn run(&self, transaction: &mut Transaction) -> Result<u64, Failure> {
        transaction.execute(self.0).await
    }
}

fn user(row: &Row) -> Result<User> {
    let role: String = row.text("role")?;
    Ok(User {
        id: UserId(row.id("id")?),
        username: row.text("username")?,
        display_name: row.text("display_name")?,
        email: row.text("email")?,
        password_hash: row.text("password_hash")?,
        role: Role::from_name(&role).ok_or_else(|| Error::Internal(format!("unknown role {role}")))?,
        stream_key: SealedKey { hash: row.hash("stream_key_hash")?, sealed: row.get("stream_key_sealed")? },
        default_title: row.some_text("default_title")?,
        created_at: row.time("created_at")?,
        erased_at: row.some_time("erased_at")?,
    })
}

/// A sign-in as its row tells it.
pub fn sign_in(row: &Row) -> Result<SignIn> {
    Ok(SignIn {
        id: SignInId(row.id("id")?),
        user_id: UserId(row.id("user_id")?),
        secret_hash: row.hash("secret_hash")?,
        created_at: row.time("created_at")?,
        used_at: row.time("used_at")?,
        expires_at: row.time("expires_at")?,
        client: Client {
            ip: row.some_text("ip_address")?.and_then(|ip| ip.parse().ok()),
            user_agent: row.some_text("user_agent")?,
            device: None,
        },
    })
}
