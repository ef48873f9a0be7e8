-- Ids are 12 bytes, tenants, connections, proofs and kinds of events numbers, times milliseconds.
-- Correctness rests on no foreign key, and JSON is opaque. Each statement is a step of its own,
-- and may be run again. What is compared or sorted as text is compared as bytes.

CREATE SCHEMA IF NOT EXISTS oneself;

CREATE SCHEMA IF NOT EXISTS oneself_keys;

CREATE TABLE IF NOT EXISTS oneself.meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BIGINT           NOT NULL
);

CREATE TABLE IF NOT EXISTS oneself.tenants (
    id                     BIGINT           NOT NULL PRIMARY KEY CHECK (id > 0),
    name                   TEXT COLLATE "C" NOT NULL UNIQUE,
    settings               TEXT             NOT NULL,
    kii_app_key            BYTEA            NOT NULL CHECK (octet_length(kii_app_key) = 32),
    kii_client_id          TEXT             NOT NULL,
    kii_client_secret      BYTEA            NOT NULL CHECK (octet_length(kii_client_secret) = 32),
    knodes_customer_id     TEXT             NOT NULL,
    knodes_customer_secret BYTEA            NOT NULL CHECK (octet_length(knodes_customer_secret) = 32),
    created_at             BIGINT           NOT NULL
);

-- Without a secret a client is public; without scopes it has no grant for tokens of its own.
CREATE TABLE IF NOT EXISTS oneself.clients (
    tenant     BIGINT           NOT NULL,
    id         BYTEA            NOT NULL CHECK (octet_length(id) = 16),
    name       TEXT COLLATE "C" NOT NULL,
    secret     BYTEA            CHECK (octet_length(secret) = 32),
    grants     TEXT             NOT NULL,
    scopes     TEXT,
    auth0      TEXT             NOT NULL,
    epoch      BIGINT           NOT NULL,
    created_at BIGINT           NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- Where browsers may call from. Also in the client's own record; here so that they are found.
CREATE TABLE IF NOT EXISTS oneself.web_origins (
    tenant BIGINT           NOT NULL,
    client BYTEA            NOT NULL CHECK (octet_length(client) = 16),
    origin TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, client, origin)
);

CREATE INDEX IF NOT EXISTS web_origins_by_origin ON oneself.web_origins (origin);

-- One with a `deleted_at` is live for nobody; its row stays until no identity hangs on it.
CREATE TABLE IF NOT EXISTS oneself.connections (
    tenant        BIGINT           NOT NULL,
    id            BIGINT           NOT NULL CHECK (id > 0),
    name          TEXT COLLATE "C" NOT NULL,
    provider      TEXT COLLATE "C" NOT NULL,
    issuer        TEXT COLLATE "C" NOT NULL,
    client_id     TEXT,
    client_secret BYTEA,
    auth0         TEXT             NOT NULL,
    created_at    BIGINT           NOT NULL,
    deleted_at    BIGINT,
    deleted_by    BYTEA,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL)),
    PRIMARY KEY (tenant, id)
);

CREATE UNIQUE INDEX IF NOT EXISTS connections_by_name ON oneself.connections (tenant, name);
CREATE INDEX IF NOT EXISTS connections_by_provider ON oneself.connections (tenant, provider);

CREATE TABLE IF NOT EXISTS oneself.users (
    tenant              BIGINT           NOT NULL,
    id                  BYTEA            NOT NULL CHECK (octet_length(id) = 12),
    version             BIGINT           NOT NULL CHECK (version > 0),
    epoch               BIGINT           NOT NULL CHECK (epoch > 0),
    kept_credential     BYTEA            CHECK (octet_length(kept_credential) = 32),
    kept_since          BIGINT,
    email               TEXT COLLATE "C",
    profile             TEXT             NOT NULL,
    blocked             SMALLINT         CHECK (blocked IN (0, 1)),
    user_metadata       TEXT,
    app_metadata        TEXT,
    created_at          BIGINT           NOT NULL,
    updated_at          BIGINT           NOT NULL,
    login_count         BIGINT           NOT NULL,
    last_login_at       BIGINT,
    last_ip             TEXT,
    last_password_reset BIGINT,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX IF NOT EXISTS users_by_email ON oneself.users (tenant, email);
CREATE INDEX IF NOT EXISTS users_by_creation ON oneself.users (tenant, created_at);

-- How much happened on a day, counted from 1970, in parts that are added up.
CREATE TABLE IF NOT EXISTS oneself.day_counts (
    tenant  BIGINT NOT NULL,
    day     BIGINT NOT NULL,
    part    BIGINT NOT NULL,
    logins  BIGINT NOT NULL,
    signups BIGINT NOT NULL,
    PRIMARY KEY (tenant, day, part)
);

-- Of users who ever logged in: on which day they last did.
CREATE TABLE IF NOT EXISTS oneself.last_login_days (
    tenant  BIGINT NOT NULL,
    user_id BYTEA  NOT NULL CHECK (octet_length(user_id) = 12),
    day     BIGINT NOT NULL,
    PRIMARY KEY (tenant, user_id)
);

CREATE INDEX IF NOT EXISTS last_login_days_by_day ON oneself.last_login_days (tenant, day);

-- Clustered by user, so that one user's identities lie together. The unique index carries
-- the user of each, because the primary key is part of it.
CREATE TABLE IF NOT EXISTS oneself.identities (
    tenant     BIGINT           NOT NULL,
    user_id    BYTEA            NOT NULL CHECK (octet_length(user_id) = 12),
    position   INTEGER          NOT NULL CHECK (position >= 0),
    id         BYTEA            NOT NULL CHECK (octet_length(id) = 12),
    connection BIGINT           NOT NULL,
    issuer     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL CHECK (subject <> ''),
    proof      SMALLINT         NOT NULL,
    proved_at  BIGINT           NOT NULL,
    proved_by  BYTEA            NOT NULL,
    version    BIGINT           NOT NULL CHECK (version > 0),
    profile    TEXT             NOT NULL,
    has_tokens SMALLINT         NOT NULL CHECK (has_tokens IN (0, 1)),
    password   TEXT,
    PRIMARY KEY (tenant, user_id, position)
);

CREATE UNIQUE INDEX IF NOT EXISTS identities_by_key ON oneself.identities (tenant, connection, issuer, subject);

-- What users are found by, beside the columns and keys above. `identity` is no bytes for what is
-- the user's own, and otherwise the linked account that it comes from. Values are bytes that
-- sort like them.
CREATE TABLE IF NOT EXISTS oneself.terms (
    tenant   BIGINT NOT NULL,
    path     TEXT COLLATE "C" NOT NULL,
    value    BYTEA  NOT NULL,
    user_id  BYTEA  NOT NULL CHECK (octet_length(user_id) = 12),
    identity BYTEA  NOT NULL CHECK (octet_length(identity) IN (0, 12)),
    PRIMARY KEY (tenant, path, value, user_id, identity)
);

-- Apart from the identities, so that a link does not rewrite pages full of sealed bytes.
CREATE TABLE IF NOT EXISTS oneself.token_sets (
    tenant   BIGINT NOT NULL,
    identity BYTEA  NOT NULL CHECK (octet_length(identity) = 12),
    sealed   BYTEA  NOT NULL,
    PRIMARY KEY (tenant, identity)
);

CREATE TABLE IF NOT EXISTS oneself.login_names (
    tenant     BIGINT           NOT NULL,
    connection BIGINT           NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL CHECK (kind IN ('email', 'username', 'phone_number')),
    value      TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, connection, kind, value)
);

CREATE INDEX IF NOT EXISTS login_names_by_subject ON oneself.login_names (tenant, connection, subject);

-- Core ids of absorbed users. A survivor here is always a user, never an alias; `identity` is
-- what the absorbed user was born with.
CREATE TABLE IF NOT EXISTS oneself.aliases (
    tenant   BIGINT NOT NULL,
    id       BYTEA  NOT NULL CHECK (octet_length(id) = 12),
    survivor BYTEA  NOT NULL CHECK (octet_length(survivor) = 12),
    identity BYTEA  NOT NULL CHECK (octet_length(identity) = 12),
    PRIMARY KEY (tenant, id)
);

CREATE INDEX IF NOT EXISTS aliases_by_survivor ON oneself.aliases (tenant, survivor);
CREATE INDEX IF NOT EXISTS aliases_by_identity ON oneself.aliases (tenant, identity);

CREATE TABLE IF NOT EXISTS oneself.spent_proofs (
    tenant  BIGINT NOT NULL,
    token   BYTEA  NOT NULL CHECK (octet_length(token) = 32),
    pair    BYTEA  NOT NULL CHECK (octet_length(pair) = 32),
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, token)
);

CREATE INDEX IF NOT EXISTS spent_proofs_by_end ON oneself.spent_proofs (ends_at);

CREATE TABLE IF NOT EXISTS oneself.once_keys (
    tenant   BIGINT NOT NULL,
    id       BYTEA  NOT NULL CHECK (octet_length(id) = 32),
    request  BYTEA  NOT NULL CHECK (octet_length(request) = 32),
    user_id  BYTEA  NOT NULL CHECK (octet_length(user_id) = 12),
    identity BYTEA  CHECK (octet_length(identity) = 12),
    ends_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX IF NOT EXISTS once_keys_by_end ON oneself.once_keys (ends_at);

-- Files whose users are taken over: how far each has got, and what its last act refused.
CREATE TABLE IF NOT EXISTS oneself.imports (
    tenant       BIGINT           NOT NULL,
    file         BYTEA            NOT NULL CHECK (octet_length(file) = 32),
    name         TEXT COLLATE "C" NOT NULL,
    lines        BIGINT           NOT NULL,
    file_offset  BIGINT           NOT NULL,
    users        BIGINT           NOT NULL,
    identities   BIGINT           NOT NULL,
    refused      BIGINT           NOT NULL,
    lines_before BIGINT           NOT NULL,
    last_refused TEXT             NOT NULL,
    began_at     BIGINT           NOT NULL,
    ended_at     BIGINT,
    PRIMARY KEY (tenant, file)
);

-- Work that is done beside requests. One that is taken up has a lease, which is 0 otherwise;
-- `turn` tells how often it was. Once a job has ended it is dropped at `ends_at`.
CREATE TABLE IF NOT EXISTS oneself.jobs (
    tenant       BIGINT           NOT NULL,
    id           BIGINT           NOT NULL CHECK (id > 0),
    client       BYTEA            NOT NULL CHECK (octet_length(client) = 16),
    kind         TEXT COLLATE "C" NOT NULL,
    status       TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    asked        TEXT             NOT NULL,
    progress     TEXT             NOT NULL,
    turn         BIGINT           NOT NULL,
    leased_until BIGINT           NOT NULL,
    created_at   BIGINT           NOT NULL,
    ends_at      BIGINT           NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX IF NOT EXISTS jobs_by_lease ON oneself.jobs (status, leased_until);
CREATE INDEX IF NOT EXISTS jobs_by_end ON oneself.jobs (status, ends_at);

-- What a job works on, makes and refuses, in parts.
CREATE TABLE IF NOT EXISTS oneself.job_parts (
    tenant BIGINT           NOT NULL,
    job    BIGINT           NOT NULL,
    file   TEXT COLLATE "C" NOT NULL CHECK (file IN ('input', 'result', 'errors')),
    n      INTEGER          NOT NULL CHECK (n >= 0),
    sealed BYTEA            NOT NULL,
    PRIMARY KEY (tenant, job, file, n)
);

-- The bucket is the second of the id. `other` is the user that an identity went to, or who
-- was absorbed.
CREATE TABLE IF NOT EXISTS oneself.events (
    tenant     BIGINT   NOT NULL,
    bucket     BIGINT   NOT NULL,
    id         BYTEA    NOT NULL CHECK (octet_length(id) = 12),
    kind       SMALLINT NOT NULL,
    user_id    BYTEA    NOT NULL CHECK (octet_length(user_id) = 12),
    identity   BYTEA    CHECK (octet_length(identity) = 12),
    connection BIGINT,
    proof      SMALLINT,
    other      BYTEA    CHECK (octet_length(other) = 12),
    fields     TEXT,
    actor      BYTEA    NOT NULL,
    at         BIGINT   NOT NULL,
    sealed     BYTEA,
    PRIMARY KEY (tenant, bucket, id)
);

-- Events as they were written, before they have a place among those of their tenant: whoever reads
-- them gives them one. They were written at this microsecond of the server's clock. The id here is
-- none that anybody is told.
CREATE TABLE IF NOT EXISTS oneself.unplaced_events (
    tenant     BIGINT   NOT NULL,
    written_at BIGINT   NOT NULL,
    id         BYTEA    NOT NULL CHECK (octet_length(id) = 12),
    kind       SMALLINT NOT NULL,
    user_id    BYTEA    NOT NULL CHECK (octet_length(user_id) = 12),
    identity   BYTEA    CHECK (octet_length(identity) = 12),
    connection BIGINT,
    proof      SMALLINT,
    other      BYTEA    CHECK (octet_length(other) = 12),
    fields     TEXT,
    actor      BYTEA    NOT NULL,
    at         BIGINT   NOT NULL,
    sealed     BYTEA,
    PRIMARY KEY (tenant, written_at, id)
);

-- Acts that were committed, for whoever did not hear it.
CREATE TABLE IF NOT EXISTS oneself.acts (
    tenant BIGINT NOT NULL,
    id     BYTEA  NOT NULL CHECK (octet_length(id) = 16),
    at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX IF NOT EXISTS acts_by_time ON oneself.acts (at);

-- The chain over a tenant's events: each hash covers the one before it and an event as it is kept.
CREATE TABLE IF NOT EXISTS oneself.trail (
    tenant   BIGINT NOT NULL,
    position BIGINT NOT NULL CHECK (position > 0),
    event    BYTEA  NOT NULL CHECK (octet_length(event) = 12),
    hash     BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (tenant, position)
);

-- Where each chain ends.
CREATE TABLE IF NOT EXISTS oneself.trail_heads (
    tenant   BIGINT NOT NULL,
    position BIGINT NOT NULL CHECK (position > 0),
    event    BYTEA  NOT NULL CHECK (octet_length(event) = 12),
    hash     BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    at       BIGINT NOT NULL,
    PRIMARY KEY (tenant)
);

-- What tenants are told of what happened; not the audit, which is `events`. `personal` goes with
-- the user whom the entry is about.
CREATE TABLE IF NOT EXISTS oneself.logs (
    tenant   BIGINT NOT NULL,
    id       BYTEA  NOT NULL CHECK (octet_length(id) = 12),
    user_id  BYTEA  CHECK (octet_length(user_id) = 12),
    at       BIGINT NOT NULL,
    entry    TEXT   NOT NULL,
    personal TEXT,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX IF NOT EXISTS logs_by_user ON oneself.logs (tenant, user_id, id);

-- Wrapped keys only: a backup of the other file opens nothing without this one.

CREATE TABLE IF NOT EXISTS oneself_keys.key_check (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    value BYTEA  NOT NULL CHECK (octet_length(value) = 32)
);

CREATE TABLE IF NOT EXISTS oneself_keys.tenant_keys (
    tenant  BIGINT NOT NULL PRIMARY KEY CHECK (tenant > 0),
    wrapped BYTEA  NOT NULL
);

-- The owner is a user's id, or no bytes for the tenant's own service key.
CREATE TABLE IF NOT EXISTS oneself_keys.keys (
    tenant  BIGINT NOT NULL,
    owner   BYTEA  NOT NULL CHECK (octet_length(owner) IN (0, 12)),
    wrapped BYTEA  NOT NULL,
    PRIMARY KEY (tenant, owner)
);

CREATE TABLE IF NOT EXISTS oneself_keys.signing_keys (
    kid         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    wrapped     BYTEA            NOT NULL,
    certificate BYTEA            NOT NULL,
    created_at  BIGINT           NOT NULL
);
