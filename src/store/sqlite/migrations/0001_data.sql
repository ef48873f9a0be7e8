-- Everything but keys. Ids are 12 bytes, tenants, connections, proofs and kinds of events
-- numbers, times milliseconds. Correctness rests on no foreign key, and JSON is opaque.

CREATE TABLE meta (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
    id                     INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
    name                   TEXT    NOT NULL UNIQUE,
    settings               TEXT    NOT NULL,
    kii_app_key            BLOB    NOT NULL CHECK (length(kii_app_key) = 32),
    kii_client_id          TEXT    NOT NULL,
    kii_client_secret      BLOB    NOT NULL CHECK (length(kii_client_secret) = 32),
    knodes_customer_id     TEXT    NOT NULL,
    knodes_customer_secret BLOB    NOT NULL CHECK (length(knodes_customer_secret) = 32),
    created_at             INTEGER NOT NULL
) STRICT;

-- Without a secret a client is public; without scopes it has no grant for tokens of its own.
CREATE TABLE clients (
    tenant     INTEGER NOT NULL,
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    name       TEXT    NOT NULL,
    secret     BLOB    CHECK (length(secret) = 32),
    grants     TEXT    NOT NULL,
    scopes     TEXT,
    auth0      TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Where browsers may call from. Also in the client's own record; here so that they are found.
CREATE TABLE web_origins (
    tenant INTEGER NOT NULL,
    client BLOB    NOT NULL CHECK (length(client) = 16),
    origin TEXT    NOT NULL,
    PRIMARY KEY (tenant, client, origin)
) STRICT, WITHOUT ROWID;

CREATE INDEX web_origins_by_origin ON web_origins (origin);

-- One with a `deleted_at` is live for nobody; its row stays until no identity hangs on it.
CREATE TABLE connections (
    tenant        INTEGER NOT NULL,
    id            INTEGER NOT NULL CHECK (id > 0),
    name          TEXT    NOT NULL,
    provider      TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    client_id     TEXT,
    client_secret BLOB,
    auth0         TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    deleted_at    INTEGER,
    deleted_by    BLOB,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL)),
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX connections_by_name ON connections (tenant, name);
CREATE INDEX connections_by_provider ON connections (tenant, provider);

CREATE TABLE users (
    tenant              INTEGER NOT NULL,
    id                  BLOB    NOT NULL CHECK (length(id) = 12),
    version             INTEGER NOT NULL CHECK (version > 0),
    epoch               INTEGER NOT NULL CHECK (epoch > 0),
    kept_credential     BLOB    CHECK (length(kept_credential) = 32),
    kept_since          INTEGER,
    email               TEXT,
    profile             TEXT    NOT NULL,
    blocked             INTEGER CHECK (blocked IN (0, 1)),
    user_metadata       TEXT,
    app_metadata        TEXT,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    login_count         INTEGER NOT NULL,
    last_login_at       INTEGER,
    last_ip             TEXT,
    last_password_reset INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_email ON users (tenant, email);
CREATE INDEX users_by_creation ON users (tenant, created_at);

-- How much happened on a day, counted from 1970.
CREATE TABLE day_counts (
    tenant  INTEGER NOT NULL,
    day     INTEGER NOT NULL,
    logins  INTEGER NOT NULL,
    signups INTEGER NOT NULL,
    PRIMARY KEY (tenant, day)
) STRICT, WITHOUT ROWID;

-- Of users who ever logged in: on which day they last did.
CREATE TABLE last_login_days (
    tenant  INTEGER NOT NULL,
    user_id BLOB    NOT NULL CHECK (length(user_id) = 12),
    day     INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX last_login_days_by_day ON last_login_days (tenant, day);

-- Clustered by user, so that one user's identities lie together. The unique index carries
-- the user of each, because the primary key is part of it.
CREATE TABLE identities (
    tenant     INTEGER NOT NULL,
    user_id    BLOB    NOT NULL CHECK (length(user_id) = 12),
    position   INTEGER NOT NULL CHECK (position >= 0),
    id         BLOB    NOT NULL CHECK (length(id) = 12),
    connection INTEGER NOT NULL,
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL CHECK (subject <> ''),
    proof      INTEGER NOT NULL,
    proved_at  INTEGER NOT NULL,
    proved_by  BLOB    NOT NULL,
    version    INTEGER NOT NULL CHECK (version > 0),
    profile    TEXT    NOT NULL,
    has_tokens INTEGER NOT NULL CHECK (has_tokens IN (0, 1)),
    password   TEXT,
    PRIMARY KEY (tenant, user_id, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX identities_by_key ON identities (tenant, connection, issuer, subject);

-- What users are found by, beside the columns and keys above. `identity` is no bytes for what is
-- the user's own, and otherwise the linked account that it comes from. Values are bytes that
-- sort like them.
CREATE TABLE terms (
    tenant   INTEGER NOT NULL,
    path     TEXT    NOT NULL,
    value    BLOB    NOT NULL,
    user_id  BLOB    NOT NULL CHECK (length(user_id) = 12),
    identity BLOB    NOT NULL CHECK (length(identity) IN (0, 12)),
    PRIMARY KEY (tenant, path, value, user_id, identity)
) STRICT, WITHOUT ROWID;

-- Apart from the identities, so that a link does not rewrite pages full of sealed bytes.
CREATE TABLE token_sets (
    tenant   INTEGER NOT NULL,
    identity BLOB    NOT NULL CHECK (length(identity) = 12),
    sealed   BLOB    NOT NULL,
    PRIMARY KEY (tenant, identity)
) STRICT, WITHOUT ROWID;

CREATE TABLE login_names (
    tenant     INTEGER NOT NULL,
    connection INTEGER NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('email', 'username', 'phone_number')),
    value      TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    PRIMARY KEY (tenant, connection, kind, value)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_names_by_subject ON login_names (tenant, connection, subject);

-- Core ids of absorbed users. A survivor here is always a user, never an alias; `identity` is
-- what the absorbed user was born with.
CREATE TABLE aliases (
    tenant   INTEGER NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 12),
    survivor BLOB    NOT NULL CHECK (length(survivor) = 12),
    identity BLOB    NOT NULL CHECK (length(identity) = 12),
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX aliases_by_survivor ON aliases (tenant, survivor);
CREATE INDEX aliases_by_identity ON aliases (tenant, identity);

CREATE TABLE spent_proofs (
    tenant  INTEGER NOT NULL,
    token   BLOB    NOT NULL CHECK (length(token) = 32),
    pair    BLOB    NOT NULL CHECK (length(pair) = 32),
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_proofs_by_end ON spent_proofs (ends_at);

CREATE TABLE once_keys (
    tenant   INTEGER NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 32),
    request  BLOB    NOT NULL CHECK (length(request) = 32),
    user_id  BLOB    NOT NULL CHECK (length(user_id) = 12),
    identity BLOB    CHECK (length(identity) = 12),
    ends_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX once_keys_by_end ON once_keys (ends_at);

-- Files whose users are taken over: how far each has got, and what its last act refused.
CREATE TABLE imports (
    tenant       INTEGER NOT NULL,
    file         BLOB    NOT NULL CHECK (length(file) = 32),
    name         TEXT    NOT NULL,
    lines        INTEGER NOT NULL,
    file_offset  INTEGER NOT NULL,
    users        INTEGER NOT NULL,
    identities   INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    lines_before INTEGER NOT NULL,
    last_refused TEXT    NOT NULL,
    began_at     INTEGER NOT NULL,
    ended_at     INTEGER,
    PRIMARY KEY (tenant, file)
) STRICT, WITHOUT ROWID;

-- Work that is done beside requests. One that is taken up has a lease, which is 0 otherwise;
-- `turn` tells how often it was. Once a job has ended it is dropped at `ends_at`.
CREATE TABLE jobs (
    tenant       INTEGER NOT NULL,
    id           INTEGER NOT NULL CHECK (id > 0),
    client       BLOB    NOT NULL CHECK (length(client) = 16),
    kind         TEXT    NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    asked        TEXT    NOT NULL,
    progress     TEXT    NOT NULL,
    turn         INTEGER NOT NULL,
    leased_until INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_by_lease ON jobs (status, leased_until);
CREATE INDEX jobs_by_end ON jobs (status, ends_at);

-- What a job works on, makes and refuses, in parts.
CREATE TABLE job_parts (
    tenant INTEGER NOT NULL,
    job    INTEGER NOT NULL,
    file   TEXT    NOT NULL CHECK (file IN ('input', 'result', 'errors')),
    n      INTEGER NOT NULL CHECK (n >= 0),
    sealed BLOB    NOT NULL,
    PRIMARY KEY (tenant, job, file, n)
) STRICT;

-- The bucket is the second of the id. `other` is the user that an identity went to, or who
-- was absorbed.
CREATE TABLE events (
    tenant     INTEGER NOT NULL,
    bucket     INTEGER NOT NULL,
    id         BLOB    NOT NULL CHECK (length(id) = 12),
    kind       INTEGER NOT NULL,
    user_id    BLOB    NOT NULL CHECK (length(user_id) = 12),
    identity   BLOB    CHECK (length(identity) = 12),
    connection INTEGER,
    proof      INTEGER,
    other      BLOB    CHECK (length(other) = 12),
    fields     TEXT,
    actor      BLOB    NOT NULL,
    at         INTEGER NOT NULL,
    sealed     BLOB,
    PRIMARY KEY (tenant, bucket, id)
) STRICT, WITHOUT ROWID;

-- Users whose key is still to be deleted, because keys live in another file.
CREATE TABLE key_deletions (
    tenant  INTEGER NOT NULL,
    user_id BLOB    NOT NULL CHECK (length(user_id) = 12),
    PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;

-- The chain over a tenant's events: each hash covers the one before it and an event as it is kept.
CREATE TABLE trail (
    tenant   INTEGER NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0),
    event    BLOB    NOT NULL CHECK (length(event) = 12),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant, position)
) STRICT, WITHOUT ROWID;

-- Where each chain ends.
CREATE TABLE trail_heads (
    tenant   INTEGER NOT NULL,
    position INTEGER NOT NULL CHECK (position > 0),
    event    BLOB    NOT NULL CHECK (length(event) = 12),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    at       INTEGER NOT NULL,
    PRIMARY KEY (tenant)
) STRICT, WITHOUT ROWID;

-- What tenants are told of what happened; not the audit, which is `events`. `personal` goes with
-- the user whom the entry is about.
CREATE TABLE logs (
    tenant   INTEGER NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 12),
    user_id  BLOB    CHECK (length(user_id) = 12),
    at       INTEGER NOT NULL,
    entry    TEXT    NOT NULL,
    personal TEXT,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX logs_by_user ON logs (tenant, user_id, id);
