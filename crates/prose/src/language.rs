//! Detection of a file's language, and its passages of prose.

use std::path::Path;

use crate::{Kind, Passage, rust};

/// Languages whose comments are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, with doc comments.
    Rust,
    /// Markdown: the whole file is prose.
    Markdown,
    /// A language in which a marker begins a comment that extends to the end of the line.
    LineComments(&'static str),
}

impl Language {
    /// Returns the language of a file by its name, or `None` if its comments are not checked.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        match name.rsplit_once('.').map_or(name, |(_, extension)| extension) {
            "rs" => Some(Self::Rust),
            "md" => Some(Self::Markdown),
            "sql" => Some(Self::LineComments("--")),
            "sh" | "toml" | "yaml" | "yml" | "py" | "conf" | "template" | "Makefile" | "Dockerfile" => Some(Self::LineComments("#")),
            _ => None,
        }
    }
}

/// Returns the passages of a file in order.
pub fn passages(language: Language, source: &str) -> Vec<Passage> {
    match language {
        Language::Rust => rust::passages(source),
        Language::Markdown => {
            vec![Passage { kind: Kind::Document, first_line: 1, lines: source.lines().map(str::to_owned).collect() }]
        }
        Language::LineComments(marker) => {
            let mut passages = Vec::new();
            // Comments that follow code on their line are omitted, because a marker inside a string looks the same.
            for (index, line) in source.lines().enumerate() {
                let text = line.trim_start().strip_prefix(marker).filter(|text| !text.starts_with('!'));
                if let Some(text) = text {
                    append(&mut passages, Kind::Comment, index + 1, text.trim_start_matches(marker));
                }
            }
            passages
        }
    }
}

/// Adds a line to the last passage if it continues it, and otherwise begins another passage.
pub(crate) fn append(passages: &mut Vec<Passage>, kind: Kind, line: usize, text: &str) {
    let text = text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned();
    match passages.last_mut() {
        Some(last) if last.kind == kind && last.first_line + last.lines.len() == line => last.lines.push(text),
        _ => passages.push(Passage { kind, first_line: line, lines: vec![text] }),
    }
}

/// Returns the prose of a file, with a blank line in place of every line of code.
pub fn text_only(language: Language, source: &str) -> String {
    let mut text = String::new();
    let mut line = 1;
    for passage in passages(language, source) {
        while line < passage.first_line {
            text.push('\n');
            line += 1;
        }
        for prose in passage.lines {
            text.push_str(&prose);
            text.push('\n');
            line += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_comments_are_grouped_and_code_is_ignored() {
        let source = "#!/bin/sh\n# First line,\n# second line.\nrun '# not a comment' # ignored\n\n  # Indented.\n";
        let comment = |first_line, lines: &[&str]| Passage {
            kind: Kind::Comment,
            first_line,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        assert_eq!(
            passages(Language::LineComments("#"), source),
            [comment(2, &["First line,", "second line."]), comment(6, &["Indented."])]
        );
    }

    #[test]
    fn extracted_text_keeps_its_line_numbers() {
        let source = "fn main() {}\n\n/// Runs.\nfn run() {\n    // Why.\n}\n";
        assert_eq!(text_only(Language::Rust, source), "\n\nRuns.\n\nWhy.\n");
    }

    #[test]
    fn the_language_follows_from_the_file_name() {
        assert_eq!(Language::of(Path::new("crates/x/src/lib.rs")), Some(Language::Rust));
        assert_eq!(Language::of(Path::new("migrations/up.sql")), Some(Language::LineComments("--")));
        assert_eq!(Language::of(Path::new("Makefile")), Some(Language::LineComments("#")));
        assert_eq!(Language::of(Path::new("Cargo.lock")), None);
    }
}
