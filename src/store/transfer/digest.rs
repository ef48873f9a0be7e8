//! A digest over the rows of each tenant, by which two stores are compared.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};

use super::{After, Origin, TABLES};
use crate::id::TenantId;
use crate::store::StoreResult;
use crate::store::sql::Step;
use crate::store::sql::rows::Cell;

/// The rows of a tenant, or those of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfTenant {
    /// Whose rows; `None` for those that belong to no tenant.
    pub tenant: Option<TenantId>,
    /// Of each table that has any: how many, and what they come to.
    pub tables: BTreeMap<&'static str, (u64, String)>,
}

impl OfTenant {
    /// How many rows there are in all.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|(count, _)| count).sum()
    }
}

/// The digests of all tenants, over the columns that `like` has.
///
/// # Errors
/// Those of the stores.
pub fn digests(of: &dyn Origin, like: &dyn Origin) -> StoreResult<Vec<OfTenant>> {
    let mut all: BTreeMap<Option<i64>, BTreeMap<&'static str, (u64, Context)>> = BTreeMap::new();
    for table in &TABLES {
        let columns = like.columns(table)?;
        let tenant = columns
            .iter()
            .position(|column| column == "tenant" || (table.name == "tenants" && column == "id"));
        of.read(table.part, &mut |sql| {
            sql.walk(&table.select(&columns, After::Nothing), &[], &mut |row| {
                let whose = match tenant {
                    Some(column) => Some(row.get(column)?),
                    None => None,
                };
                let tables = all.entry(whose).or_default();
                let (count, digest) = tables.entry(table.name).or_insert_with(|| (0, Context::new(&SHA256)));
                *count += 1;
                for column in 0..columns.len() {
                    add(digest, row.cell(&column)?);
                }
                Ok(Step::Next)
            })
        })?;
    }
    let of_tenant = |(tenant, tables): (Option<i64>, BTreeMap<&'static str, (u64, Context)>)| OfTenant {
        tenant: tenant.map(TenantId::from_number),
        tables: tables
            .into_iter()
            .map(|(name, (count, digest))| (name, (count, hex::encode(digest.finish().as_ref()))))
            .collect(),
    };
    Ok(all.into_iter().map(of_tenant).collect())
}

fn add(digest: &mut Context, cell: Cell<'_>) {
    let (kind, bytes): (u8, &[u8]) = match &cell {
        Cell::Null => (0, &[]),
        Cell::Number(number) => (1, &number.to_be_bytes()),
        Cell::Text(text) => (2, text.as_bytes()),
        Cell::Bytes(bytes) => (3, bytes),
    };
    digest.update(&[kind]);
    digest.update(&(bytes.len() as u64).to_be_bytes());
    digest.update(bytes);
}

/// The first tenant and table in which two differ, in a sentence.
pub(super) fn first_difference(expected: &[OfTenant], found: &[OfTenant]) -> Option<String> {
    let name = |tenant: Option<TenantId>| tenant.map_or_else(|| "no tenant".to_owned(), |id| id.to_string());
    let tenants: BTreeMap<_, _> = found.iter().map(|of| (of.tenant.map(TenantId::number), of)).collect();
    for of in expected {
        let there = tenants.get(&of.tenant.map(TenantId::number));
        for (table, (count, digest)) in &of.tables {
            let (found, same) = match there.and_then(|there| there.tables.get(table)) {
                Some((found, found_digest)) => (*found, found_digest == digest),
                None => (0, false),
            };
            if !same {
                return Some(format!(
                    "{table} of {} has {count} rows here and {found} there, and they are not the same",
                    name(of.tenant)
                ));
            }
        }
    }
    let rows = |all: &[OfTenant]| all.iter().map(OfTenant::rows).sum::<u64>();
    (rows(expected) != rows(found)).then(|| format!("there are {} rows here and {} there", rows(expected), rows(found)))
}
