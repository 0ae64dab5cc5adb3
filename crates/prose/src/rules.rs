//! The rules, and the findings that break them.

use crate::paragraphs::{Block, Paragraph, Word, last_character, paragraphs, sentences};
use crate::{Kind, Passage};

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Number of the line, counted from 1.
    pub line: usize,
    /// Description of the problem, with advice.
    pub message: String,
}

/// Checks a passage against all rules.
pub fn check(passage: &Passage) -> Vec<Finding> {
    let paragraphs = paragraphs(passage);
    let mut findings = Vec::new();
    for paragraph in &paragraphs {
        findings.extend(headless_clauses(paragraph));
    }
    if passage.kind == Kind::DocComment {
        findings.extend(lowercase_start(&paragraphs));
        findings.extend(paragraphs.iter().filter_map(missing_full_stop));
    }
    findings
}

/// Finds sentences that begin with a clause instead of a subject, such as «Who is late is refused.». Questions are allowed.
fn headless_clauses(paragraph: &Paragraph) -> Vec<Finding> {
    if paragraph.block == Block::Other {
        return Vec::new();
    }
    sentences(&paragraph.words).filter_map(headless_clause).collect()
}

fn headless_clause(sentence: &[Word]) -> Option<Finding> {
    let [first, second, ..] = sentence else { return None };
    let is_question = sentence.last().and_then(|word| last_character(&word.text)) == Some('?');
    let advice = match (first.text.as_str(), second.text.as_str()) {
        ("Who" | "Whoever" | "Whom" | "Whose", _) if !is_question => "name the subject instead, such as `A client that …`",
        ("What", _) if !is_question => "name the subject or begin with a noun phrase instead",
        ("So", "long") => "write `As long as`, `While` or `How long` instead",
        _ => return None,
    };
    Some(Finding { line: first.line, message: format!("a sentence begins with `{} {}`: {advice}", first.text, second.text) })
}

/// Finds a doc comment that begins with a lowercase letter.
fn lowercase_start(paragraphs: &[Paragraph]) -> Option<Finding> {
    let first = paragraphs.first().filter(|first| first.block == Block::Text)?.words.first()?;
    let is_lowercase = first.text.chars().next().is_some_and(char::is_lowercase);
    is_lowercase.then(|| Finding { line: first.line, message: "a doc comment must begin with a capital letter or with `code`".to_owned() })
}

/// Finds a paragraph of a doc comment that does not end like a sentence.
fn missing_full_stop(paragraph: &Paragraph) -> Option<Finding> {
    let last = paragraph.words.last().filter(|_| paragraph.block == Block::Text)?;
    let is_ended = last_character(&last.text).is_none_or(|last| ".:!?".contains(last));
    (!is_ended)
        .then(|| Finding { line: last.line, message: "a paragraph of a doc comment must end with a full stop or a colon".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: Kind, text: &str) -> Vec<(usize, String)> {
        let passage = Passage { kind, first_line: 10, lines: text.lines().map(str::to_owned).collect() };
        check(&passage).into_iter().map(|finding| (finding.line, finding.message)).collect()
    }

    fn starts(kind: Kind, text: &str) -> Vec<usize> {
        found(kind, text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn headless_clauses_are_found_in_running_text_and_lists() {
        assert_eq!(starts(Kind::Comment, "It is late.\nWho comes late waits.\nSo long somebody waits, it holds."), [11, 12]);
        assert_eq!(starts(Kind::Document, "- What is left out stays."), [10]);
        assert_eq!(starts(Kind::Document, "# What it does\n\n| What it is |\n\n```\nWho am I\n```\n"), Vec::<usize>::new());
    }

    #[test]
    fn questions_and_clauses_inside_a_sentence_are_allowed() {
        assert_eq!(found(Kind::Comment, "Who can see it? What about \"this\"? It says who waits."), []);
        assert_eq!(found(Kind::Comment, "`Who ` begins a clause."), []);
    }

    #[test]
    fn doc_comments_begin_with_a_capital_letter_and_end_with_a_full_stop() {
        assert_eq!(starts(Kind::DocComment, "returns it"), [10, 10]);
        for good in ["Returns it.", "`id` of the event.", "Steps:\n- one\n- two", "Runs:\n\n```sh\nmake\n```", "2xx (or 3xx.)"] {
            assert_eq!(found(Kind::DocComment, good), [], "{good}");
        }
        assert_eq!(starts(Kind::DocComment, "Returns it.\n\nSee also that"), [12]);
        assert_eq!(found(Kind::Comment, "a fragment"), []);
    }
}
