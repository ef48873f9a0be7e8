-- A day is counted in parts, as it must be where many servers count at once. Here there is one part.

CREATE TABLE day_counts_in_parts (
    tenant  INTEGER NOT NULL,
    day     INTEGER NOT NULL,
    part    INTEGER NOT NULL,
    logins  INTEGER NOT NULL,
    signups INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, part)
) STRICT, WITHOUT ROWID;

INSERT INTO day_counts_in_parts (tenant, day, part, logins, signups)
SELECT tenant, day, 0, logins, signups FROM day_counts;

DROP TABLE day_counts;

ALTER TABLE day_counts_in_parts RENAME TO day_counts;
