-- Calls that are done once: who has a key, and what was answered under it, sealed. The id is a keyed hash of caller,
-- method, path and key.
CREATE TABLE idempotency_keys (
  id          BLOB PRIMARY KEY NOT NULL,
  claim       BLOB NOT NULL,
  fingerprint BLOB NOT NULL,
  sealed      BLOB,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);
