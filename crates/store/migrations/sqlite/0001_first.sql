-- Times are whole microseconds since 1970 UTC; ids are the 16 bytes of a UUID; JSON is text.

CREATE TABLE users (
  id                BLOB PRIMARY KEY,
  username          TEXT NOT NULL UNIQUE,
  display_name      TEXT NOT NULL,
  email             TEXT NOT NULL,
  email_folded      TEXT NOT NULL UNIQUE,
  password_hash     TEXT NOT NULL,
  role              TEXT NOT NULL CHECK (role IN ('viewer', 'broadcaster', 'moderator', 'admin')),
  stream_key_hash   BLOB NOT NULL UNIQUE,
  stream_key_sealed BLOB NOT NULL,
  created_at        INTEGER NOT NULL
) STRICT;

-- One sign-in is a family of refresh tokens; only the newest one's hash is kept.
CREATE TABLE sign_ins (
  id          BLOB PRIMARY KEY,
  user_id     BLOB NOT NULL REFERENCES users (id),
  secret_hash BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  used_at     INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX sign_ins_by_user ON sign_ins (user_id);

CREATE TABLE broadcast_sessions (
  id                BLOB PRIMARY KEY,
  title             TEXT NOT NULL,
  user_id           BLOB NOT NULL REFERENCES users (id),
  status            TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'ended', 'private')),
  visibility        TEXT NOT NULL DEFAULT 'public' CHECK (visibility IN ('public', 'private')),
  created_at        INTEGER NOT NULL,
  started_at        INTEGER NOT NULL,
  ended_at          INTEGER,
  viewer_count      INTEGER NOT NULL DEFAULT 0 CHECK (viewer_count >= 0),
  max_viewers       INTEGER NOT NULL DEFAULT 0 CHECK (max_viewers >= 0),
  rtmp_url          TEXT,
  hls_url           TEXT,
  webrtc_endpoint   TEXT,
  metadata          TEXT NOT NULL DEFAULT '{}',
  ai_intent         TEXT,
  tags              TEXT NOT NULL DEFAULT '[]',
  is_featured       INTEGER NOT NULL DEFAULT 0,
  -- Beyond the columns that integrators know:
  description       TEXT,
  reported_viewers  INTEGER NOT NULL DEFAULT 0 CHECK (reported_viewers >= 0),
  ingest_state      TEXT NOT NULL DEFAULT 'idle' CHECK (ingest_state IN ('idle', 'live', 'interrupted', 'ended')),
  interrupted_until INTEGER,
  stream_key_hash   BLOB NOT NULL UNIQUE,
  stream_key_sealed BLOB NOT NULL,
  deleted_at        INTEGER,
  revision          INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What is open is few beside what has ended.
CREATE INDEX broadcast_sessions_open ON broadcast_sessions (id) WHERE ended_at IS NULL;
CREATE INDEX broadcast_sessions_by_user ON broadcast_sessions (user_id, created_at);

-- Written at each join, leave and event, so kept narrow and apart from the row above.
CREATE TABLE session_counters (
  session_id BLOB PRIMARY KEY REFERENCES broadcast_sessions (id),
  seq        INTEGER NOT NULL DEFAULT 0,
  viewers    INTEGER NOT NULL DEFAULT 0 CHECK (viewers >= 0),
  peak       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE active_viewers (
  id               BLOB PRIMARY KEY,
  session_id       BLOB NOT NULL REFERENCES broadcast_sessions (id),
  user_id          BLOB REFERENCES users (id),
  joined_at        INTEGER NOT NULL,
  last_seen        INTEGER NOT NULL,
  user_agent       TEXT,
  ip_address       TEXT,
  is_authenticated INTEGER NOT NULL DEFAULT 0,
  -- How often this viewer joined; a time-out of an earlier stay cannot end a later one.
  generation       INTEGER NOT NULL DEFAULT 1,
  -- Who left stays known until the session is removed: its token is not good again.
  left_at          INTEGER,
  left_reason      TEXT
) STRICT;

CREATE INDEX active_viewers_present ON active_viewers (session_id) WHERE left_at IS NULL;

CREATE TABLE session_events (
  id         BLOB PRIMARY KEY,
  session_id BLOB NOT NULL REFERENCES broadcast_sessions (id),
  event_type TEXT NOT NULL,
  event_data TEXT NOT NULL DEFAULT '{}',
  created_at INTEGER NOT NULL,
  user_id    BLOB,
  metadata   TEXT NOT NULL DEFAULT '{}',
  seq        INTEGER NOT NULL,
  UNIQUE (session_id, seq)
) STRICT;
