-- Marks of accounts whose users were erased, for a while: each is made of an account with a key that is
-- not kept here, so an account is needed to find its mark, and none is found by one.

CREATE TABLE erased_identities (
    tenant  INTEGER NOT NULL,
    mark    BLOB    NOT NULL CHECK (length(mark) = 32),
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, mark)
) STRICT, WITHOUT ROWID;

CREATE INDEX erased_identities_by_end ON erased_identities (ends_at);
