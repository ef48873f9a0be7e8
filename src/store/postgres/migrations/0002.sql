-- What a dialect keeps with a user beside what all of them share. JSON, opaque.
CREATE TABLE IF NOT EXISTS oneself.user_bags (
    tenant  BIGINT           NOT NULL,
    user_id BYTEA            NOT NULL CHECK (octet_length(user_id) = 12),
    dialect TEXT COLLATE "C" NOT NULL CHECK (dialect IN ('kii', 'knodes')),
    value   TEXT             NOT NULL,
    PRIMARY KEY (tenant, user_id, dialect)
);
