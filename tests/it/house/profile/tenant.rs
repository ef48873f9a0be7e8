//! That a statement names its tenant by equality, wherever it touches a table of tenants' rows.
//!
//! An engine that spreads rows by tenant sends such a statement to one place. What counts is
//! `table.tenant = ?1`, or an equality with the tenant of a table that is bound like that already,
//! in the conditions of the same query or of one around it; a row that is inserted has `?1` as its
//! tenant, or that of a bound table. What would surprise: conditions under OR do not count.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Delete, Expr, FromTable, Insert, Join, JoinConstraint, JoinOperator, Query, Select, SelectItem,
    SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Value, Visit, Visitor,
};

use super::rules::{WITHOUT_TENANT, last_of, parsed};

/// The tables that a statement does not bind to its tenant.
pub fn unbound(sql: &str) -> Vec<String> {
    let mut look = Look::default();
    for statement in parsed(sql, false).unwrap_or_default() {
        look.statement(&statement, &Scope::default());
    }
    look.found
}

/// What is known where a query stands.
#[derive(Clone, Default)]
struct Scope {
    /// Names of `WITH`, which are no tables.
    with: BTreeSet<String>,
    /// Tables around, under the names that they have there, that are bound.
    bound: BTreeSet<String>,
}

#[derive(Default)]
struct Look {
    found: Vec<String>,
}

impl Look {
    fn statement(&mut self, statement: &Statement, scope: &Scope) {
        match statement {
            Statement::Query(query) => self.query(query, scope),
            Statement::Insert(insert) => self.insert(insert, scope),
            Statement::Update(update) => self.update(update, scope),
            Statement::Delete(delete) => self.delete(delete, scope),
            _ => {}
        }
    }

    fn query(&mut self, query: &Query, scope: &Scope) {
        let mut scope = scope.clone();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.query(&cte.query, &scope);
            scope.with.insert(cte.alias.name.value.clone());
        }
        self.body(&query.body, &scope);
    }

    fn body(&mut self, body: &SetExpr, scope: &Scope) {
        match body {
            SetExpr::Select(select) => {
                self.select(select, scope);
            }
            SetExpr::Query(query) => self.query(query, scope),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, scope);
                self.body(right, scope);
            }
            SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) => {
                self.statement(statement, scope);
            }
            SetExpr::Values(_) => {}
            other => self.found.push(other.to_string()),
        }
    }

    /// The scope within a `SELECT`, so that what it selects can be judged.
    fn select(&mut self, select: &Select, scope: &Scope) -> Scope {
        let inner = self.tables(&select.from, select.selection.as_ref(), scope);
        self.within(select, &inner);
        inner
    }

    /// Whatever queries are directly within something.
    fn within(&mut self, outer: &impl Visit, scope: &Scope) {
        let mut inner = Inner::default();
        let _ = outer.visit(&mut inner);
        for query in inner.queries {
            self.query(&query, scope);
        }
    }

    /// Sees that all tables of a `FROM` are bound, and returns the scope of what is within.
    fn tables(&mut self, from: &[TableWithJoins], selection: Option<&Expr>, scope: &Scope) -> Scope {
        let (mut names, mut conditions) = (Vec::new(), Vec::new());
        for tables in from {
            self.factor(&tables.relation, scope, &mut names, &mut conditions);
            for join in &tables.joins {
                self.factor(&join.relation, scope, &mut names, &mut conditions);
                conditions.extend(condition_of(join));
            }
        }
        conditions.extend(selection);
        let mut pairs = Vec::new();
        for condition in conditions {
            equalities(condition, &mut pairs);
        }
        let only = match names.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        };
        let mut inner = scope.clone();
        for name in &names {
            inner.bound.remove(name);
        }
        for _ in 0..=names.len() {
            for (left, right) in &pairs {
                for (one, other) in [(left, right), (right, left)] {
                    if is_bound(one, only.as_deref(), &inner)
                        && let Some(table) = table_of(other, only.as_deref())
                    {
                        inner.bound.insert(table);
                    }
                }
            }
        }
        let loose = names.into_iter().filter(|name| !inner.bound.contains(name));
        self.found.extend(loose);
        inner
    }

    fn factor<'e>(
        &mut self,
        factor: &'e TableFactor,
        scope: &Scope,
        names: &mut Vec<String>,
        conditions: &mut Vec<&'e Expr>,
    ) {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let table = last_of(name);
                let of_tenants = !scope.with.contains(&table)
                    && !WITHOUT_TENANT.contains(&table.as_str())
                    && !name.to_string().starts_with("information_schema.");
                if of_tenants {
                    names.push(alias.as_ref().map_or(table, |alias| alias.name.value.clone()));
                }
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.factor(&table_with_joins.relation, scope, names, conditions);
                for join in &table_with_joins.joins {
                    self.factor(&join.relation, scope, names, conditions);
                    conditions.extend(condition_of(join));
                }
            }
            // Rows of a list, and queries, which are looked at by themselves.
            TableFactor::Derived { .. } | TableFactor::UNNEST { .. } | TableFactor::Function { .. } => {}
            TableFactor::Table { .. } => {}
            other => self.found.push(other.to_string()),
        }
    }

    fn insert(&mut self, insert: &Insert, scope: &Scope) {
        let TableObject::TableName(name) = &insert.table else {
            self.found.push(insert.table.to_string());
            return;
        };
        let table = last_of(name);
        let source = insert.source.as_deref();
        let within = match source.map(|source| (&source.with, &*source.body)) {
            Some((None, SetExpr::Select(select))) => self.select(select, scope),
            Some(_) => {
                source.into_iter().for_each(|source| self.query(source, scope));
                scope.clone()
            }
            None => scope.clone(),
        };
        if WITHOUT_TENANT.contains(&table.as_str()) {
            return;
        }
        let place = insert.columns.iter().position(|column| last_of(column) == "tenant");
        let bound = place.zip(source).is_some_and(|(place, source)| match &*source.body {
            SetExpr::Values(values) => values.rows.iter().all(|row| row.get(place).is_some_and(is_tenant)),
            SetExpr::Select(select) => {
                let names = names_of(&select.from);
                let only = match names.as_slice() {
                    [only] => Some(only.as_str()),
                    _ => None,
                };
                match select.projection.get(place) {
                    Some(SelectItem::UnnamedExpr(expr)) => is_bound(expr, only, &within),
                    _ => false,
                }
            }
            _ => false,
        });
        if !bound {
            self.found.push(table);
        }
    }

    fn update(&mut self, update: &Update, scope: &Scope) {
        let mut from = vec![update.table.clone()];
        if let Some(UpdateTableFromKind::BeforeSet(more) | UpdateTableFromKind::AfterSet(more)) = &update.from {
            from.extend(more.iter().cloned());
        }
        let inner = self.tables(&from, update.selection.as_ref(), scope);
        self.within(&update.selection, &inner);
        self.within(&update.assignments, &inner);
    }

    fn delete(&mut self, delete: &Delete, scope: &Scope) {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let mut from = from.clone();
        from.extend(delete.using.iter().flatten().cloned());
        let inner = self.tables(&from, delete.selection.as_ref(), scope);
        self.within(&delete.selection, &inner);
    }
}

fn names_of(from: &[TableWithJoins]) -> Vec<String> {
    let factors = from
        .iter()
        .flat_map(|tables| std::iter::once(&tables.relation).chain(tables.joins.iter().map(|join| &join.relation)));
    let names = factors.filter_map(|factor| match factor {
        TableFactor::Table { name, alias, .. } => {
            Some(alias.as_ref().map_or(last_of(name), |alias| alias.name.value.clone()))
        }
        _ => None,
    });
    names.collect()
}

fn condition_of(join: &Join) -> Option<&Expr> {
    match &join.join_operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

/// What a condition says is equal, whatever else it says.
fn equalities<'e>(condition: &'e Expr, pairs: &mut Vec<(&'e Expr, &'e Expr)>) {
    match condition {
        Expr::Nested(inner) => equalities(inner, pairs),
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::And => {
                equalities(left, pairs);
                equalities(right, pairs);
            }
            BinaryOperator::Eq => pairs.push((left, right)),
            _ => {}
        },
        _ => {}
    }
}

/// Whether it is the first parameter, which is the tenant everywhere.
fn is_tenant(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Placeholder("$1".into()))
}

/// The table whose tenant this is; without a name before it, that of the only one there.
fn table_of(expr: &Expr, only: Option<&str>) -> Option<String> {
    match expr {
        Expr::Identifier(column) if column.value == "tenant" => only.map(str::to_owned),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] if column.value == "tenant" => Some(table.value.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn is_bound(expr: &Expr, only: Option<&str>, scope: &Scope) -> bool {
    is_tenant(expr) || table_of(expr, only).is_some_and(|table| scope.bound.contains(&table))
}

/// The queries within something that are within no other.
#[derive(Default)]
struct Inner {
    depth: usize,
    queries: Vec<Query>,
}

impl Visitor for Inner {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.depth == 0 {
            self.queries.push(query.clone());
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
