-- The first step here: what SQLite's second one has come to. From here on their numbers run side by side.
--
-- Times are TIMESTAMPTZ, kept to the microsecond. The three tables that integrators know keep their names and columns.

CREATE TYPE session_status AS ENUM ('active', 'paused', 'ended', 'private');
CREATE TYPE session_visibility AS ENUM ('public', 'private');
-- Names arrive as text, like every other text.
CREATE CAST (text AS session_status) WITH INOUT AS ASSIGNMENT;
CREATE CAST (text AS session_visibility) WITH INOUT AS ASSIGNMENT;

CREATE TABLE users (
  id                UUID PRIMARY KEY,
  username          TEXT NOT NULL UNIQUE,
  display_name      TEXT NOT NULL,
  email             TEXT NOT NULL,
  email_folded      TEXT NOT NULL UNIQUE,
  password_hash     TEXT NOT NULL,
  role              TEXT NOT NULL CHECK (role IN ('viewer', 'broadcaster', 'moderator', 'admin')),
  stream_key_hash   BYTEA NOT NULL UNIQUE,
  stream_key_sealed BYTEA NOT NULL,
  created_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- One sign-in is a family of refresh tokens; only the newest one's hash is kept.
CREATE TABLE sign_ins (
  id          UUID PRIMARY KEY,
  user_id     UUID NOT NULL REFERENCES users (id),
  secret_hash BYTEA NOT NULL,
  created_at  TIMESTAMPTZ NOT NULL,
  used_at     TIMESTAMPTZ NOT NULL,
  expires_at  TIMESTAMPTZ NOT NULL
);

CREATE INDEX sign_ins_by_user ON sign_ins (user_id);

CREATE TABLE broadcast_sessions (
  id                UUID PRIMARY KEY,
  title             VARCHAR(255) NOT NULL,
  user_id           UUID NOT NULL REFERENCES users (id),
  status            session_status NOT NULL DEFAULT 'active',
  visibility        session_visibility NOT NULL DEFAULT 'public',
  created_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  started_at        TIMESTAMPTZ NOT NULL,
  ended_at          TIMESTAMPTZ,
  viewer_count      INTEGER NOT NULL DEFAULT 0 CHECK (viewer_count >= 0),
  max_viewers       INTEGER NOT NULL DEFAULT 0 CHECK (max_viewers >= 0),
  rtmp_url          VARCHAR(500),
  hls_url           VARCHAR(500),
  webrtc_endpoint   VARCHAR(500),
  metadata          JSONB NOT NULL DEFAULT '{}',
  ai_intent         VARCHAR(100),
  tags              TEXT[] NOT NULL DEFAULT '{}',
  is_featured       BOOLEAN NOT NULL DEFAULT FALSE,
  -- Beyond the columns that integrators know:
  description       TEXT,
  reported_viewers  INTEGER NOT NULL DEFAULT 0 CHECK (reported_viewers >= 0),
  ingest_state      TEXT NOT NULL DEFAULT 'idle' CHECK (ingest_state IN ('idle', 'live', 'interrupted', 'ended')),
  interrupted_until TIMESTAMPTZ,
  stream_key_hash   BYTEA NOT NULL UNIQUE,
  stream_key_sealed BYTEA NOT NULL,
  deleted_at        TIMESTAMPTZ,
  revision          BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- What is open is few beside what has ended.
CREATE INDEX broadcast_sessions_open ON broadcast_sessions (id) WHERE ended_at IS NULL;
CREATE INDEX broadcast_sessions_by_user ON broadcast_sessions (user_id, created_at);

-- Written at each join, leave and event, so kept narrow and apart from the row above, with room for the next version
-- of a row beside it.
CREATE TABLE session_counters (
  session_id UUID PRIMARY KEY REFERENCES broadcast_sessions (id),
  seq        BIGINT NOT NULL DEFAULT 0,
  viewers    INTEGER NOT NULL DEFAULT 0 CHECK (viewers >= 0),
  peak       INTEGER NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE active_viewers (
  id               UUID PRIMARY KEY,
  session_id       UUID NOT NULL REFERENCES broadcast_sessions (id),
  user_id          UUID REFERENCES users (id),
  joined_at        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  last_seen        TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  user_agent       TEXT,
  ip_address       INET,
  is_authenticated BOOLEAN NOT NULL DEFAULT FALSE,
  -- How often this viewer joined; a time-out of an earlier stay cannot end a later one.
  generation       BIGINT NOT NULL DEFAULT 1,
  -- Who left stays known until the session is removed: its token is not good again.
  left_at          TIMESTAMPTZ,
  left_reason      TEXT
) WITH (fillfactor = 80);

CREATE INDEX active_viewers_present ON active_viewers (session_id) WHERE left_at IS NULL;
CREATE INDEX active_viewers_by_session ON active_viewers (session_id);

CREATE TABLE session_events (
  id         UUID PRIMARY KEY,
  session_id UUID NOT NULL REFERENCES broadcast_sessions (id),
  event_type VARCHAR(50) NOT NULL,
  event_data JSONB NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
  user_id    UUID,
  metadata   JSONB NOT NULL DEFAULT '{}',
  seq        BIGINT NOT NULL,
  UNIQUE (session_id, seq)
);
