-- What viewers told of playback, in buckets of 10 s that begin at full tens of seconds. Each server writes rows of its
-- own, and replaces them while a bucket lasts: whoever reads adds up.
CREATE TABLE session_quality (
  id                   UUID PRIMARY KEY,
  session_id           UUID NOT NULL REFERENCES broadcast_sessions (id),
  bucket               TIMESTAMPTZ NOT NULL,
  viewers              BIGINT NOT NULL DEFAULT 0,
  failed_viewers       BIGINT NOT NULL DEFAULT 0,
  startup_ms           BIGINT NOT NULL DEFAULT 0,
  played_ms            BIGINT NOT NULL DEFAULT 0,
  stalled_ms           BIGINT NOT NULL DEFAULT 0,
  stalls               BIGINT NOT NULL DEFAULT 0,
  -- How often playback failed, by why.
  failures_network     BIGINT NOT NULL DEFAULT 0,
  failures_media       BIGINT NOT NULL DEFAULT 0,
  failures_unsupported BIGINT NOT NULL DEFAULT 0,
  failures_other       BIGINT NOT NULL DEFAULT 0,
  -- Startups by their time: at most so many milliseconds, and more than in the column before.
  startups_100         BIGINT NOT NULL DEFAULT 0,
  startups_150         BIGINT NOT NULL DEFAULT 0,
  startups_200         BIGINT NOT NULL DEFAULT 0,
  startups_300         BIGINT NOT NULL DEFAULT 0,
  startups_400         BIGINT NOT NULL DEFAULT 0,
  startups_600         BIGINT NOT NULL DEFAULT 0,
  startups_800         BIGINT NOT NULL DEFAULT 0,
  startups_1200        BIGINT NOT NULL DEFAULT 0,
  startups_1600        BIGINT NOT NULL DEFAULT 0,
  startups_2400        BIGINT NOT NULL DEFAULT 0,
  startups_3200        BIGINT NOT NULL DEFAULT 0,
  startups_4800        BIGINT NOT NULL DEFAULT 0,
  startups_6400        BIGINT NOT NULL DEFAULT 0,
  startups_9600        BIGINT NOT NULL DEFAULT 0,
  startups_12800       BIGINT NOT NULL DEFAULT 0,
  startups_19200       BIGINT NOT NULL DEFAULT 0,
  startups_25600       BIGINT NOT NULL DEFAULT 0,
  startups_more        BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

CREATE INDEX session_quality_by_time ON session_quality (session_id, bucket);
