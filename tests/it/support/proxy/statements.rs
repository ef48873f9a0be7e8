//! What statements do to the transaction that a connection is in, by their text alone.
//!
//! This is as much of SQL as a proxy needs to know which answers tell of a commit, and no parser.
//! What would surprise: whatever it does not know is taken for a write.

/// Whether a connection is within a transaction, and in what state that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Idle,
    Open,
    /// Something has failed, and only its end is accepted.
    Failed,
}

impl Standing {
    /// As the server says it whenever it is ready for the next request.
    pub fn told(status: u8) -> Self {
        match status {
            b'T' => Self::Open,
            b'E' => Self::Failed,
            _ => Self::Idle,
        }
    }
}

/// What the statements of one request do, if all of them succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    pub before: Standing,
    pub after: Standing,
    /// Whether the server promises by its answer that something is kept.
    pub commits: bool,
    /// Whether another transaction could be the reason why it fails.
    pub can_collide: bool,
    /// Whether it takes room.
    pub writes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Begin,
    Commit,
    Rollback,
    /// Of the connection rather than of what is kept.
    Setting,
    Read,
    Write,
}

impl Effect {
    /// Of these texts, each of one statement or more, executed in this order.
    pub fn of(texts: &[String], before: Standing) -> Self {
        let mut effect = Self {
            before,
            after: before,
            commits: false,
            can_collide: false,
            writes: false,
        };
        for statement in texts.iter().flat_map(|text| bare_statements(text)) {
            effect.add(kind(&statement));
        }
        effect
    }

    fn add(&mut self, kind: Kind) {
        self.writes |= kind == Kind::Write && self.after != Standing::Failed;
        match (kind, self.after) {
            (Kind::Begin, Standing::Idle) => self.after = Standing::Open,
            (Kind::Commit, Standing::Open) => {
                self.commits = true;
                self.can_collide = true;
                self.after = Standing::Idle;
            }
            (Kind::Commit | Kind::Rollback, _) => self.after = Standing::Idle,
            (Kind::Begin | Kind::Setting, _) | (_, Standing::Failed) => {}
            (Kind::Read, _) | (Kind::Write, Standing::Open) => self.can_collide = true,
            (Kind::Write, Standing::Idle) => {
                self.commits = true;
                self.can_collide = true;
            }
        }
    }
}

fn kind(statement: &str) -> Kind {
    let mut words = statement.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let first = words.by_ref().find(|word| !word.is_empty()).unwrap_or_default();
    match first {
        "BEGIN" | "START" => Kind::Begin,
        "COMMIT" | "END" => Kind::Commit,
        "ROLLBACK" | "ABORT" if !words.any(|word| word == "TO") => Kind::Rollback,
        "ROLLBACK" | "SAVEPOINT" | "RELEASE" => Kind::Setting,
        "SET" | "SHOW" | "RESET" | "DISCARD" | "DEALLOCATE" | "LISTEN" | "UNLISTEN" => Kind::Setting,
        "SELECT" | "VALUES" | "TABLE" | "DECLARE" | "FETCH" | "CLOSE" | "EXPLAIN" => Kind::Read,
        "WITH" if !words.any(|word| matches!(word, "INSERT" | "UPDATE" | "DELETE" | "MERGE")) => Kind::Read,
        _ => Kind::Write,
    }
}

/// The statements of a text in capital letters, without comments and without what is quoted.
fn bare_statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let quoted = quoted_length(rest);
        if quoted > 0 {
            statements.last_mut().unwrap().push(' ');
        } else if letter == ';' {
            statements.push(String::new());
        } else {
            statements.last_mut().unwrap().extend(letter.to_uppercase());
        }
        rest = &rest[quoted.max(letter.len_utf8())..];
    }
    statements.retain(|statement| !statement.trim().is_empty());
    statements
}

/// How much of the text is a comment or a quotation that begins here.
fn quoted_length(text: &str) -> usize {
    let until = |opening: usize, closing: &str| {
        let found = text[opening..].find(closing);
        found.map_or(text.len(), |at| opening + at + closing.len())
    };
    match text.as_bytes() {
        [b'\'', ..] => until(1, "'"),
        [b'"', ..] => until(1, "\""),
        [b'-', b'-', ..] => until(2, "\n"),
        [b'/', b'*', ..] => until(2, "*/"),
        [b'$', ..] => {
            let tag = text[1..].find('$').map_or("", |at| &text[..at + 2]);
            let name = tag.trim_matches('$');
            let is_tag = !tag.is_empty() && name.chars().all(|letter| letter.is_alphabetic() || letter == '_');
            if is_tag { until(tag.len(), tag) } else { 0 }
        }
        _ => 0,
    }
}

#[test]
fn what_is_quoted_is_no_statement() {
    let text = "do $a$ begin; end; $a$; select 'it''s; begin', \";\" -- ; commit\n where $1 = $2 /* ; end */;;";
    let statements = bare_statements(text);
    let words: Vec<String> = statements
        .iter()
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(words, ["DO", "SELECT , WHERE $1 = $2"]);
}

#[test]
fn only_what_is_kept_commits() {
    use Standing::*;
    let of = |text: &str, before| {
        let effect = Effect::of(&[text.to_owned()], before);
        (effect.after, effect.commits, effect.can_collide)
    };
    assert_eq!(of("START TRANSACTION READ WRITE", Idle), (Open, false, false));
    assert_eq!(of("insert into t values (1)", Idle), (Idle, true, true));
    assert_eq!(of("insert into t values (1)", Open), (Open, false, true));
    assert_eq!(of("insert into t values (1)", Failed), (Failed, false, false));
    assert_eq!(of("(SELECT 1)", Idle), (Idle, false, true));
    assert_eq!(of("WITH a AS (SELECT 'INSERT') SELECT", Idle), (Idle, false, true));
    assert_eq!(of("WITH a AS (INSERT INTO t) SELECT", Idle), (Idle, true, true));
    assert_eq!(of("SET x = 1", Idle), (Idle, false, false));
    assert_eq!(of("COMMIT", Open), (Idle, true, true));
    assert_eq!(of("COMMIT", Failed), (Idle, false, false));
    assert_eq!(of("COMMIT", Idle), (Idle, false, false));
    assert_eq!(of("ROLLBACK", Open), (Idle, false, false));
    assert_eq!(of("ROLLBACK TO SAVEPOINT a", Open), (Open, false, false));
    assert_eq!(of("BEGIN; INSERT INTO t; COMMIT", Idle), (Idle, true, true));
    assert_eq!(of("BEGIN; INSERT INTO t", Idle), (Open, false, true));
}
