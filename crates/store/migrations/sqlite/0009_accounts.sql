-- Accounts that change and go, keys for programs, invitations, who is kept out, and who did what.

-- When a role last changed: access tokens issued before say otherwise.
ALTER TABLE users ADD COLUMN changed_at INTEGER;
-- The row of an erased account stays, blanked: logs and broadcasts refer to it.
ALTER TABLE users ADD COLUMN erased_at INTEGER;
-- What a broadcast is called that the lasting stream key makes.
ALTER TABLE users ADD COLUMN default_title TEXT;

ALTER TABLE sign_ins ADD COLUMN user_agent TEXT;
ALTER TABLE sign_ins ADD COLUMN ip_address TEXT;
-- An ended sign-in stays until its last access token is over.
ALTER TABLE sign_ins ADD COLUMN ended_at INTEGER;

-- Of what device a viewer is, so that one can be shut out, and by which invitation it came.
ALTER TABLE active_viewers ADD COLUMN device TEXT;
ALTER TABLE active_viewers ADD COLUMN join_token_id BLOB;

-- Who is kept out: a user, a device, or a network in CIDR notation; without an end for good.
CREATE TABLE bans (
  id         BLOB PRIMARY KEY,
  user_id    BLOB REFERENCES users (id),
  device     TEXT,
  network    TEXT,
  until      INTEGER,
  reason     TEXT,
  created_by BLOB REFERENCES users (id),
  created_at INTEGER NOT NULL,
  CHECK ((user_id IS NOT NULL) + (device IS NOT NULL) + (network IS NOT NULL) = 1)
) STRICT;

CREATE INDEX bans_by_user ON bans (user_id);
CREATE INDEX bans_by_creator ON bans (created_by);

-- Of a key only its SHA-256 is kept, and its last characters to know it by.
CREATE TABLE api_keys (
  id           BLOB PRIMARY KEY,
  user_id      BLOB NOT NULL REFERENCES users (id),
  name         TEXT NOT NULL,
  key_hash     BLOB NOT NULL UNIQUE,
  hint         TEXT NOT NULL,
  scopes       TEXT NOT NULL DEFAULT '[]',
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER,
  revoked_at   INTEGER,
  last_used_at INTEGER
) STRICT;

CREATE INDEX api_keys_by_user ON api_keys (user_id);

-- One row a key, day and endpoint; its id is a hash of the three.
CREATE TABLE api_key_usage (
  id       BLOB PRIMARY KEY,
  key_id   BLOB NOT NULL REFERENCES api_keys (id),
  day      INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  requests INTEGER NOT NULL DEFAULT 0,
  refused  INTEGER NOT NULL DEFAULT 0,
  failed   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX api_key_usage_by_key ON api_key_usage (key_id, day);
CREATE INDEX api_key_usage_by_day ON api_key_usage (day);

-- Invitations. The tokens are signed: what is kept says how far they are used up.
CREATE TABLE join_tokens (
  id         BLOB PRIMARY KEY,
  session_id BLOB NOT NULL REFERENCES broadcast_sessions (id),
  name       TEXT,
  user_id    BLOB REFERENCES users (id),
  max_uses   INTEGER NOT NULL DEFAULT 0 CHECK (max_uses >= 0),
  uses       INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;

CREATE INDEX join_tokens_by_session ON join_tokens (session_id);
CREATE INDEX join_tokens_by_user ON join_tokens (user_id);

-- Who did what to whom. Nothing here is ever changed but by erasure.
CREATE TABLE audit_log (
  id         BLOB PRIMARY KEY,
  created_at INTEGER NOT NULL,
  action     TEXT NOT NULL,
  actor_id   BLOB REFERENCES users (id),
  actor      TEXT,
  key_id     BLOB,
  target     TEXT,
  ip_address TEXT,
  details    TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX audit_log_by_actor ON audit_log (actor_id);
