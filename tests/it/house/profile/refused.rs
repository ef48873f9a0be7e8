//! That the profile refuses what it should, and nothing else: a statement for each rule.

use super::rules::{Place, refusals};
use super::tenant::unbound;

fn refused(place: Place, statements: &[&str]) {
    for sql in statements {
        assert!(!refusals(sql, place).is_empty(), "is let through: {sql}");
    }
}

#[test]
fn what_migrations_may_not_do_is_refused() {
    refused(
        Place::Migration,
        &[
            "CREATE SEQUENCE IF NOT EXISTS s",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, id SERIAL, PRIMARY KEY (tenant, id))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, id BIGINT GENERATED ALWAYS AS IDENTITY,
             PRIMARY KEY (tenant, id))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a BIGINT GENERATED ALWAYS AS (tenant + 1) STORED,
             PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, id BIGINT DEFAULT nextval('s'), PRIMARY KEY (tenant, id))",
            "CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
            "CREATE FUNCTION f() RETURNS BIGINT AS 'SELECT 1' LANGUAGE sql",
            "CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'",
            "CREATE TYPE mood AS ENUM ('good')",
            "CREATE DOMAIN short AS TEXT",
            "CREATE EXTENSION IF NOT EXISTS citext",
            "CREATE VIEW v AS SELECT 1",
            "CREATE MATERIALIZED VIEW v AS SELECT 1",
            "CREATE COLLATION ours (provider = icu, locale = 'und')",
            "CREATE RULE r AS ON INSERT TO t DO NOTHING",
            "CREATE TEMPORARY TABLE IF NOT EXISTS t (tenant BIGINT, PRIMARY KEY (tenant))",
            "CREATE UNLOGGED TABLE IF NOT EXISTS t (tenant BIGINT, PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a mood, PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a JSONB, PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a TIMESTAMPTZ, PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a TEXT COLLATE \"de-x-icu\", PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a BIGINT REFERENCES users, PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, PRIMARY KEY (tenant), FOREIGN KEY (tenant) REFERENCES u)",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, PRIMARY KEY (tenant)) PARTITION BY RANGE (tenant)",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a BIGINT)",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a BIGINT, PRIMARY KEY (a, tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a TEXT PRIMARY KEY)",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a TEXT UNIQUE, PRIMARY KEY (tenant))",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, a TEXT, PRIMARY KEY (tenant), UNIQUE (a))",
            "CREATE TABLE IF NOT EXISTS t (id BIGINT PRIMARY KEY)",
            "CREATE TABLE t (tenant BIGINT, PRIMARY KEY (tenant))",
            "CREATE INDEX IF NOT EXISTS i ON t (tenant, a) WHERE b IS NULL",
            "CREATE INDEX IF NOT EXISTS i ON t (tenant, lower(a))",
            "CREATE INDEX IF NOT EXISTS i ON t (tenant, a text_pattern_ops)",
            "CREATE INDEX IF NOT EXISTS i ON t USING gin (a)",
            "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)",
            "CREATE INDEX i ON t (tenant, a)",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (tenant, a)",
            "CREATE SCHEMA s",
            "ALTER TABLE t ADD COLUMN a BIGINT",
            "ALTER TABLE t ADD COLUMN IF NOT EXISTS a BIGINT, ADD COLUMN IF NOT EXISTS b BIGINT",
            "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u",
            "ALTER TABLE t ALTER COLUMN a TYPE TEXT",
            "DROP TABLE t",
            "CREATE SCHEMA IF NOT EXISTS a; CREATE SCHEMA IF NOT EXISTS b",
        ],
    );
}

#[test]
fn what_statements_may_not_do_is_refused() {
    refused(
        Place::Statement,
        &[
            "SELECT pg_advisory_xact_lock(?1)",
            "LISTEN events",
            "NOTIFY events",
            "SAVEPOINT act",
            "ROLLBACK TO SAVEPOINT act",
            "BEGIN",
            "LOCK TABLE users",
            "DO $$ BEGIN END $$",
            "CALL p()",
            "COPY users FROM STDIN",
            "TRUNCATE users",
            "SET search_path = oneself",
            "CREATE TABLE IF NOT EXISTS t (tenant BIGINT, PRIMARY KEY (tenant))",
            "SELECT id FROM users WHERE tenant = ?1 FOR UPDATE SKIP LOCKED",
            "SELECT id FROM users WHERE tenant = ?1 FOR UPDATE NOWAIT",
            "SELECT profile ->> 'email' FROM users WHERE tenant = ?1",
            "SELECT id FROM users WHERE tenant = ?1 AND profile @> '{}'",
            "SELECT jsonb_array_length(profile) FROM users WHERE tenant = ?1",
            "SELECT profile::jsonb FROM users WHERE tenant = ?1",
            "SELECT json_extract(profile, '$.email') FROM users WHERE tenant = ?1",
            "SELECT nextval('s')",
            "SELECT now()",
            "SELECT id FROM users WHERE tenant = ?1 AND email ~ 'a'",
            "SELECT id FROM users WHERE tenant = ?1 AND email ILIKE 'a'",
            "SELECT id FROM users WHERE tenant = ?1 ORDER BY email COLLATE \"de-x-icu\"",
            "SELECT g FROM generate_series(1, 3) AS g",
            "SELECT relname FROM pg_class",
            "WITH RECURSIVE r AS (SELECT 1) SELECT 1 FROM r",
            "SELECT 1; SELECT 2",
            "INSERT OR REPLACE INTO t VALUES (1)",
            "SELECT this is no statement",
            " AND id = ?2",
            "",
        ],
    );
    refused(
        Place::SqliteStatement,
        &[
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE TABLE t (tenant INTEGER PRIMARY KEY AUTOINCREMENT)",
            "SELECT json_extract(profile, '$.email') FROM users",
            "SELECT id FROM users WHERE email GLOB 'a*'",
            "PRAGMA foreign_keys = ON",
        ],
    );
    refused(Place::Session, &["SELECT 1; SELECT pg_sleep(1)", "LISTEN events"]);
}

#[test]
fn what_keeps_to_the_profile_is_let_through() {
    for (place, sql) in [
        (
            Place::Migration,
            "CREATE TABLE IF NOT EXISTS oneself.t (tenant BIGINT NOT NULL, a TEXT COLLATE \"C\" NOT NULL DEFAULT '',
             PRIMARY KEY (tenant, a), UNIQUE (a, tenant), CHECK (octet_length(a) < 5))",
        ),
        (Place::Migration, "CREATE INDEX IF NOT EXISTS i ON oneself.t (a)"),
        (Place::Migration, "ALTER TABLE t ADD COLUMN IF NOT EXISTS a BIGINT"),
        (Place::Migration, "DROP INDEX IF EXISTS i"),
        (Place::Statement, "SELECT id FROM users WHERE tenant = ?1 FOR KEY SHARE"),
        (
            Place::Statement,
            "INSERT INTO t (tenant) VALUES (?1) ON CONFLICT DO NOTHING RETURNING tenant",
        ),
        (Place::SqliteStatement, "SAVEPOINT act"),
        (Place::Session, "SET a = 1; SET b = off"),
    ] {
        assert_eq!(refusals(sql, place), [""; 0], "{sql}");
    }
}

#[test]
fn a_table_that_is_not_bound_to_the_tenant_is_found() {
    for (sql, loose) in [
        ("SELECT 1 FROM users", "users"),
        ("SELECT 1 FROM users WHERE tenant = ?2", "users"),
        ("SELECT 1 FROM users WHERE tenant >= ?1", "users"),
        ("SELECT 1 FROM users WHERE tenant = ?1 OR id = ?2", "users"),
        (
            "SELECT 1 FROM users JOIN identities ON identities.user_id = users.id WHERE users.tenant = ?1",
            "identities",
        ),
        ("SELECT 1 FROM users AS u, identities AS i WHERE u.tenant = ?1", "i"),
        (
            "SELECT 1 FROM users WHERE tenant = ?1 AND id IN (SELECT user_id FROM identities)",
            "identities",
        ),
        ("SELECT 1 FROM (SELECT id FROM users) AS u", "users"),
        (
            "SELECT 1 FROM users WHERE tenant = ?1 UNION ALL SELECT 1 FROM aliases",
            "aliases",
        ),
        ("WITH u AS (SELECT id FROM users) SELECT id FROM u", "users"),
        ("WITH gone AS (DELETE FROM terms WHERE path = ?2) SELECT 1", "terms"),
        ("INSERT INTO users (tenant, id) VALUES (?2, ?1)", "users"),
        ("INSERT INTO users (id) VALUES (?1)", "users"),
        (
            "INSERT INTO users (tenant, id) SELECT tenant, id FROM aliases",
            "aliases",
        ),
        (
            "INSERT INTO users (tenant, id) SELECT id, tenant FROM aliases WHERE tenant = ?1",
            "users",
        ),
        ("UPDATE users SET epoch = 1 WHERE id = ?2", "users"),
        ("DELETE FROM users WHERE id = ?2", "users"),
        (
            "SELECT (SELECT max(position) FROM identities) FROM users WHERE tenant = ?1",
            "identities",
        ),
    ] {
        assert!(
            unbound(sql).iter().any(|found| found == loose),
            "{sql}: {:?}",
            unbound(sql)
        );
    }
    for sql in [
        "SELECT 1 FROM users WHERE (tenant = ?1) AND id = ?2",
        "SELECT 1 FROM identities AS i JOIN users AS u ON u.tenant = i.tenant WHERE ?1 = i.tenant",
        "SELECT 1 FROM users AS u WHERE u.tenant = ?1 AND EXISTS (SELECT 1 FROM terms AS t WHERE t.tenant = u.tenant)",
        "WITH asked AS (SELECT * FROM unnest(?2::bytea[]) AS asked (id)) SELECT 1 FROM asked",
        "INSERT INTO users (tenant, id) SELECT tenant, id FROM aliases WHERE tenant = ?1",
        "INSERT INTO users (id, tenant) SELECT asked.id, ?1 FROM unnest(?2::bytea[]) AS asked (id)",
        "SELECT 1 FROM tenants WHERE name = ?1",
    ] {
        assert_eq!(unbound(sql), [""; 0], "{sql}");
    }
}
