-- A user, a device and a network is banned once: of several the latest holds.
DELETE FROM bans WHERE EXISTS (
  SELECT 1 FROM bans AS later
  WHERE (later.user_id = bans.user_id OR later.device = bans.device OR later.network = bans.network)
    AND (later.created_at > bans.created_at OR (later.created_at = bans.created_at AND later.id > bans.id))
);
CREATE UNIQUE INDEX bans_of_user ON bans (user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX bans_of_device ON bans (device) WHERE device IS NOT NULL;
CREATE UNIQUE INDEX bans_of_network ON bans (network) WHERE network IS NOT NULL;

-- What was done to somebody is found when they are erased.
CREATE INDEX audit_log_by_target ON audit_log (target) WHERE target IS NOT NULL;

-- Roles that were given lately are read again and again.
CREATE INDEX users_by_change ON users (changed_at) WHERE changed_at IS NOT NULL;
