-- Marks of accounts whose users were erased, for a while: each is made of an account with a key that is
-- not kept here, so an account is needed to find its mark, and none is found by one.
CREATE TABLE IF NOT EXISTS oneself.erased_identities (
    tenant  BIGINT NOT NULL,
    mark    BYTEA  NOT NULL CHECK (octet_length(mark) = 32),
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, mark)
);

CREATE INDEX IF NOT EXISTS erased_identities_by_end ON oneself.erased_identities (ends_at);
