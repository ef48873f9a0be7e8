-- What a dialect keeps with a user beside what all of them share. JSON, opaque.

CREATE TABLE user_bags (
    tenant  INTEGER NOT NULL,
    user_id BLOB    NOT NULL CHECK (length(user_id) = 12),
    dialect TEXT    NOT NULL CHECK (dialect IN ('kii', 'knodes')),
    value   TEXT    NOT NULL,
    PRIMARY KEY (tenant, user_id, dialect)
) STRICT, WITHOUT ROWID;
