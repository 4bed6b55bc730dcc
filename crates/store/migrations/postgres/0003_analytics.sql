-- Who a viewer is, by a pseudonym, so that whoever comes back stays the same person; and when the stay began that
-- `joined_at` now tells.
ALTER TABLE active_viewers ADD COLUMN person TEXT NOT NULL DEFAULT '';

UPDATE active_viewers AS a SET person = COALESCE(j.person, ''), joined_at = j.joined_at
FROM (SELECT DISTINCT ON (event_data ->> 'viewer_id') CAST(event_data ->> 'viewer_id' AS UUID) AS viewer,
        event_data ->> 'person' AS person, created_at AS joined_at
      FROM session_events WHERE event_type = 'viewer.joined' AND event_data ? 'viewer_id'
      ORDER BY event_data ->> 'viewer_id', seq DESC) AS j
WHERE a.id = j.viewer;

-- A `viewer.left` tells of its stay by itself.
UPDATE session_events AS l SET created_at = GREATEST(l.created_at, s.joined_at),
  event_data = l.event_data || jsonb_build_object('person', COALESCE(s.person, ''),
    'watched', EXTRACT(EPOCH FROM GREATEST(l.created_at, s.joined_at) - s.joined_at))
FROM (SELECT id, event_type, LAG(created_at) OVER stays AS joined_at, LAG(event_data ->> 'person') OVER stays AS person
      FROM session_events WHERE event_type IN ('viewer.joined', 'viewer.left')
      WINDOW stays AS (PARTITION BY session_id, event_data ->> 'viewer_id' ORDER BY seq)) AS s
WHERE l.id = s.id AND s.event_type = 'viewer.left' AND s.joined_at IS NOT NULL;

-- Reading one type. Viewers come and go so often that reading all finds them soon enough.
CREATE INDEX session_events_by_type ON session_events (session_id, event_type, seq)
  WHERE event_type NOT IN ('viewer.joined', 'viewer.left');

-- How far a session's log is added up, and what is known at that point of it. All that follows can be made anew of the log.
CREATE TABLE session_progress (
  session_id UUID PRIMARY KEY REFERENCES broadcast_sessions (id),
  seq        BIGINT NOT NULL,
  first_at   TIMESTAMPTZ NOT NULL,
  last_at    TIMESTAMPTZ NOT NULL,
  viewers    INTEGER NOT NULL,
  peak       INTEGER NOT NULL,
  people     BIGINT NOT NULL,
  present    BIGINT NOT NULL
);

-- What happened in each stretch of time, of several lengths.
CREATE TABLE session_rollups (
  session_id UUID NOT NULL REFERENCES broadcast_sessions (id),
  seconds    INTEGER NOT NULL,
  starts_at  TIMESTAMPTZ NOT NULL,
  first_seq  BIGINT NOT NULL,
  last_seq   BIGINT NOT NULL,
  joins      BIGINT NOT NULL,
  leaves     BIGINT NOT NULL,
  moment     BIGINT NOT NULL,
  peak       INTEGER NOT NULL,
  arrivals   BIGINT NOT NULL,
  departures BIGINT NOT NULL,
  again      BIGINT NOT NULL,
  again_wide BIGINT NOT NULL,
  messages   BIGINT NOT NULL,
  reactions  BIGINT NOT NULL,
  under_1m   BIGINT NOT NULL,
  under_5m   BIGINT NOT NULL,
  under_15m  BIGINT NOT NULL,
  under_1h   BIGINT NOT NULL,
  PRIMARY KEY (session_id, seconds, starts_at)
);

-- Each person of a session: how many of its viewers are there, and when the last one went.
CREATE TABLE session_people (
  session_id  UUID NOT NULL REFERENCES broadcast_sessions (id),
  person      TEXT NOT NULL,
  present     INTEGER NOT NULL,
  departed_at TIMESTAMPTZ,
  PRIMARY KEY (session_id, person)
) WITH (fillfactor = 80);

-- Those who have gone, for counting who was there since a time.
CREATE INDEX session_people_gone ON session_people (session_id, departed_at) WHERE present = 0;
