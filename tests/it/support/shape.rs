//! The tables of a test's store as its database describes them, in words that are the same for
//! every database.
//!
//! What would surprise: an index that belongs to a table's definition has no name of its own, so
//! the primary key is called `key`, and another after its columns.

use std::collections::BTreeMap;

use super::kept::Kept;

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub columns: BTreeMap<String, Column>,
    pub indexes: BTreeMap<String, Index>,
}

/// A column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// `number`, `text`, `bytes`, or what the database calls anything else.
    pub kind: String,
    pub nullable: bool,
}

/// An index.
#[derive(Debug, PartialEq, Eq)]
pub struct Index {
    pub columns: Vec<String>,
    pub unique: bool,
    /// Whether every row is in it.
    pub whole: bool,
    /// Whether what is in it is compared as bytes.
    pub as_bytes: bool,
}

impl Table {
    /// The columns of the primary key.
    pub fn key(&self) -> &[String] {
        &self.indexes.get("key").expect("every table has a key").columns
    }
}

/// Table, column, kind, whether it may be NULL.
const COLUMNS_IN_FILES: &str = "
    SELECT t.name, c.name, lower(c.type), NOT c.\"notnull\"
    FROM pragma_table_list AS t JOIN pragma_table_info(t.name, t.schema) AS c
    WHERE t.schema <> 'temp' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";

const COLUMNS_IN_DATABASE: &str = "
    SELECT t.relname, c.attname, format_type(c.atttypid, NULL), CAST(NOT c.attnotnull AS int)
    FROM pg_class AS t JOIN pg_namespace AS s ON s.oid = t.relnamespace JOIN pg_attribute AS c ON c.attrelid = t.oid
    WHERE s.nspname IN ('oneself', 'oneself_keys') AND t.relkind = 'r' AND c.attnum > 0 AND NOT c.attisdropped";

/// Table, index, where it comes from, column, whether it is unique, has every row, and compares
/// bytes; by the place of the column.
const INDEXES_IN_FILES: &str = "
    SELECT t.name, i.name, i.origin, c.name, i.\"unique\", NOT i.partial, c.coll = 'BINARY'
    FROM pragma_table_list AS t JOIN pragma_index_list(t.name, t.schema) AS i
    JOIN pragma_index_xinfo(i.name, t.schema) AS c
    WHERE t.schema <> 'temp' AND t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.key = 1
    UNION ALL
    SELECT t.name, 'row', 'pk', c.name, 1, 1, 1
    FROM pragma_table_list AS t JOIN pragma_table_info(t.name, t.schema) AS c
    WHERE t.schema <> 'temp' AND t.type = 'table' AND c.pk = 1 AND c.type = 'INTEGER' AND NOT t.wr
        AND NOT EXISTS (SELECT 1 FROM pragma_index_list(t.name, t.schema) AS i WHERE i.origin = 'pk')";

const INDEXES_IN_DATABASE: &str = "
    SELECT t.relname, i.relname, coalesce(CAST(r.contype AS text), 'c'), c.attname, CAST(x.indisunique AS int),
        CAST(x.indpred IS NULL AS int), CAST(k.sorting IN (0, CAST('pg_catalog.\"C\"' AS regcollation)) AS int)
    FROM pg_index AS x JOIN pg_class AS t ON t.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
    JOIN pg_namespace AS s ON s.oid = t.relnamespace
    LEFT JOIN pg_constraint AS r ON r.conindid = i.oid AND r.conrelid = t.oid AND r.contype IN ('p', 'u')
    CROSS JOIN LATERAL unnest(CAST(x.indkey AS int2[]), CAST(x.indcollation AS oid[])) WITH ORDINALITY AS k (column_number, sorting, place)
    JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum = k.column_number
    WHERE s.nspname IN ('oneself', 'oneself_keys')
    ORDER BY t.relname, i.relname, k.place";

/// The tables of the store that is kept here.
pub async fn shape(kept: &Kept) -> BTreeMap<String, Table> {
    let (columns, indexes) = match kept.database() {
        None => (COLUMNS_IN_FILES, INDEXES_IN_FILES),
        Some(_) => (COLUMNS_IN_DATABASE, INDEXES_IN_DATABASE),
    };
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in kept.rows(columns).await {
        let [table, name, kind, nullable] = row.try_into().unwrap();
        let column = Column {
            kind: kind_of(kind),
            nullable: nullable == "1",
        };
        let table = tables.entry(table).or_insert(Table {
            columns: BTreeMap::new(),
            indexes: BTreeMap::new(),
        });
        table.columns.insert(name, column);
    }
    for (table, indexes) in indexes_by_table(kept.rows(indexes).await) {
        tables.get_mut(&table).unwrap().indexes = indexes;
    }
    tables
}

fn indexes_by_table(rows: Vec<Vec<String>>) -> BTreeMap<String, BTreeMap<String, Index>> {
    let mut by_name: BTreeMap<(String, String), (String, Index)> = BTreeMap::new();
    for row in rows {
        let [table, name, origin, column, unique, whole, as_bytes] = row.try_into().unwrap();
        let (_, index) = by_name.entry((table, name)).or_insert((
            origin,
            Index {
                columns: Vec::new(),
                unique: unique == "1",
                whole: whole == "1",
                as_bytes: true,
            },
        ));
        index.columns.push(column);
        index.as_bytes &= as_bytes == "1";
    }
    let mut by_table: BTreeMap<String, BTreeMap<String, Index>> = BTreeMap::new();
    for ((table, name), (origin, index)) in by_name {
        let name = match origin.as_str() {
            "pk" | "p" => "key".to_owned(),
            "u" => index.columns.join(", "),
            _ => name,
        };
        let before = by_table.entry(table).or_default().insert(name, index);
        assert_eq!(before, None, "two indexes over the same");
    }
    by_table
}

/// How many bytes a number has is PostgreSQL's alone.
fn kind_of(kind: String) -> String {
    match kind.as_str() {
        "bigint" | "integer" | "smallint" => "number".into(),
        "blob" | "bytea" => "bytes".into(),
        _ => kind,
    }
}
