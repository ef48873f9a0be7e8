-- Tokens of interfaces that keep no state of their own in them, as hashes. A refresh token and the
-- access token that it came with name each other; one that never ends has an end in the far future.

CREATE TABLE opaque_tokens (
    tenant  INTEGER NOT NULL,
    token   BLOB    NOT NULL CHECK (length(token) = 32),
    kind    TEXT    NOT NULL CHECK (kind IN ('access', 'refresh')),
    holder  TEXT    NOT NULL CHECK (holder IN ('user', 'pseudo', 'admin')),
    user_id BLOB    CHECK (length(user_id) = 12),
    partner BLOB    CHECK (length(partner) = 32),
    ends_at INTEGER NOT NULL,
    CHECK ((holder = 'admin') = (user_id IS NULL)),
    PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX opaque_tokens_by_user ON opaque_tokens (tenant, user_id);
CREATE INDEX opaque_tokens_by_end ON opaque_tokens (ends_at);
