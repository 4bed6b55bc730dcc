-- Who may not speak on the broadcasts of an owner; without an end for good.
CREATE TABLE chat_bans (
  owner_id   UUID NOT NULL REFERENCES users (id),
  user_id    UUID NOT NULL REFERENCES users (id),
  until      TIMESTAMPTZ,
  reason     TEXT,
  created_by UUID NOT NULL REFERENCES users (id),
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (owner_id, user_id)
);

CREATE INDEX chat_bans_by_user ON chat_bans (user_id);
CREATE INDEX chat_bans_by_creator ON chat_bans (created_by);
