//! Renders `docs/configuration.md` from the commented `default.toml` of each service.
//!
//! The comments in those files are the documentation of the settings, so a setting without a comment is an error.

use std::fmt::Write;

/// The file that [`page`] is written to.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

const INTRODUCTION: &str = include_str!("introduction.md");

const SERVICES: [(&str, &str); 5] = [
    ("auth-service", include_str!("../../auth-service/src/default.toml")),
    ("booking-service", include_str!("../../booking-service/src/default.toml")),
    ("reallocation-worker", include_str!("../../reallocation-worker/src/default.toml")),
    ("notifier", include_str!("../../notifier/src/default.toml")),
    ("web", include_str!("../../web/src/default.toml")),
];

/// Returns the whole page. Fails if a file has a line that is no section, setting or comment, or a setting without a
/// comment.
pub fn page() -> Result<String, String> {
    let mut page = INTRODUCTION.to_owned();
    for (service, defaults) in SERVICES {
        let tables = tables(defaults).map_err(|error| format!("crates/{service}/src/default.toml: {error}"))?;
        let _ = write!(page, "\n## Settings of {service}\n{tables}");
    }
    Ok(page)
}

/// Renders a file of defaults as one table per section. A comment belongs to the section or setting that follows without
/// a blank line; any other comment is left out.
fn tables(defaults: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut section = "";
    for line in defaults.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        let meaning = comment.join(" ").replace('|', "\\|");
        comment.clear();
        if line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            let introduction = if meaning.is_empty() { meaning } else { format!("{meaning}\n\n") };
            let _ = write!(text, "\n### `[{section}]`\n\n{introduction}| setting | default | meaning |\n|---|---|---|\n");
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.trim();
            if meaning.is_empty() {
                return Err(format!("{section}.{key} has no comment"));
            }
            let _ = writeln!(text, "| `{section}.{key}` | {} | {meaning} |", default(value.trim(), &meaning));
        } else {
            return Err(format!("\"{line}\" is no section, setting or comment"));
        }
    }
    Ok(text)
}

/// How the default is shown: an empty one as "required" or "none".
fn default(value: &str, meaning: &str) -> String {
    match value.trim_matches('"') {
        "" if meaning.starts_with("Required") => "required".to_owned(),
        "" => "none".to_owned(),
        value => format!("`{value}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_becomes_a_table() {
        let defaults = "# About the file.\n\n# Of both.\n[http]\n# Where.\nlisten = \"x:1\"\n# Required. A key,\n# or two.\nkey = \"\"\n";
        let expected = "\n### `[http]`\n\nOf both.\n\n| setting | default | meaning |\n|---|---|---|\n\
                        | `http.listen` | `x:1` | Where. |\n| `http.key` | required | Required. A key, or two. |\n";
        assert_eq!(tables(defaults).unwrap(), expected);
    }

    #[test]
    fn a_setting_without_a_comment_is_an_error() {
        assert_eq!(tables("[http]\nlisten = 1\n").unwrap_err(), "http.listen has no comment");
    }
}
