//! Where settings come from, and in which order.
//!
//! The defaults, the file, the environment, the command line: each over the one before.
//! What would surprise: values of variables are read as the default is, not guessed, so
//! that an address in brackets is no list and a directory called 2026 is no number.

use std::collections::BTreeMap;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use serde::Serialize;

use super::{Config, DEFAULTS, TEST_PREFIX, Unsafe};

/// What names of environment variables that are settings begin with.
const PREFIX: &str = "ONESELF_";

/// Variables that are read elsewhere: by the command line, before there are settings.
const NOT_SETTINGS: [&str; 1] = ["ONESELF_CONFIG"];

impl Config {
    /// Reads the settings from all layers. `environment` are all variables of the
    /// process, and `flags` serializes to the settings that the command line gave.
    ///
    /// # Errors
    /// A name that is not a setting, a value that it does not take, an unreadable file;
    /// each with where it stands.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &impl Serialize,
    ) -> Result<Self, Unsafe> {
        let mut layers = Layers::new()?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Unsafe(format!("cannot read the settings in {}: {error}", path.display())))?;
            let values = parse(&text).map_err(|error| Unsafe(format!("{} is not TOML: {error}", path.display())))?;
            layers.add(&path.display().to_string(), values)?;
        }
        for (name, text) in environment {
            if !name.starts_with(PREFIX) || name.starts_with(TEST_PREFIX) || NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            let key = name.trim_start_matches(PREFIX).to_ascii_lowercase();
            let value = from_environment(layers.known.get(&key), text);
            layers.add(&format!("the environment variable {name}"), Dict::from([(key, value)]))?;
        }
        let flags = Value::serialize(flags)
            .ok()
            .and_then(Value::into_dict)
            .ok_or_else(|| Unsafe("a path on the command line is not UTF-8".into()))?;
        layers.add("the command line", flags)?;
        layers.extract()
    }
}

/// The settings of a TOML text.
fn parse(text: &str) -> Result<Dict, String> {
    Figment::from(Toml::string(text))
        .extract()
        .map_err(|error| error.to_string())
}

/// What was read so far, and where each value came from.
struct Layers {
    known: Dict,
    merged: Figment,
    places: BTreeMap<String, String>,
}

impl Layers {
    /// The defaults, which name every setting.
    fn new() -> Result<Self, Unsafe> {
        let known = parse(DEFAULTS).map_err(Unsafe)?;
        Ok(Self {
            merged: Figment::from(Serialized::defaults(&known)),
            known,
            places: BTreeMap::new(),
        })
    }

    /// Lays values from one place over the others, once every name among them is known.
    fn add(&mut self, place: &str, values: Dict) -> Result<(), Unsafe> {
        if values.contains_key("root_key") {
            return Err(Unsafe(format!(
                "{place} holds a root key: it is read from a file of mode 0400 outside the data directory and from \
                 nowhere else; name that with root_key_file"
            )));
        }
        if let Some(unknown) = values.keys().find(|key| !self.known.contains_key(*key)) {
            let names: Vec<&str> = self.known.keys().map(String::as_str).collect();
            return Err(Unsafe(format!(
                "{unknown} in {place} is not a setting; there are {}",
                names.join(", ")
            )));
        }
        self.places
            .extend(values.keys().map(|key| (key.clone(), place.to_owned())));
        self.merged = std::mem::take(&mut self.merged).merge(Serialized::defaults(values));
        Ok(())
    }

    /// The settings.
    fn extract(self) -> Result<Config, Unsafe> {
        self.merged.extract().map_err(|error| {
            let key = error.path.first().map_or("", String::as_str);
            let place = self.places.get(key).map_or("the defaults", String::as_str);
            Unsafe(format!("{key} in {place}: {}", error.kind))
        })
    }
}

/// The value that a variable's text stands for, of the kind that the default has.
fn from_environment(default: Option<&Value>, text: String) -> Value {
    match default {
        Some(Value::Array(_, items)) => text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| from_environment(items.first(), item.to_owned()))
            .collect::<Vec<_>>()
            .into(),
        Some(Value::Bool(..)) => text.parse::<bool>().map_or(Value::from(text), Value::from),
        Some(Value::Num(..)) => text.parse::<u64>().map_or(Value::from(text), Value::from),
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, Unsafe> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.toml");
        std::fs::write(&path, file).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(&path), environment, &Dict::new())
    }

    #[test]
    fn later_layers_win_and_texts_stay_texts() {
        let config = load(
            "data = 'from-file'\nlisten = '127.0.0.1:1'\ndrain_seconds = 3",
            &[
                ("ONESELF_LISTEN", "[::1]:2"),
                ("ONESELF_DATA", "2026"),
                ("ONESELF_ORIGINS", "https://a.example, https://b.example"),
                ("ONESELF_ADMIN_LISTEN", ""),
                ("ONESELF_EGRESS_PORTS", "443,8443"),
                ("ONESELF_EGRESS_ALLOW", "10.1.0.0/16, fd00:1::/32"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen, "[::1]:2".parse().unwrap());
        assert_eq!(config.data, Path::new("2026"));
        assert_eq!(config.drain_seconds, 3);
        assert_eq!(config.admin_listen, None);
        assert_eq!(config.origins, ["https://a.example", "https://b.example"]);
        assert_eq!(config.egress_ports, [443, 8443]);
        let nets: Vec<_> = config.egress_allow.iter().map(ToString::to_string).collect();
        assert_eq!(nets, ["10.1.0.0/16", "fd00:1::/32"]);
    }

    #[test]
    fn what_is_no_setting_or_no_value_is_named_with_its_place() {
        let unknown = load("", &[("ONESELF_LISTN", "x")]).unwrap_err().0;
        assert!(
            unknown.contains("listn in the environment variable ONESELF_LISTN"),
            "{unknown}"
        );
        assert!(unknown.contains("listen,"), "{unknown}");
        let unknown = load("lissten = 1", &[]).unwrap_err().0;
        assert!(
            unknown.contains("lissten in") && unknown.contains("settings.toml"),
            "{unknown}"
        );
        let value = load("drain_seconds = 'soon'", &[]).unwrap_err().0;
        assert!(
            value.contains("drain_seconds") && value.contains("settings.toml") && value.contains("soon"),
            "{value}"
        );
        let value = load("", &[("ONESELF_LISTEN", "localhost")]).unwrap_err().0;
        assert!(value.contains("listen in the environment variable"), "{value}");
    }
}
