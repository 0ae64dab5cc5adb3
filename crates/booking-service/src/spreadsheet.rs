//! Escapes text so that no cell of a CSV export can begin like a formula (OWASP, "CSV Injection").
//!
//! Spreadsheets do not always split lines at commas: Excel uses the list separator of its locale, LibreOffice and Numbers guess
//! one. With another separator, the quotes around a field lose their meaning and a cell can begin in the middle of it. This
//! module therefore considers every place in a text where a cell could begin: at its start and after each comma, semicolon,
//! colon, tab, vertical bar, quote and line break. It inserts an apostrophe before a formula sign in such a place.

/// Marks a file as UTF-8. Without it, Excel decodes the text in the code page of its locale.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Returns whether a spreadsheet may end a cell at this character and begin another.
const fn is_separator(character: char) -> bool {
    matches!(character, ',' | ';' | ':' | '|' | '"' | '\t' | '\n' | '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Returns whether a formula can begin with this character: `=`, `+`, `-` and `@`, their full-width and small forms, and the
/// minus sign.
const fn is_formula_sign(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\u{fe66}' | '\u{fe62}' | '\u{fe63}' | '\u{fe6b}' | '\u{2212}')
}

/// Returns whether a spreadsheet may drop this character from the beginning of a cell: white space, control and invisible
/// characters.
fn is_skipped(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Inserts an apostrophe before each part of a text that would be a formula if it were a cell. Any other text is unchanged.
///
/// A space is a separator only where a formula sign and another visible character follow it: `Ada - Lovelace` is unchanged,
/// `Ada =1` becomes `Ada '=1`.
pub(crate) fn neutralised(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    // Where the current cell begins in `safe`, as long as nothing visible of it has come; and the same for a cell that would
    // begin after a space.
    let (mut cell, mut word) = (Some(0), None);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if is_formula_sign(character) {
            let lone = rest.peek().is_none_or(|&next| is_skipped(next));
            if let Some(place) = cell.or_else(|| word.filter(|_| !lone)) {
                safe.insert(place, '\'');
            }
        }
        safe.push(character);
        if is_separator(character) {
            (cell, word) = (Some(safe.len()), None);
        } else if is_skipped(character) {
            word = Some(safe.len());
        } else {
            (cell, word) = (None, None);
        }
    }
    safe
}

/// Escapes an e-mail address. An address that consists of letters, digits and `. _ + -` around one `@` and does not begin with
/// `@` is unchanged: it cannot be a formula, because it contains no separator and can name no function, program or other file.
/// So `+tag@example.org` stays; `=1+1@example.org` and `"a;=1"@example.org` do not.
pub(crate) fn neutralised_email(address: &str) -> String {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|character| character.is_alphanumeric() || matches!(character, '.' | '_' | '+' | '-'))
    };
    match address.split_once('@') {
        Some((local, domain)) if plain(local) && plain(domain) => address.to_owned(),
        _ => neutralised(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_gets_an_apostrophe() {
        for formula in ["=HYPERLINK(\"x\")", "+1", "-1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠SUM(A1)", "﹦1", "−1", "=", "- x"] {
            assert_eq!(neutralised(formula), format!("'{formula}"));
        }
        for skipped in [" ", "\t", "\r", "\n", "\u{a0}", "\u{3000}", "\u{feff}", "\u{200b}", "\0", " \t\u{200d} "] {
            let safe = neutralised(&format!("{skipped}=1"));
            assert!(safe.contains('\'') && !safe.contains("\n=") && !safe.contains("\t=") && !safe.contains("\r="), "{safe:?}");
        }
        assert_eq!(neutralised("  =1"), "'  =1");
        assert_eq!(neutralised("\u{200b}＝1"), "'\u{200b}＝1");
    }

    #[test]
    fn a_formula_after_any_separator_gets_an_apostrophe() {
        for separator in [",", ";", ":", "|", "\"", "\t", "\n", "\r\n", "\u{2028}", "\",\"", "\";\""] {
            assert_eq!(neutralised(&format!("Ada{separator}=1")), format!("Ada{separator}'=1"), "{separator:?}");
            assert_eq!(neutralised(&format!("Ada{separator} ＠x")), format!("Ada{separator}' ＠x"), "{separator:?}");
            assert_eq!(neutralised(&format!("Ada{separator}1=1")), format!("Ada{separator}1=1"), "{separator:?}");
        }
        assert_eq!(neutralised("=1;=2;3=4"), "'=1;'=2;3=4");
        assert_eq!(neutralised("Ada =1"), "Ada '=1");
        assert_eq!(neutralised("Ada  -cmd"), "Ada  '-cmd");
    }

    #[test]
    fn harmless_text_is_unchanged() {
        for text in ["", "Ada", "Jean-Paul", "Ada - Lovelace", "Stalls + drink", "a, \"b\"", "Zoë 🎟️", "'=1", "1=1", "O'Neill", "Ada -"]
        {
            assert_eq!(neutralised(text), text);
        }
    }

    #[test]
    fn an_email_address_is_unchanged_unless_a_formula_could_come_of_it() {
        for address in ["ada@example.org", "+tag@example.org", "-x@example.org", "ada+tag@example.org", "_a.b-c@münchen.example"] {
            assert_eq!(neutralised_email(address), address);
        }
        for (address, safe) in [
            ("=1+1@example.org", "'=1+1@example.org"),
            ("+cmd|'/C'!A0@example.org", "'+cmd|'/C'!A0@example.org"),
            ("-2+3{a}@example.org", "'-2+3{a}@example.org"),
            ("\"a;=1\"@example.org", "\"a;'=1\"'@example.org"),
            ("＝1@example.org", "'＝1@example.org"),
            ("@example.org", "'@example.org"),
            ("+a@b@example.org", "'+a@b@example.org"),
            ("", ""),
        ] {
            assert_eq!(neutralised_email(address), safe);
        }
    }

    /// Splits texts like a spreadsheet that uses the given separator and ignores quotes, which is the worst case.
    #[test]
    fn whatever_the_separator_no_cell_begins_like_a_formula() {
        let parts = ["a", " ", "\"", ";", ",", "\t", "|", ":", "\n", "\r", "=", "+", "-", "@", "＝", "＠", "\u{feff}"];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            texts = texts.iter().flat_map(|text| parts.iter().map(move |part| format!("{text}{part}"))).collect();
        }
        for text in texts {
            let safe = neutralised(&text);
            for separator in [';', ',', '\t', '|', ':', '\n', '\r'] {
                for cell in safe.split([separator, '\n', '\r']) {
                    let first = cell.chars().find(|&character| !is_skipped(character) && character != '"');
                    assert!(!first.is_some_and(is_formula_sign), "{text:?} became {safe:?}, with the cell {cell:?}");
                }
            }
        }
    }
}
