//! The members of a JSON object, taken one by one; what is left at the end is refused.

use serde_json::{Map, Value};

use super::network::Network;

/// What is left of an object.
pub struct Members(pub Map<String, Value>);

impl Members {
    /// The member, if it is there and not `null`.
    pub fn taken(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    fn of_kind<T>(
        &mut self,
        name: &str,
        kind: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.taken(name) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| format!("{name}: must be {kind}"))
    }

    /// A text, which is not empty.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        self.of_kind(name, "a text", |value| match value {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        })
    }

    /// A Boolean.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, String> {
        self.of_kind(name, "true or false", |value| value.as_bool())
    }

    /// A whole number.
    pub fn number(&mut self, name: &str) -> Result<Option<i64>, String> {
        self.of_kind(name, "a whole number", |value| value.as_i64())
    }

    /// A list.
    pub fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, String> {
        self.of_kind(name, "a list", |value| match value {
            Value::Array(list) => Some(list),
            _ => None,
        })
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.of_kind(name, "a list of texts", |value| {
            value.as_array()?.iter().map(text).collect()
        })
    }

    /// The network that is meant.
    pub fn network(&mut self) -> Result<Network, String> {
        let name = self.text("network")?.ok_or("network: is missing")?;
        Network::named(&name).ok_or_else(|| {
            let names: Vec<&str> = Network::ALL.iter().map(|network| network.name()).collect();
            format!("network: must be one of {}", names.join(", "))
        })
    }

    /// Refuses what nobody has taken.
    pub fn end(self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("{name}: there is no such member")),
            None => Ok(()),
        }
    }
}
