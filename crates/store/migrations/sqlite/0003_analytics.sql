-- Who a viewer is, by a pseudonym, so that whoever comes back stays the same person; and when the stay began that
-- `joined_at` now tells.
ALTER TABLE active_viewers ADD COLUMN person TEXT NOT NULL DEFAULT '';

UPDATE active_viewers AS a SET person = COALESCE(j.person, ''), joined_at = j.joined_at
FROM (SELECT unhex(replace(event_data ->> 'viewer_id', '-', '')) AS viewer, event_data ->> 'person' AS person,
        created_at AS joined_at,
        ROW_NUMBER() OVER (PARTITION BY event_data ->> 'viewer_id' ORDER BY seq DESC) AS latest
      FROM session_events WHERE event_type = 'viewer.joined') AS j
WHERE a.id = j.viewer AND j.latest = 1;

-- A `viewer.left` tells of its stay by itself.
UPDATE session_events AS l SET created_at = MAX(l.created_at, s.joined_at),
  event_data = json_patch(l.event_data, json_object('person', COALESCE(s.person, ''),
    'watched', (MAX(l.created_at, s.joined_at) - s.joined_at) / 1000000.0))
FROM (SELECT id, event_type, LAG(created_at) OVER stays AS joined_at, LAG(event_data ->> 'person') OVER stays AS person
      FROM session_events WHERE event_type IN ('viewer.joined', 'viewer.left')
      WINDOW stays AS (PARTITION BY session_id, event_data ->> 'viewer_id' ORDER BY seq)) AS s
WHERE l.id = s.id AND s.event_type = 'viewer.left' AND s.joined_at IS NOT NULL;

-- Reading one type. Viewers come and go so often that reading all finds them soon enough.
CREATE INDEX session_events_by_type ON session_events (session_id, event_type, seq)
  WHERE event_type NOT IN ('viewer.joined', 'viewer.left');

-- How far a session's log is added up, and what is known at that point of it. All that follows can be made anew of the log.
CREATE TABLE session_progress (
  session_id BLOB PRIMARY KEY REFERENCES broadcast_sessions (id),
  seq        INTEGER NOT NULL,
  first_at   INTEGER NOT NULL,
  last_at    INTEGER NOT NULL,
  viewers    INTEGER NOT NULL,
  peak       INTEGER NOT NULL,
  people     INTEGER NOT NULL,
  present    INTEGER NOT NULL
) STRICT;

-- What happened in each stretch of time, of several lengths.
CREATE TABLE session_rollups (
  session_id BLOB NOT NULL REFERENCES broadcast_sessions (id),
  seconds    INTEGER NOT NULL,
  starts_at  INTEGER NOT NULL,
  first_seq  INTEGER NOT NULL,
  last_seq   INTEGER NOT NULL,
  joins      INTEGER NOT NULL,
  leaves     INTEGER NOT NULL,
  moment     INTEGER NOT NULL,
  peak       INTEGER NOT NULL,
  arrivals   INTEGER NOT NULL,
  departures INTEGER NOT NULL,
  again      INTEGER NOT NULL,
  again_wide INTEGER NOT NULL,
  messages   INTEGER NOT NULL,
  reactions  INTEGER NOT NULL,
  under_1m   INTEGER NOT NULL,
  under_5m   INTEGER NOT NULL,
  under_15m  INTEGER NOT NULL,
  under_1h   INTEGER NOT NULL,
  PRIMARY KEY (session_id, seconds, starts_at)
) STRICT, WITHOUT ROWID;

-- Each person of a session: how many of its viewers are there, and when the last one went.
CREATE TABLE session_people (
  session_id  BLOB NOT NULL REFERENCES broadcast_sessions (id),
  person      TEXT NOT NULL,
  present     INTEGER NOT NULL,
  departed_at INTEGER,
  PRIMARY KEY (session_id, person)
) STRICT, WITHOUT ROWID;

-- Those who have gone, for counting who was there since a time.
CREATE INDEX session_people_gone ON session_people (session_id, departed_at) WHERE present = 0;
