-- Each log has a name of its own, so that a place in one is not taken for a place in another.
ALTER TABLE broadcast_sessions ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
UPDATE broadcast_sessions SET epoch = FLOOR(RANDOM() * 2251799813685248)::BIGINT;
