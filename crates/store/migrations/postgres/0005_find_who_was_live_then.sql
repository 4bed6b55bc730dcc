-- Who was live at a time: what had begun, and has not ended or ended later. Of all times the latest are asked for most,
-- and few have ended since.
CREATE INDEX broadcast_sessions_by_end ON broadcast_sessions (ended_at, started_at);
