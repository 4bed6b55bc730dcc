-- Accounts that change and go, keys for programs, invitations, who is kept out, and who did what.

-- When a role last changed: access tokens issued before say otherwise.
ALTER TABLE users ADD COLUMN changed_at TIMESTAMPTZ;
-- The row of an erased account stays, blanked: logs and broadcasts refer to it.
ALTER TABLE users ADD COLUMN erased_at TIMESTAMPTZ;
-- What a broadcast is called that the lasting stream key makes.
ALTER TABLE users ADD COLUMN default_title TEXT;

ALTER TABLE sign_ins ADD COLUMN user_agent TEXT;
ALTER TABLE sign_ins ADD COLUMN ip_address TEXT;
-- An ended sign-in stays until its last access token is over.
ALTER TABLE sign_ins ADD COLUMN ended_at TIMESTAMPTZ;

-- Of what device a viewer is, so that one can be shut out, and by which invitation it came.
ALTER TABLE active_viewers ADD COLUMN device TEXT;
ALTER TABLE active_viewers ADD COLUMN join_token_id UUID;

-- Who is kept out: a user, a device, or a network in CIDR notation; without an end for good.
CREATE TABLE bans (
  id         UUID PRIMARY KEY,
  user_id    UUID REFERENCES users (id),
  device     TEXT,
  network    TEXT,
  until      TIMESTAMPTZ,
  reason     TEXT,
  created_by UUID REFERENCES users (id),
  created_at TIMESTAMPTZ NOT NULL,
  CHECK (num_nonnulls(user_id, device, network) = 1)
);

CREATE INDEX bans_by_user ON bans (user_id);
CREATE INDEX bans_by_creator ON bans (created_by);

-- Of a key only its SHA-256 is kept, and its last characters to know it by.
CREATE TABLE api_keys (
  id           UUID PRIMARY KEY,
  user_id      UUID NOT NULL REFERENCES users (id),
  name         TEXT NOT NULL,
  key_hash     BYTEA NOT NULL UNIQUE,
  hint         TEXT NOT NULL,
  scopes       TEXT[] NOT NULL DEFAULT '{}',
  created_at   TIMESTAMPTZ NOT NULL,
  expires_at   TIMESTAMPTZ,
  revoked_at   TIMESTAMPTZ,
  last_used_at TIMESTAMPTZ
);

CREATE INDEX api_keys_by_user ON api_keys (user_id);

-- One row a key, day and endpoint; its id is a hash of the three.
CREATE TABLE api_key_usage (
  id       UUID PRIMARY KEY,
  key_id   UUID NOT NULL REFERENCES api_keys (id),
  day      TIMESTAMPTZ NOT NULL,
  endpoint TEXT NOT NULL,
  requests BIGINT NOT NULL DEFAULT 0,
  refused  BIGINT NOT NULL DEFAULT 0,
  failed   BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX api_key_usage_by_key ON api_key_usage (key_id, day);
CREATE INDEX api_key_usage_by_day ON api_key_usage (day);

-- Invitations. The tokens are signed: what is kept says how far they are used up.
CREATE TABLE join_tokens (
  id         UUID PRIMARY KEY,
  session_id UUID NOT NULL REFERENCES broadcast_sessions (id),
  name       TEXT,
  user_id    UUID REFERENCES users (id),
  max_uses   INTEGER NOT NULL DEFAULT 0 CHECK (max_uses >= 0),
  uses       INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0),
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ,
  revoked_at TIMESTAMPTZ
);

CREATE INDEX join_tokens_by_session ON join_tokens (session_id);
CREATE INDEX join_tokens_by_user ON join_tokens (user_id);

-- Who did what to whom. Nothing here is ever changed but by erasure.
CREATE TABLE audit_log (
  id         UUID PRIMARY KEY,
  created_at TIMESTAMPTZ NOT NULL,
  action     TEXT NOT NULL,
  actor_id   UUID REFERENCES users (id),
  actor      TEXT,
  key_id     UUID,
  target     TEXT,
  ip_address TEXT,
  details    JSONB NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_log_by_actor ON audit_log (actor_id);
