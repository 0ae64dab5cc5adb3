//! Layered settings, read into one typed struct per binary. The environment overrides the settings file, which overrides the
//! embedded defaults.
//!
//! A [`SettingsReader`] returns one value after the other and collects the errors, so that a single message names every
//! invalid setting. A setting that was never read is an error as well, because it is most likely a typing error. Any value
//! can come from a file: `ROWLOCK__DATABASE__URL_FILE` names the file that contains `database.url`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use config::{Config, Environment, File, FileFormat};
use secrecy::SecretString;

/// Prefix of every environment variable that holds a setting.
pub const ENV_PREFIX: &str = "ROWLOCK__";

/// Every error in the settings, one per line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the settings are invalid:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

/// Returns settings by their dotted name and collects the errors. Each method returns `None` after it has recorded an error.
#[derive(Debug)]
pub struct SettingsReader {
    values: BTreeMap<String, String>,
    read_names: BTreeSet<String>,
    errors: Vec<String>,
}

impl SettingsReader {
    /// Merges the embedded defaults (TOML), an optional file (TOML) and the environment. Fails if the file cannot be read or is
    /// not TOML.
    pub fn load(
        defaults: &str,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut errors = Vec::new();
        let mut builder = Config::builder().add_source(File::from_str(defaults, FileFormat::Toml));
        if let Some(path) = file {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        let source = resolve_files(environment, &mut errors);
        builder = builder.add_source(Environment::with_prefix("ROWLOCK").prefix_separator("__").separator("__").source(Some(source)));
        let merged = builder
            .build()
            .and_then(Config::try_deserialize::<serde_json::Value>)
            .map_err(|error| SettingsError(vec![error.to_string()]))?;
        let mut values = BTreeMap::new();
        flatten(String::new(), &merged, &mut values);
        Ok(Self { values, read_names: BTreeSet::new(), errors })
    }

    fn raw(&mut self, name: &str) -> Option<String> {
        self.read_names.insert(name.to_owned());
        self.values.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// Records an error of a setting.
    pub fn add_error(&mut self, name: &str, problem: impl Display) {
        self.errors.push(format!("{name} ({}): {problem}", env_name(name)));
    }

    fn parsed<T>(&mut self, name: &str, value: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.add_error(name, problem);
                None
            }
        }
    }

    fn required(&mut self, name: &str) -> Option<String> {
        let value = self.raw(name);
        if value.is_none() {
            self.add_error(name, "must be set");
        }
        value
    }

    /// Reads a required value.
    pub fn value<T: FromStr>(&mut self, name: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let value = self.required(name)?;
        self.parsed(name, &value, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// Reads an optional value. An empty value counts as absent and yields `Some(None)`.
    pub fn optional<T: FromStr>(&mut self, name: &str) -> Option<Option<T>>
    where
        T::Err: Display,
    {
        match self.raw(name) {
            None => Some(None),
            Some(value) => self.parsed(name, &value, |text| text.parse().map_err(|error: T::Err| error.to_string())).map(Some),
        }
    }

    /// Reads a required number within `limits`.
    pub fn number<T: FromStr + PartialOrd + Display>(&mut self, name: &str, limits: RangeInclusive<T>) -> Option<T> {
        let value = self.required(name)?;
        self.parsed(name, &value, |text| {
            text.parse()
                .ok()
                .filter(|number| limits.contains(number))
                .ok_or_else(|| format!("must be a number from {} to {}", limits.start(), limits.end()))
        })
    }

    /// Reads a required duration in milliseconds. By convention the name ends in `_ms`.
    pub fn millis(&mut self, name: &str, limits: RangeInclusive<u64>) -> Option<Duration> {
        self.number(name, limits).map(Duration::from_millis)
    }

    /// Reads a list of durations in milliseconds, separated by commas. The list may be empty.
    pub fn millis_list(&mut self, name: &str, limits: RangeInclusive<u64>) -> Option<Vec<Duration>> {
        let Some(value) = self.raw(name) else { return Some(Vec::new()) };
        self.parsed(name, &value, |text| {
            let number = |part: &str| part.trim().parse().ok().filter(|number| limits.contains(number)).map(Duration::from_millis);
            text.split(',')
                .map(number)
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| format!("must be numbers from {} to {}, separated by commas", limits.start(), limits.end()))
        })
    }

    /// Reads a list of values, separated by commas. The list may be empty.
    pub fn list<T: FromStr>(&mut self, name: &str) -> Option<Vec<T>>
    where
        T::Err: Display,
    {
        let Some(value) = self.raw(name) else { return Some(Vec::new()) };
        self.parsed(name, &value, |text| {
            let item = |part: &str| part.trim().parse().map_err(|error: T::Err| format!("\"{}\": {error}", part.trim()));
            text.split(',').map(item).collect()
        })
    }

    /// Reads a required secret. Error messages never contain its value.
    pub fn secret(&mut self, name: &str) -> Option<SecretString> {
        self.required(name).map(SecretString::from)
    }

    /// Reads an optional secret. An empty value counts as absent.
    pub fn optional_secret(&mut self, name: &str) -> Option<SecretString> {
        self.raw(name).map(SecretString::from)
    }

    /// Reads a required URL with one of the given schemes. It is kept secret because it may contain a password.
    pub fn secret_url(&mut self, name: &str, schemes: &[&str]) -> Option<SecretString> {
        let value = self.required(name)?;
        self.parsed(name, &value, |text| match url::Url::parse(text) {
            Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => Ok(SecretString::from(text)),
            _ => Err(format!("must be a URL that begins with {}://", schemes.join(":// or "))),
        })
    }

    /// Accepts all settings of a section that this process does not use.
    pub fn ignore_section(&mut self, section: &str) {
        let prefix = format!("{section}.");
        self.read_names.extend(self.values.keys().filter(|name| name.starts_with(&prefix)).cloned());
    }

    /// Accepts all settings that have not been read, for a command that needs only some of them.
    pub fn ignore_rest(&mut self) {
        self.read_names.extend(self.values.keys().cloned());
    }

    /// Returns the settings, or every recorded error, including the settings that do not exist.
    pub fn finish<T>(mut self, settings: Option<T>) -> Result<T, SettingsError> {
        let unknown: Vec<_> = self.values.keys().filter(|name| !self.read_names.contains(*name)).cloned().collect();
        for name in unknown {
            self.add_error(&name, "there is no such setting");
        }
        match settings {
            Some(settings) if self.errors.is_empty() => Ok(settings),
            _ => Err(SettingsError(self.errors)),
        }
    }
}

/// Returns the name of the environment variable of a setting: `ROWLOCK__DATABASE__URL` for `database.url`.
pub fn env_name(name: &str) -> String {
    format!("{ENV_PREFIX}{}", name.to_uppercase().replace('.', "__"))
}

/// Returns the environment variables that hold settings, with each `…_FILE` replaced by the content of its file.
fn resolve_files(environment: impl IntoIterator<Item = (String, String)>, errors: &mut Vec<String>) -> config::Map<String, String> {
    let mut values = config::Map::new();
    for (name, value) in environment.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)) {
        let Some(plain) = name.strip_suffix("_FILE") else {
            values.entry(name).or_insert(value);
            continue;
        };
        match std::fs::read_to_string(&value) {
            Ok(content) => {
                values.insert(plain.to_owned(), content.trim_end_matches(['\r', '\n']).to_owned());
            }
            Err(error) => errors.push(format!("{name}: cannot read the file {value}: {error}")),
        }
    }
    values
}

fn flatten(prefix: String, value: &serde_json::Value, into: &mut BTreeMap<String, String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(path, value, into);
            }
        }
        serde_json::Value::String(text) => {
            into.insert(prefix, text.clone());
        }
        serde_json::Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            into.insert(prefix, items.join(","));
        }
        serde_json::Value::Null => {}
        other => {
            into.insert(prefix, other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = "[http]\nlisten = '127.0.0.1:80'\nworkers = 2\n[database]\nurl = ''\n";

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_overrides_the_file_which_overrides_the_defaults() {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), "[http]\nworkers = 3\nlisten = 'file:1'\n").unwrap();
        let mut reader = SettingsReader::load(
            DEFAULTS,
            Some(file.path()),
            env(&[("ROWLOCK__HTTP__LISTEN", "env:1"), ("ROWLOCK__DATABASE__URL", "postgres://u@h/d")]),
        )
        .unwrap();
        let read = (
            reader.value::<String>("http.listen").unwrap(),
            reader.number("http.workers", 1..=8).unwrap(),
            reader.secret("database.url").is_some(),
        );
        assert_eq!(reader.finish(Some(read)), Ok(("env:1".to_owned(), 3, true)));
    }

    #[test]
    fn one_message_names_every_invalid_setting() {
        let mut reader = SettingsReader::load(
            DEFAULTS,
            None,
            env(&[
                ("ROWLOCK__HTTP__WORKERS", "many"),
                ("ROWLOCK__HTPP__PORT", "1"),
                ("ROWLOCK__KEY_FILE", "/does/not/exist"),
                ("ROWLOCK_PORT", "3000"),
            ]),
        )
        .unwrap();
        let read =
            (reader.value::<String>("http.listen"), reader.number("http.workers", 1..=8), reader.secret_url("database.url", &["postgres"]));
        let SettingsError(errors) = reader.finish(Some(read)).unwrap_err();
        let all = errors.join("\n");
        assert_eq!(errors.len(), 4, "{all}");
        for part in [
            "ROWLOCK__HTTP__WORKERS): must be a number from 1 to 8",
            "htpp.port",
            "/does/not/exist",
            "database.url (ROWLOCK__DATABASE__URL): must be set",
        ] {
            assert!(all.contains(part), "{part} is not in {all}");
        }
    }

    #[test]
    fn a_secret_from_a_file_loses_its_trailing_newline() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "postgres://u:p@h/d\n").unwrap();
        let path = file.path().to_str().unwrap();
        let mut reader = SettingsReader::load(DEFAULTS, None, env(&[("ROWLOCK__DATABASE__URL_FILE", path)])).unwrap();
        let url = reader.secret_url("database.url", &["postgres", "postgresql"]).unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&url), "postgres://u:p@h/d");
    }
}
