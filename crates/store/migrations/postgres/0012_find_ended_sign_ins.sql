-- Sign-ins that ended lately are read again and again.
CREATE INDEX sign_ins_by_end ON sign_ins (ended_at) WHERE ended_at IS NOT NULL;
