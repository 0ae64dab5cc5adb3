//! Comments of Rust source code, found with the lexer of the compiler.

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

use crate::language::append;
use crate::{Kind, Passage};

/// Returns the comments and doc comments of a source file.
pub(crate) fn passages(source: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let (mut rest, mut line, mut line_has_code, mut trailing) = (source, 1, false, None);
    for token in tokenize(source, FrontmatterAllowed::No) {
        let length = usize::try_from(token.len).unwrap_or_default();
        let Some((text, after)) = rest.split_at_checked(length) else { break };
        match token.kind {
            TokenKind::LineComment { doc_style } | TokenKind::BlockComment { doc_style, .. } => {
                let kind = if doc_style.is_some() { Kind::DocComment } else { Kind::Comment };
                // A comment that follows code on its line is not part of the comment on the next line.
                if line_has_code || trailing == Some(line - 1) {
                    passages.push(Passage { kind, first_line: line, lines: Vec::new() });
                }
                trailing = line_has_code.then_some(line);
                for (index, text) in text.lines().enumerate() {
                    append(&mut passages, kind, line + index, without_marker(text));
                }
            }
            TokenKind::Whitespace => line_has_code &= !text.contains('\n'),
            _ => line_has_code = true,
        }
        line += text.matches('\n').count();
        rest = after;
    }
    passages
}

/// Removes the comment markers from a line of a comment.
fn without_marker(line: &str) -> &str {
    let line = line.trim_start();
    let text = line.strip_prefix("//").map(|text| text.trim_start_matches(['/', '!']));
    text.unwrap_or_else(|| line.trim_start_matches(['/', '*', '!']).trim_end_matches('/').trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Vec<(Kind, usize, String)> {
        passages(source).into_iter().map(|passage| (passage.kind, passage.first_line, passage.lines.join("|"))).collect()
    }

    #[test]
    fn comments_and_doc_comments_are_found() {
        let source = "//! Module.\n\n/// Item,\n/// described.\nfn f() {} // trailing\n// Two\n// lines.\n/* block\n * text */\n";
        assert_eq!(
            of(source),
            [
                (Kind::DocComment, 1, "Module.".to_owned()),
                (Kind::DocComment, 3, "Item,|described.".to_owned()),
                (Kind::Comment, 5, "trailing".to_owned()),
                (Kind::Comment, 6, "Two|lines.|block|text".to_owned()),
            ]
        );
    }

    #[test]
    fn strings_are_not_comments() {
        assert_eq!(of("let url = \"http://x\"; let raw = r#\"// \"no\" \"#;"), []);
    }
}
