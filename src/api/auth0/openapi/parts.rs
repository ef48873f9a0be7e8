//! What descriptions are put together from: operations, parameters, schemas that recur.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::domain::Object;

/// An endpoint as it is described.
pub struct Operation {
    /// Its method.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// What it is called by generators of clients; unique.
    pub id: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Its parameters.
    pub parameters: Vec<Value>,
    /// Its body, if it reads one.
    pub body: Option<Value>,
    /// What it answers, but for what every route can.
    pub answers: BTreeMap<u16, Value>,
}

impl Operation {
    /// An endpoint that takes nothing and answers nothing yet. What stands in braces in its
    /// path becomes a parameter.
    pub fn new(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let names = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = names.map(|name| in_path(name, path));
        Self {
            method,
            path,
            id,
            summary,
            parameters: parameters.collect(),
            body: None,
            answers: BTreeMap::new(),
        }
    }

    /// Takes these parameters of the query.
    pub fn takes(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Reads a body of this schema, of which this is an example.
    pub fn reads(mut self, schema: Value, example: Value) -> Self {
        self.body = Some(json!({
            "description": "Where it is an object, a form will do: a[b]=c is a member of one within it, a[]=c an item of a list.",
            "required": true,
            "content": { "application/json": { "schema": schema, "example": example } },
        }));
        self
    }

    /// The same of a body that may be missing, and is no form.
    pub fn may_read(self, schema: Value, example: Value) -> Self {
        let mut operation = self.reads(schema, example);
        if let Some(body) = operation.body.as_mut().and_then(Value::as_object_mut) {
            body.insert("required".to_owned(), false.into());
            body.shift_remove("description");
        }
        operation
    }

    /// Answers with this status and a body of this schema, of which this is an example.
    pub fn gives(mut self, status: u16, what: &str, schema: Value, example: Value) -> Self {
        let content = json!({ "application/json": { "schema": schema, "example": example } });
        self.answers
            .insert(status, json!({ "description": what, "content": content }));
        self
    }

    /// Answers with this status and nothing else.
    pub fn ends(mut self, status: u16, what: &str) -> Self {
        self.answers.insert(status, json!({ "description": what }));
        self
    }

    /// Refuses with this status, for this reason.
    pub fn refuses(mut self, status: u16, why: &str) -> Self {
        self.answers.insert(status, refusal(why));
        self
    }
}

/// A refusal of the Management API.
pub fn refusal(why: &str) -> Value {
    json!({
        "description": why,
        "content": { "application/json": { "schema": schema("Error") } },
    })
}

/// A reference to a schema that has a name.
pub fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A parameter of the query that may be absent.
pub fn query(name: &str, schema: Value, what: &str) -> Value {
    json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": what })
}

/// A parameter of the query that has to be there.
pub fn needed(name: &str, schema: Value, what: &str) -> Value {
    json!({ "name": name, "in": "query", "required": true, "schema": schema, "description": what })
}

/// A parameter of the path. What an id looks like is not said where every text is an id that
/// perhaps nobody has; but dots alone are none, since clients take them for a way up.
fn in_path(name: &str, path: &str) -> Value {
    let of_connection = path.contains("/connections/{id}");
    let (schema, what) = match name {
        "provider" => (schema("Provider"), "what the identity's `provider` is"),
        "user_id" => (
            text(1..=1024),
            "the identity's own id, or its connection's name, a bar, and the id",
        ),
        _ if of_connection => (schema("ConnectionId"), "the connection's id"),
        _ => (matching("[^.]"), "the id"),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": what })
}

/// A text of so many characters.
pub fn text(len: RangeInclusive<usize>) -> Value {
    json!({ "type": "string", "minLength": len.start(), "maxLength": len.end() })
}

/// A text.
pub fn any_text() -> Value {
    json!({ "type": "string" })
}

/// A text that matches this.
pub fn matching(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// One of these words.
pub fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// Yes or no.
pub fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// A whole number.
pub fn integer(range: RangeInclusive<i64>) -> Value {
    json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
}

/// A moment.
pub fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// An object that holds whatever it holds.
pub fn open() -> Value {
    json!({ "type": "object" })
}

/// A list of these.
pub fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// The same value, or `null`.
pub fn nullable(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// An object of these members and no other.
pub fn closed(members: Object, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}

/// An object that has these members, and perhaps others.
pub fn with(members: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": members, "required": required })
}

/// The parameters of paging by number.
pub fn by_number(least: i64, usual: i64) -> Vec<Value> {
    let size = format!("how many on a page; {usual} unless said");
    vec![
        query("page", integer(0..=i64::from(u32::MAX)), "which page, from 0 on"),
        query("per_page", integer(least..=100), &size),
        query(
            "include_totals",
            flag(),
            "the answer is an envelope that says how many there are",
        ),
    ]
}

/// The parameters of paging from a position on.
pub fn by_position(most: i64) -> Vec<Value> {
    vec![
        query("take", integer(1..=most), "how many on a page; 50 unless said"),
        query("from", any_text(), "`next` of the page before"),
    ]
}

/// The parameters that choose which members are shown.
pub fn selection(pattern: &str) -> Vec<Value> {
    vec![
        query("fields", matching(pattern), "names of members, separated by commas"),
        query(
            "include_fields",
            flag(),
            "whether those are the ones shown, or the ones left out",
        ),
    ]
}

/// A page with totals: the envelope of paging by number.
pub fn envelope(name: &str, items: &Value) -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    with(
        json!({ "start": count, "limit": count, "length": count, "total": count, name: list(items.clone()) }),
        &["start", "limit", "length", "total", name],
    )
}

/// A page with the position of the next.
pub fn stretch(name: &str, items: &Value) -> Value {
    let mut members = Object::new();
    members.insert(name.to_owned(), list(items.clone()));
    members.insert("next".to_owned(), any_text());
    json!({ "type": "object", "properties": members, "required": [name], "not": { "required": ["total"] } })
}

/// A page, as it was asked for.
pub fn page(name: &str, items: &Value) -> Value {
    json!({ "oneOf": [list(items.clone()), envelope(name, items), stretch(name, items)] })
}
