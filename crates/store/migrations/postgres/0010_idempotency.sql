-- Calls that are done once: who has a key, and what was answered under it, sealed. The id is a keyed hash of caller,
-- method, path and key.
CREATE TABLE idempotency_keys (
  id          UUID PRIMARY KEY,
  claim       UUID NOT NULL,
  fingerprint BYTEA NOT NULL,
  sealed      BYTEA,
  created_at  TIMESTAMPTZ NOT NULL,
  expires_at  TIMESTAMPTZ NOT NULL
);

CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);
