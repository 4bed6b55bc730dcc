-- Who may not speak on the broadcasts of an owner; without an end for good.
CREATE TABLE chat_bans (
  owner_id   BLOB NOT NULL REFERENCES users (id),
  user_id    BLOB NOT NULL REFERENCES users (id),
  until      INTEGER,
  reason     TEXT,
  created_by BLOB NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (owner_id, user_id)
) STRICT;

CREATE INDEX chat_bans_by_user ON chat_bans (user_id);
CREATE INDEX chat_bans_by_creator ON chat_bans (created_by);
