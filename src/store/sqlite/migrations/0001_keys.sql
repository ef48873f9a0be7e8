-- Wrapped keys only: a backup of the other file opens nothing without this one.

CREATE TABLE key_check (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    value BLOB    NOT NULL CHECK (length(value) = 32)
) STRICT;

CREATE TABLE tenant_keys (
    tenant  INTEGER NOT NULL PRIMARY KEY CHECK (tenant > 0),
    wrapped BLOB    NOT NULL
) STRICT;

-- The owner is a user's id, or no bytes for the tenant's own service key.
CREATE TABLE keys (
    tenant  INTEGER NOT NULL,
    owner   BLOB    NOT NULL CHECK (length(owner) IN (0, 12)),
    wrapped BLOB    NOT NULL,
    PRIMARY KEY (tenant, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    kid         TEXT    NOT NULL PRIMARY KEY,
    wrapped     BLOB    NOT NULL,
    certificate BLOB    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
