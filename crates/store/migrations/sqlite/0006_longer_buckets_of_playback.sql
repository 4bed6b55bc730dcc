-- What viewers told of playback is kept in buckets of several lengths, so that few rows are read for a long time.
ALTER TABLE session_quality ADD COLUMN seconds INTEGER NOT NULL DEFAULT 10;

-- The index without the length is the version before's.
CREATE INDEX session_quality_by_length ON session_quality (session_id, seconds, bucket);

INSERT INTO session_quality (id, session_id, seconds, bucket,
  viewers, failed_viewers, startup_ms, played_ms, stalled_ms, stalls, failures_network, failures_media,
  failures_unsupported, failures_other, startups_100, startups_150, startups_200, startups_300, startups_400,
  startups_600, startups_800, startups_1200, startups_1600, startups_2400, startups_3200, startups_4800,
  startups_6400, startups_9600, startups_12800, startups_19200, startups_25600, startups_more)
SELECT randomblob(16), q.session_id, level.seconds, q.bucket - q.bucket % (level.seconds * 1000000),
  SUM(q.viewers), SUM(q.failed_viewers), SUM(q.startup_ms), SUM(q.played_ms), SUM(q.stalled_ms), SUM(q.stalls),
  SUM(q.failures_network), SUM(q.failures_media), SUM(q.failures_unsupported), SUM(q.failures_other),
  SUM(q.startups_100), SUM(q.startups_150), SUM(q.startups_200), SUM(q.startups_300), SUM(q.startups_400),
  SUM(q.startups_600), SUM(q.startups_800), SUM(q.startups_1200), SUM(q.startups_1600), SUM(q.startups_2400),
  SUM(q.startups_3200), SUM(q.startups_4800), SUM(q.startups_6400), SUM(q.startups_9600), SUM(q.startups_12800),
  SUM(q.startups_19200), SUM(q.startups_25600), SUM(q.startups_more)
FROM session_quality q CROSS JOIN (SELECT 300 AS seconds UNION ALL SELECT 3600) AS level
GROUP BY 2, 3, 4;

-- How far a log is shown no longer depends on what is only noted: the sums are made anew.
DELETE FROM session_people;
DELETE FROM session_rollups;
DELETE FROM session_progress;
