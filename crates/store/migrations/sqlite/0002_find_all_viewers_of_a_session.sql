-- Those who left as well, for the blanking of what is known of them and for the reference to their session.
CREATE INDEX active_viewers_by_session ON active_viewers (session_id);
