//! The part of the profile that is about schemas: tables, their columns and keys, and indexes.
//!
//! What would surprise: a migration of a server is held to more than one of SQLite, because it may
//! be cut off anywhere and is run again, by several servers at once.

use sqlparser::ast::{
    AlterTableOperation, ColumnDef, ColumnOption, CreateIndex, CreateTable, Expr, IndexColumn, TableConstraint,
};

use super::rules::{Place, Rules, WITHOUT_TENANT, last_of};

impl Rules {
    pub fn judge_change(&mut self, operations: &[AlterTableOperation]) {
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
                AlterTableOperation::RenameTable { .. } if self.place == Place::SqliteMigration => {}
                other => self.refuse(format!("a change of a table that is not portable: {other}")),
            }
        }
    }

    pub fn judge_table(&mut self, table: &CreateTable) {
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

    pub fn judge_index(&mut self, index: &CreateIndex) {
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
}
