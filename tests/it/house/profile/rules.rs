//! The portable profile as rules over parsed statements.
//!
//! What an engine that speaks PostgreSQL's protocol and spreads over many machines may not have
//! is refused, and whatever these rules have never heard of is refused too: kinds of statements,
//! types, operators and functions stand in lists of what is allowed. What would surprise: the
//! parser knows two strengths of row locks of the four, so the others are read as the nearest one.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, ObjectName, Query, Statement, TableFactor, Visit as _, Visitor,
};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is run by the store, with a server and with SQLite.
    Statement,
    /// It is run with SQLite only.
    SqliteStatement,
    /// It is a step of a migration.
    Migration,
    /// It is one of SQLite.
    SqliteMigration,
    /// It is told to a session when it begins.
    Session,
    /// It is for Citus, and speaks of its tables.
    Citus,
}

/// The tables that no tenant has a part of.
pub const WITHOUT_TENANT: [&str; 4] = ["meta", "tenants", "key_check", "signing_keys"];

const FUNCTIONS: [&str; 10] = [
    "array",
    "clock_timestamp",
    "coalesce",
    "count",
    "max",
    "min",
    "octet_length",
    "substr",
    "sum",
    "unnest",
];

/// What only Citus has.
const CITUS_FUNCTIONS: [&str; 2] = ["create_distributed_table", "create_reference_table"];

const TYPES: [&str; 9] = [
    "BIGINT",
    "BIGINT[]",
    "BYTEA",
    "BYTEA[]",
    "INTEGER",
    "SMALLINT",
    "SMALLINT[]",
    "TEXT",
    "TEXT[]",
];

const SQLITE_TYPES: [&str; 3] = ["BLOB", "INTEGER", "TEXT"];

/// How SQLite's one writer parts its transactions, and looks after its files.
const SQLITE_ONLY: [&str; 9] = [
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT act",
    "ROLLBACK TO act",
    "RELEASE act",
    "VACUUM INTO ?1",
    "PRAGMA integrity_check(10)",
];

/// What has a name here and is no part of the profile: it is used on a server that is known to be
/// PostgreSQL, or is told nothing by one that is not.
const BY_NAME: [&str; 5] = [
    // Which server this is, for the one that wants a migration in other words.
    "SELECT version()",
    // A copy into a database has no other way that is as fast.
    "COPY users (id, epoch) FROM STDIN BINARY",
    // Plans of a session are made anew now and then; who has none does not know the word.
    "DISCARD PLANS",
    // `bench` looks at the process that answers it, where the database is on its own machine.
    "SELECT pg_backend_pid()",
    // Plans of a session, where Citus does not make them.
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)
     WHERE NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')",
];

fn folded(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a text is refused for; nothing when it keeps to the profile.
pub fn refusals(sql: &str, place: Place) -> Vec<String> {
    let sqlite = matches!(place, Place::SqliteStatement | Place::SqliteMigration);
    let named = |names: &[&str]| names.iter().any(|name| folded(name) == folded(sql));
    if named(&BY_NAME) || (sqlite && named(&SQLITE_ONLY)) {
        return vec![];
    }
    let statements = match parsed(sql, sqlite) {
        Ok(statements) => statements,
        Err(error) => return vec![format!("it cannot be parsed: {error}")],
    };
    let mut rules = Rules { place, found: vec![] };
    if statements.len() != 1 && place != Place::Session {
        rules.refuse("several statements in one text");
    }
    for statement in &statements {
        rules.judge(statement);
    }
    rules.found
}

/// The statements of a text, as the engine reads them.
pub fn parsed(sql: &str, sqlite: bool) -> Result<Vec<Statement>, String> {
    let dialect: &dyn Dialect = match sqlite {
        true => &SQLiteDialect {},
        false => &PostgreSqlDialect {},
    };
    let numbered = match sqlite {
        true => sql.to_owned(),
        false => sql.replace('?', "$"),
    };
    let sql = numbered
        .replace("FOR KEY SHARE", "FOR SHARE")
        .replace("FOR NO KEY UPDATE", "FOR UPDATE");
    Parser::parse_sql(dialect, &sql).map_err(|error| error.to_string())
}

/// The last part of a name, which is that of the table.
pub fn last_of(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map_or(String::new(), |ident| ident.value.clone())
}

/// What is refused of a text for this place.
pub struct Rules {
    pub place: Place,
    found: Vec<String>,
}

impl Rules {
    pub fn refuse(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.found.contains(&why) {
            self.found.push(why);
        }
    }

    fn judge(&mut self, statement: &Statement) {
        let migration = matches!(self.place, Place::Migration | Place::SqliteMigration);
        match statement {
            Statement::Insert(insert) if insert.or.is_some() || insert.ignore || insert.replace_into => {
                self.refuse("an insert that is not portable");
            }
            Statement::Update(update) if update.or.is_some() || update.limit.is_some() => {
                self.refuse("an update that is not portable");
            }
            Statement::Delete(delete) if delete.limit.is_some() => self.refuse("a delete that is not portable"),
            Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {}
            Statement::Set(_) if self.place == Place::Session => return,
            Statement::CreateTable(table) if migration => self.judge_table(table),
            Statement::CreateIndex(index) if migration => self.judge_index(index),
            Statement::CreateSchema { if_not_exists, .. } if migration => {
                self.wants(*if_not_exists, "IF NOT EXISTS");
            }
            Statement::Drop { if_exists, names, .. } if migration => {
                self.wants(*if_exists || self.place == Place::SqliteMigration, "IF EXISTS");
                self.wants(names.len() == 1, "one change of schema in a step");
            }
            Statement::AlterTable(table) if migration => self.judge_change(&table.operations),
            other => {
                let words: Vec<_> = other.to_string().split_whitespace().map(str::to_owned).collect();
                self.refuse(format!("no place here for {}", words[..words.len().min(3)].join(" ")));
            }
        }
        let _ = statement.visit(self);
    }

    pub fn wants(&mut self, there: bool, what: &str) {
        if !there {
            self.refuse(format!("without {what}"));
        }
    }

    pub fn judge_type(&mut self, kind: &DataType) {
        let name = kind.to_string().to_uppercase();
        let allowed: &[&str] = match self.place {
            Place::SqliteStatement | Place::SqliteMigration => &SQLITE_TYPES,
            Place::Citus => &["TEXT", "REGCLASS"],
            _ => &TYPES,
        };
        if !allowed.contains(&name.as_str()) {
            self.refuse(format!("the type {name}"));
        }
    }

    pub fn judge_collation(&mut self, name: &ObjectName) {
        if name.to_string() != "\"C\"" {
            self.refuse(format!("the collation {name}"));
        }
    }

    fn judge_function(&mut self, name: &ObjectName) {
        let name = name.to_string().to_lowercase();
        let more: &[&str] = match self.place {
            Place::SqliteStatement | Place::SqliteMigration => &["length", "pragma_table_info"],
            Place::Citus => &CITUS_FUNCTIONS,
            _ => &[],
        };
        if !FUNCTIONS.contains(&name.as_str()) && !more.contains(&name.as_str()) {
            self.refuse(format!("the function {name}"));
        }
    }
}

impl Visitor for Rules {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if query.locks.iter().any(|lock| lock.nonblock.is_some()) {
            self.refuse("a lock that does not wait");
        }
        if query.with.as_ref().is_some_and(|with| with.recursive) {
            self.refuse("a recursive WITH");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let own = last_of(name).starts_with("pg_") || last_of(name).starts_with("sqlite_");
        if own && self.place != Place::Citus {
            self.refuse(format!("a look into the engine's own table {name}"));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        match table {
            TableFactor::Table {
                name, args: Some(_), ..
            }
            | TableFactor::Function { name, .. } => {
                self.judge_function(name);
            }
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::NestedJoin { .. } => {}
            other => self.refuse(format!("rows of a kind that is not portable: {other}")),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(call) => self.judge_function(&call.name),
            Expr::Cast { data_type, kind, .. } => match kind {
                CastKind::Cast | CastKind::DoubleColon => self.judge_type(data_type),
                _ => self.refuse("a cast that may fail quietly"),
            },
            Expr::Collate { collation, .. } => self.judge_collation(collation),
            Expr::BinaryOp { op, .. } => match op {
                BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::And
                | BinaryOperator::Or => {}
                other => self.refuse(format!("the operator {other}")),
            },
            Expr::JsonAccess { .. } | Expr::RLike { .. } | Expr::SimilarTo { .. } | Expr::ILike { .. } => {
                self.refuse("an expression that only some engines know");
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
