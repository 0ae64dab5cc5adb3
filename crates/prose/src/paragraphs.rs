//! Division of a passage into paragraphs and sentences, as far as Markdown matters for that.

use crate::Passage;

/// A block of a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paragraph {
    pub(crate) block: Block,
    pub(crate) words: Vec<Word>,
}

/// Kind of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// Running text.
    Text,
    /// An item of a list.
    ListItem,
    /// A heading, a row of a table, code, an HTML comment, or the target of a link. None of them is made of sentences.
    Other,
}

/// A word with its punctuation. Inline code is a single word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Returns the paragraphs of a passage.
pub(crate) fn paragraphs(passage: &Passage) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    let (mut in_code, mut is_open, mut in_inline_code) = (false, false, false);
    for (line, text) in (passage.first_line..).zip(&passage.lines) {
        let trimmed = text.trim();
        let is_fence = trimmed.starts_with("```") || trimmed.starts_with("~~~");
        in_code ^= is_fence;
        if trimmed.is_empty() {
            is_open = false;
            continue;
        }
        let item = without_list_marker(trimmed);
        let is_indented_code = !is_open && text.starts_with("    ") && item.is_none() && !in_list(&paragraphs);
        let is_other = in_code || is_fence || is_indented_code || is_not_made_of_sentences(trimmed);
        let block = match item {
            _ if is_other => Block::Other,
            Some(_) => Block::ListItem,
            None => Block::Text,
        };
        if is_other || item.is_some() || !is_open {
            paragraphs.push(Paragraph { block, words: Vec::new() });
            in_inline_code = false;
        }
        is_open = !is_other;
        if let Some(paragraph) = paragraphs.last_mut() {
            let text = mask_code(item.unwrap_or(trimmed), &mut in_inline_code);
            paragraph.words.extend(text.split_whitespace().map(|text| Word { line, text: text.to_owned() }));
        }
    }
    paragraphs
}

fn in_list(paragraphs: &[Paragraph]) -> bool {
    paragraphs.last().is_some_and(|last| last.block == Block::ListItem)
}

fn is_not_made_of_sentences(line: &str) -> bool {
    let is_link_target = line.starts_with('[') && line.contains("]: ");
    line.starts_with(['#', '|', '<']) || is_link_target
}

/// Returns the text of a list item, or `None` if the line does not begin one.
fn without_list_marker(line: &str) -> Option<&str> {
    let numbered = || line.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". ").filter(|rest| rest.len() + 2 < line.len());
    line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or_else(numbered)
}

/// Replaces the inline code of a line by a word without spaces. `in_code` says whether code continues from the previous line, and
/// then whether it continues on the next one.
fn mask_code(line: &str, in_code: &mut bool) -> String {
    let mut text = String::new();
    for (index, part) in line.split('`').enumerate() {
        if index > 0 {
            *in_code = !*in_code;
        }
        text.push_str(if *in_code { "`code`" } else { part });
    }
    text
}

/// Divides the words of a paragraph into sentences.
pub(crate) fn sentences(words: &[Word]) -> impl Iterator<Item = &[Word]> {
    words.split_inclusive(|word| last_character(&word.text).is_some_and(|last| ".!?".contains(last)))
}

/// Returns the last character of a word, apart from closing quotes, brackets and emphasis.
pub(crate) fn last_character(word: &str) -> Option<char> {
    word.trim_end_matches(['"', '\'', '”', '»', ')', ']', '*', '_']).chars().last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn of(text: &str) -> Vec<(Block, String)> {
        let passage = Passage { kind: Kind::Document, first_line: 1, lines: text.lines().map(str::to_owned).collect() };
        let text = |paragraph: &Paragraph| paragraph.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        paragraphs(&passage).iter().map(|paragraph| (paragraph.block, text(paragraph))).collect()
    }

    #[test]
    fn blocks_are_told_apart() {
        let text = "# Title\n\nTwo\nlines.\n\n- One `a b`,\n  goes on\n- two\n\n```\ncode\n```\n| a | b |\n";
        let found = of(text);
        let blocks: Vec<_> = found.iter().filter(|(block, _)| *block != Block::Other).cloned().collect();
        assert_eq!(
            blocks,
            [
                (Block::Text, "Two lines.".to_owned()),
                (Block::ListItem, "One `code`, goes on".to_owned()),
                (Block::ListItem, "two".to_owned())
            ]
        );
    }

    #[test]
    fn inline_code_may_span_lines() {
        assert_eq!(of("Sets `a(\nb)`.\nWho `x`?"), [(Block::Text, "Sets `code` `code`. Who `code`?".to_owned())]);
    }

    #[test]
    fn sentences_end_at_punctuation_even_before_a_bracket() {
        let words: Vec<_> = "One. (Two!) Three".split(' ').map(|text| Word { line: 1, text: text.to_owned() }).collect();
        assert_eq!(sentences(&words).count(), 3);
    }
}
