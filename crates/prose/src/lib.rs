//! Style checks for comments and documents, and extraction of their text.
//!
//! [`passages`] finds the prose of a file, [`check`] reports sentences that break the project's style, and [`text_only`] keeps
//! the prose and blanks everything else, so that a spell checker for plain text reports the right line numbers.

mod language;
mod paragraphs;
mod rules;
mod rust;

pub use language::{Language, passages, text_only};
pub use rules::{Finding, check};

/// Prose on consecutive lines: a comment, a doc comment, or a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Kind of the text.
    pub kind: Kind,
    /// Number of the first line, counted from 1.
    pub first_line: usize,
    /// The lines without comment markers.
    pub lines: Vec<String>,
}

/// Kind of a passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A comment.
    Comment,
    /// A doc comment of Rust.
    DocComment,
    /// A Markdown document.
    Document,
}
