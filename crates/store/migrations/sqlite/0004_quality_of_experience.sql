-- What viewers told of playback, in buckets of 10 s that begin at full tens of seconds. Each server writes rows of its
-- own, and replaces them while a bucket lasts: whoever reads adds up.
CREATE TABLE session_quality (
  id                   BLOB PRIMARY KEY,
  session_id           BLOB NOT NULL REFERENCES broadcast_sessions (id),
  bucket               INTEGER NOT NULL,
  viewers              INTEGER NOT NULL DEFAULT 0,
  failed_viewers       INTEGER NOT NULL DEFAULT 0,
  startup_ms           INTEGER NOT NULL DEFAULT 0,
  played_ms            INTEGER NOT NULL DEFAULT 0,
  stalled_ms           INTEGER NOT NULL DEFAULT 0,
  stalls               INTEGER NOT NULL DEFAULT 0,
  -- How often playback failed, by why.
  failures_network     INTEGER NOT NULL DEFAULT 0,
  failures_media       INTEGER NOT NULL DEFAULT 0,
  failures_unsupported INTEGER NOT NULL DEFAULT 0,
  failures_other       INTEGER NOT NULL DEFAULT 0,
  -- Startups by their time: at most so many milliseconds, and more than in the column before.
  startups_100         INTEGER NOT NULL DEFAULT 0,
  startups_150         INTEGER NOT NULL DEFAULT 0,
  startups_200         INTEGER NOT NULL DEFAULT 0,
  startups_300         INTEGER NOT NULL DEFAULT 0,
  startups_400         INTEGER NOT NULL DEFAULT 0,
  startups_600         INTEGER NOT NULL DEFAULT 0,
  startups_800         INTEGER NOT NULL DEFAULT 0,
  startups_1200        INTEGER NOT NULL DEFAULT 0,
  startups_1600        INTEGER NOT NULL DEFAULT 0,
  startups_2400        INTEGER NOT NULL DEFAULT 0,
  startups_3200        INTEGER NOT NULL DEFAULT 0,
  startups_4800        INTEGER NOT NULL DEFAULT 0,
  startups_6400        INTEGER NOT NULL DEFAULT 0,
  startups_9600        INTEGER NOT NULL DEFAULT 0,
  startups_12800       INTEGER NOT NULL DEFAULT 0,
  startups_19200       INTEGER NOT NULL DEFAULT 0,
  startups_25600       INTEGER NOT NULL DEFAULT 0,
  startups_more        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX session_quality_by_time ON session_quality (session_id, bucket);
