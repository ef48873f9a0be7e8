-- Tokens of interfaces that keep no state of their own in them, as hashes. A refresh token and the
-- access token that it came with name each other; one that never ends has an end in the far future.
CREATE TABLE IF NOT EXISTS oneself.opaque_tokens (
    tenant  BIGINT           NOT NULL,
    token   BYTEA            NOT NULL CHECK (octet_length(token) = 32),
    kind    TEXT COLLATE "C" NOT NULL CHECK (kind IN ('access', 'refresh')),
    holder  TEXT COLLATE "C" NOT NULL CHECK (holder IN ('user', 'pseudo', 'admin')),
    user_id BYTEA            CHECK (octet_length(user_id) = 12),
    partner BYTEA            CHECK (octet_length(partner) = 32),
    ends_at BIGINT           NOT NULL,
    CHECK ((holder = 'admin') = (user_id IS NULL)),
    PRIMARY KEY (tenant, token)
);

CREATE INDEX IF NOT EXISTS opaque_tokens_by_user ON oneself.opaque_tokens (tenant, user_id);
CREATE INDEX IF NOT EXISTS opaque_tokens_by_end ON oneself.opaque_tokens (ends_at);
