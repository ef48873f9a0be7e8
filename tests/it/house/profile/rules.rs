//! The portable profile as rules over parsed statements.
//!
//! What an engine that speaks PostgreSQL's protocol and spreads over many machines may not have
//! is refused, and whatever these rules have never heard of is refused too: kinds of statements,
//! types, operators and functions stand in lists of what is allowed. What would surprise: the
//! parser knows two strengths of row locks of the four, so the others are read as the nearest one.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AlterTableOperation, BinaryOperator, CastKind, ColumnDef, ColumnOption, CreateIndex, CreateTable, DataType, Expr,
    IndexColumn, ObjectName, Query, Statement, TableConstraint, TableFactor, Visit as _, Visitor,
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
}

/// The tables that no tenant has a part of.
pub const WITHOUT_TENANT: [&str; 4] = ["meta", "tenants", "key_check", "signing_keys"];

const FUNCTIONS: [&str; 8] = [
    "clock_timestamp",
    "coalesce",
    "count",
    "max",
    "min",
    "octet_length",
    "substr",
    "unnest",
];

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
const BY_NAME: [&str; 2] = [
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

struct Rules {
    place: Place,
    found: Vec<String>,
}

impl Rules {
    fn refuse(&mut self, why: impl Into<String>) {
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
                self.wants(*if_exists, "IF EXISTS");
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

    fn wants(&mut self, there: bool, what: &str) {
        if !there {
            self.refuse(format!("without {what}"));
        }
    }

    fn judge_change(&mut self, operations: &[AlterTableOperation]) {
        self.wants(operations.len() == 1, "one change of schema in a step");
        for operation in operations {
            match operation {
                AlterTableOperation::AddColumn {
                    if_not_exists,
                    column_def,
                    ..
                } => {
                    self.wants(*if_not_exists, "IF NOT EXISTS");
                    self.judge_column(column_def);
                }
                AlterTableOperation::DropColumn {
                    if_exists,
                    column_names,
                    ..
                } => {
                    self.wants(*if_exists, "IF EXISTS");
                    self.wants(column_names.len() == 1, "one change of schema in a step");
                }
                other => self.refuse(format!("a change of a table that is not portable: {other}")),
            }
        }
    }

    fn judge_table(&mut self, table: &CreateTable) {
        if self.place == Place::Migration {
            self.wants(table.if_not_exists, "IF NOT EXISTS");
        }
        if table.temporary || table.unlogged || table.query.is_some() || table.inherits.is_some() {
            self.refuse("a table that is temporary, unlogged, or made of another");
        }
        if table.partition_by.is_some() || table.partition_of.is_some() {
            self.refuse("a table in partitions");
        }
        let (mut primary, mut unique) = (Vec::new(), Vec::new());
        for column in &table.columns {
            self.judge_column(column);
            for option in &column.options {
                match option.option {
                    ColumnOption::PrimaryKey(_) => primary.push(vec![column.name.value.clone()]),
                    ColumnOption::Unique(_) => unique.push(vec![column.name.value.clone()]),
                    _ => {}
                }
            }
        }
        for constraint in &table.constraints {
            match constraint {
                TableConstraint::PrimaryKey(key) => primary.push(self.columns(&key.columns)),
                TableConstraint::Unique(key) => unique.push(self.columns(&key.columns)),
                TableConstraint::Check(_) => {}
                TableConstraint::ForeignKey(_) => self.refuse("a foreign key"),
                other => self.refuse(format!("a constraint that is not portable: {other}")),
            }
        }
        let name = last_of(&table.name);
        self.wants(primary.len() == 1, "a primary key");
        if WITHOUT_TENANT.contains(&name.as_str()) {
            return;
        }
        for key in primary {
            self.wants(
                key.first().is_some_and(|first| first == "tenant"),
                "the tenant as the first of its key",
            );
        }
        for key in unique {
            self.wants(key.contains(&"tenant".to_owned()), "the tenant in what is unique");
        }
    }

    fn columns(&mut self, columns: &[IndexColumn]) -> Vec<String> {
        let mut names = Vec::new();
        for column in columns {
            match &column.column.expr {
                Expr::Identifier(name) if column.operator_class.is_none() => names.push(name.value.clone()),
                other => self.refuse(format!("an index over an expression: {other}")),
            }
        }
        names
    }

    fn judge_index(&mut self, index: &CreateIndex) {
        if self.place == Place::Migration {
            self.wants(index.if_not_exists, "IF NOT EXISTS");
        }
        if index.predicate.is_some() {
            self.refuse("a partial index");
        }
        if index.using.is_some() || index.concurrently || !index.include.is_empty() || !index.with.is_empty() {
            self.refuse("an index of a special kind");
        }
        let columns = self.columns(&index.columns);
        let in_tenant = !WITHOUT_TENANT.contains(&last_of(&index.table_name).as_str());
        if index.unique && in_tenant {
            self.wants(columns.contains(&"tenant".to_owned()), "the tenant in what is unique");
        }
    }

    fn judge_column(&mut self, column: &ColumnDef) {
        self.judge_type(&column.data_type);
        for option in &column.options {
            match &option.option {
                ColumnOption::NotNull
                | ColumnOption::Null
                | ColumnOption::Check(_)
                | ColumnOption::PrimaryKey(_)
                | ColumnOption::Unique(_) => {}
                ColumnOption::Default(Expr::Value(_)) => {}
                ColumnOption::Collation(name) => self.judge_collation(name),
                ColumnOption::ForeignKey(_) => self.refuse("a foreign key"),
                ColumnOption::Generated { .. } | ColumnOption::Identity(_) => self.refuse("a column that fills itself"),
                other => self.refuse(format!("a column that is not portable: {other}")),
            }
        }
    }

    fn judge_type(&mut self, kind: &DataType) {
        let name = kind.to_string().to_uppercase();
        let allowed: &[&str] = match self.place {
            Place::SqliteStatement | Place::SqliteMigration => &SQLITE_TYPES,
            _ => &TYPES,
        };
        if !allowed.contains(&name.as_str()) {
            self.refuse(format!("the type {name}"));
        }
    }

    fn judge_collation(&mut self, name: &ObjectName) {
        if name.to_string() != "\"C\"" {
            self.refuse(format!("the collation {name}"));
        }
    }

    fn judge_function(&mut self, name: &ObjectName) {
        let name = name.to_string().to_lowercase();
        let sqlite = matches!(self.place, Place::SqliteStatement | Place::SqliteMigration);
        if !FUNCTIONS.contains(&name.as_str()) && !(sqlite && name == "length") {
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
        if last_of(name).starts_with("pg_") || last_of(name).starts_with("sqlite_") {
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
