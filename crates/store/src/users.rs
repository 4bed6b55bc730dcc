//! Users and their sign-ins.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use tallylight_core::ids::{SignInId, UserId};
use tallylight_core::store::{Taken, UserStore};
use tallylight_core::user::{Role, SealedKey, SignIn, User};
use tallylight_core::{Error, Result};

use crate::SqliteStore;
use crate::dialect::{Columns, error, taken, time};

#[async_trait]
impl UserStore for SqliteStore {
    async fn insert_user(&self, user: &User) -> Result<Result<(), Taken>> {
        let sql = "INSERT INTO users (id, username, display_name, email, email_folded, password_hash, role,
                     stream_key_hash, stream_key_sealed, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let done = sqlx::query(sql)
            .bind(user.id.0)
            .bind(&user.username)
            .bind(&user.display_name)
            .bind(&user.email)
            .bind(user.email.to_lowercase())
            .bind(&user.password_hash)
            .bind(user.role.name())
            .bind(user.stream_key.hash.as_slice())
            .bind(&user.stream_key.sealed)
            .bind(time(user.created_at))
            .execute(&self.writer)
            .await;
        match done {
            Ok(_) => Ok(Ok(())),
            Err(failed) => taken(&failed).map(Err).ok_or_else(|| error(failed)),
        }
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        let query = sqlx::query("SELECT * FROM users WHERE id = $1").bind(id.0);
        let row = query.fetch_optional(&self.readers).await.map_err(error)?;
        row.as_ref().map(user).transpose()
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<User>> {
        let sql = "SELECT * FROM users WHERE username = $1 OR email_folded = $1";
        let query = sqlx::query(sql).bind(login.to_lowercase());
        let row = query.fetch_optional(&self.readers).await.map_err(error)?;
        row.as_ref().map(user).transpose()
    }

    async fn user_by_stream_key(&self, hash: &[u8; 32]) -> Result<Option<User>> {
        let query = sqlx::query("SELECT * FROM users WHERE stream_key_hash = $1").bind(hash.as_slice());
        let row = query.fetch_optional(&self.readers).await.map_err(error)?;
        row.as_ref().map(user).transpose()
    }

    async fn set_user_stream_key(&self, id: UserId, key: &SealedKey) -> Result<()> {
        let sql = "UPDATE users SET stream_key_hash = $1, stream_key_sealed = $2 WHERE id = $3";
        let query = sqlx::query(sql).bind(key.hash.as_slice()).bind(&key.sealed).bind(id.0);
        query.execute(&self.writer).await.map_err(error)?;
        Ok(())
    }

    async fn has_admin(&self) -> Result<bool> {
        let query = sqlx::query("SELECT 1 FROM users WHERE role = 'admin' LIMIT 1");
        Ok(query.fetch_optional(&self.readers).await.map_err(error)?.is_some())
    }

    async fn insert_sign_in(&self, sign_in: &SignIn) -> Result<()> {
        let sql = "INSERT INTO sign_ins (id, user_id, secret_hash, created_at, used_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(sql)
            .bind(sign_in.id.0)
            .bind(sign_in.user_id.0)
            .bind(sign_in.secret_hash.as_slice())
            .bind(time(sign_in.created_at))
            .bind(time(sign_in.used_at))
            .bind(time(sign_in.expires_at))
            .execute(&self.writer)
            .await
            .map_err(error)?;
        Ok(())
    }

    async fn sign_in(&self, id: SignInId) -> Result<Option<SignIn>> {
        let query = sqlx::query("SELECT * FROM sign_ins WHERE id = $1").bind(id.0);
        let row = query.fetch_optional(&self.readers).await.map_err(error)?;
        row.as_ref().map(sign_in).transpose()
    }

    async fn rotate_sign_in(&self, from: &SignIn, to: &SignIn) -> Result<bool> {
        let sql = "UPDATE sign_ins SET secret_hash = $1, used_at = $2, expires_at = $3
                   WHERE id = $4 AND secret_hash = $5";
        let done = sqlx::query(sql)
            .bind(to.secret_hash.as_slice())
            .bind(time(to.used_at))
            .bind(time(to.expires_at))
            .bind(from.id.0)
            .bind(from.secret_hash.as_slice())
            .execute(&self.writer)
            .await
            .map_err(error)?;
        Ok(done.rows_affected() == 1)
    }

    async fn end_sign_in(&self, id: SignInId) -> Result<()> {
        let query = sqlx::query("DELETE FROM sign_ins WHERE id = $1").bind(id.0);
        query.execute(&self.writer).await.map_err(error)?;
        Ok(())
    }
}

fn user(row: &SqliteRow) -> Result<User> {
    let role: String = row.column("role")?;
    Ok(User {
        id: UserId(row.uuid("id")?),
        username: row.column("username")?,
        display_name: row.column("display_name")?,
        email: row.column("email")?,
        password_hash: row.column("password_hash")?,
        role: Role::from_name(&role).ok_or_else(|| Error::Internal(format!("unknown role {role}")))?,
        stream_key: SealedKey {
            hash: row.hash("stream_key_hash")?,
            sealed: row.column("stream_key_sealed")?,
        },
        created_at: row.time("created_at")?,
    })
}

fn sign_in(row: &SqliteRow) -> Result<SignIn> {
    Ok(SignIn {
        id: SignInId(row.uuid("id")?),
        user_id: UserId(row.uuid("user_id")?),
        secret_hash: row.hash("secret_hash")?,
        created_at: row.time("created_at")?,
        used_at: row.time("used_at")?,
        expires_at: row.time("expires_at")?,
    })
}
