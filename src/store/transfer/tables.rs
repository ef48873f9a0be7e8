//! What is taken along when a store moves: every table, in an order in which what is sealed never
//! comes before its keys.
//!
//! What would surprise: `meta` stays behind, because it tells of one database; and so does what
//! only one of them has.

/// A table, with the columns of its key in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns of its key.
    pub key: &'static [&'static str],
    /// Which of the two files of the embedded store it is in.
    pub part: Part,
}

/// Data or keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything but keys.
    Data,
    /// The wrapped keys.
    Keys,
}

const fn keys(name: &'static str, key: &'static [&'static str]) -> Table {
    Table {
        name,
        key,
        part: Part::Keys,
    }
}

const fn data(name: &'static str, key: &'static [&'static str]) -> Table {
    Table {
        name,
        key,
        part: Part::Data,
    }
}

/// All of them.
pub const TABLES: [Table; 28] = [
    keys("key_check", &["id"]),
    keys("tenant_keys", &["tenant"]),
    keys("keys", &["tenant", "owner"]),
    keys("signing_keys", &["kid"]),
    data("tenants", &["id"]),
    data("clients", &["tenant", "id"]),
    data("web_origins", &["tenant", "client", "origin"]),
    data("connections", &["tenant", "id"]),
    data("users", &["tenant", "id"]),
    data("user_bags", &["tenant", "user_id", "dialect"]),
    data("identities", &["tenant", "user_id", "position"]),
    data("token_sets", &["tenant", "identity"]),
    data("terms", &["tenant", "path", "value", "user_id", "identity"]),
    data("login_names", &["tenant", "connection", "kind", "value"]),
    data("aliases", &["tenant", "id"]),
    data("day_counts", &["tenant", "day", "part"]),
    data("last_login_days", &["tenant", "user_id"]),
    data("opaque_tokens", &["tenant", "token"]),
    data("spent_proofs", &["tenant", "token"]),
    data("erased_identities", &["tenant", "mark"]),
    data("once_keys", &["tenant", "id"]),
    data("imports", &["tenant", "file"]),
    data("jobs", &["tenant", "id"]),
    data("job_parts", &["tenant", "job", "file", "n"]),
    data("events", &["tenant", "bucket", "id"]),
    data("trail", &["tenant", "position"]),
    data("trail_heads", &["tenant"]),
    data("logs", &["tenant", "id"]),
];

impl Table {
    /// Whether its rows are of a tenant, which is the first column of its key then.
    pub fn has_tenant(&self) -> bool {
        self.key.first() == Some(&"tenant")
    }

    /// The statement that gives these columns of all rows that come after a key, in the order of
    /// their keys; of all rows, when there is no key.
    pub fn select(&self, columns: &[String], after: After) -> String {
        let key = self.key.join(", ");
        let columns = columns.join(", ");
        let Self { name, .. } = self;
        match after {
            After::Nothing => format!("SELECT {columns} FROM {name} ORDER BY {key}"),
            After::Key => {
                let places: Vec<String> = (1..=self.key.len()).map(|n| format!("?{n}")).collect();
                let places = places.join(", ");
                format!("SELECT {columns} FROM {name} WHERE ({key}) > ({places}) ORDER BY {key}")
            }
        }
    }

    /// The statement that gives no rows of these columns: only of which kinds they are.
    pub fn select_none(&self, columns: &[String]) -> String {
        let (columns, name) = (columns.join(", "), self.name);
        format!("SELECT {columns} FROM {name} LIMIT 0")
    }

    /// The statement that takes rows of these columns.
    pub fn copy_in(&self, columns: &[String]) -> String {
        let (columns, name) = (columns.join(", "), self.name);
        format!("COPY {name} ({columns}) FROM STDIN BINARY")
    }

    /// The statement that gives the last key.
    pub fn select_last(&self) -> String {
        let down: Vec<String> = self.key.iter().map(|column| format!("{column} DESC")).collect();
        let (key, down, name) = (self.key.join(", "), down.join(", "), self.name);
        format!("SELECT {key} FROM {name} ORDER BY {down} LIMIT 1")
    }
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// At the first row.
    Nothing,
    /// After the row of a key.
    Key,
}
