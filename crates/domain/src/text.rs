//! Texts that people type: checked once at the edge, never again.
//!
//! Every kind trims, counts characters (not bytes), and refuses null bytes and other control characters,
//! so that no text inside can surprise the database, a log line or a terminal.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Why a text, number or time was refused; reads as the end of «field x …».
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    /// A refusal with its reason, in the words a user reads.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Checks what every one-line text must satisfy, and trims it.
fn one_line(text: &str, max: usize) -> Result<&str, Invalid> {
    checked(text, max, |_| false)
}

fn checked(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<&str, Invalid> {
    if text.chars().any(|c| is_forbidden(c) && !allowed(c)) {
        return Err(Invalid::new("must not contain control characters"));
    }
    let text = text.trim();
    if text.chars().count() > max {
        return Err(Invalid::new(format!("must be at most {max} characters")));
    }
    Ok(text)
}

/// Control characters, and the invisible ones that reorder the text around them.
fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn not_blank(text: &str) -> Result<&str, Invalid> {
    if text.is_empty() { Err(Invalid::new("must not be empty")) } else { Ok(text) }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes the text back out.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let parse: fn(&str) -> Result<&str, Invalid> = $parse;
                parse(text).map(|text| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// What a person is called. 1 to 200 characters.
    PersonName, |text| one_line(text, 200).and_then(not_blank)
}
text! {
    /// The name of an event, of a ticket type or of a venue. 1 to 200 characters.
    Title, |text| one_line(text, 200).and_then(not_blank)
}
text! {
    /// What an event is about. Up to 10,000 characters, lines allowed.
    Description, |text| checked(text, 10_000, |c| matches!(c, '\n' | '\r' | '\t'))
}
text! {
    /// The handle of an account. 1 to 64 characters without white space.
    Username, |text| {
        let text = one_line(text, 64).and_then(not_blank)?;
        if text.contains(char::is_whitespace) { Err(Invalid::new("must not contain white space")) } else { Ok(text) }
    }
}
text! {
    /// What people type to find an event or an account. Up to 200 characters.
    SearchTerm, |text| one_line(text, 200)
}
text! {
    /// The key that makes a request repeatable. 1 to 200 visible ASCII characters.
    IdempotencyKey, |text| {
        let text = not_blank(text)?;
        if text.len() > 200 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::new("must be 1 to 200 visible ASCII characters"));
        }
        Ok(text)
    }
}
text! {
    /// An e-mail address as its owner writes it. At most 254 bytes (RFC 5321, section 4.5.3.1.3).
    Email, |text| {
        let text = one_line(text, 254)?;
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        if text.len() > 254 || email_address::EmailAddress::parse_with_options(text, options).is_err() {
            return Err(Invalid::new("must be an e-mail address"));
        }
        Ok(text)
    }
}

/// A word of a [`SearchTerm`]. There is no white space in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchWord<'a>(&'a str);

impl<'a> SearchWord<'a> {
    /// The word as it was typed.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether the word is long enough for an index of trigrams. Accents do not count.
    pub fn has_trigrams(self) -> bool {
        self.0.nfkd().filter(|c| !is_combining_mark(*c)).nth(2).is_some()
    }
}

impl SearchTerm {
    /// The words, each once.
    pub fn words(&self) -> Vec<SearchWord<'_>> {
        let mut seen = std::collections::HashSet::new();
        self.0.split_whitespace().filter(|word| seen.insert(*word)).map(SearchWord).collect()
    }
}

impl Email {
    /// The form in which two spellings of one address are equal.
    pub fn normalized(&self) -> String {
        self.0.to_lowercase()
    }
}

impl Username {
    /// The form in which two spellings of one username are equal.
    pub fn normalized(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A password that was chosen, not yet hashed. Never printed.
#[derive(Debug, Clone)]
pub struct Password(secrecy::SecretString);

impl Password {
    /// The fewest characters a new password may have.
    pub const MIN_CHARS: usize = 8;
    /// bcrypt reads no further than this; a longer password would be cut silently.
    pub const MAX_BYTES: usize = 72;

    /// Returns the form in which two ways to type one password are equal, as RFC 8265 asks of an OpaqueString: composed (NFC),
    /// and with every kind of space as an ASCII space. Keyboards and operating systems differ in both.
    pub fn normalized(text: &str) -> String {
        text.chars().map(|c| if is_space_separator(c) { ' ' } else { c }).nfc().collect()
    }

    /// The password in its normalized form, for the hash alone.
    pub fn expose(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }
}

impl FromStr for Password {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.chars().any(char::is_control) {
            return Err(Invalid::new("must not contain control characters"));
        }
        let text = Self::normalized(text);
        if text.chars().count() < Self::MIN_CHARS {
            return Err(Invalid::new(format!("must be at least {} characters", Self::MIN_CHARS)));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(Invalid::new(format!("must be at most {} bytes", Self::MAX_BYTES)));
        }
        Ok(Self(text.into()))
    }
}

/// Whether a character is of the Unicode category Zs, apart from the ASCII space.
const fn is_space_separator(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_counted_in_characters() {
        assert_eq!(" Ada ".parse::<PersonName>().unwrap().as_str(), "Ada");
        assert_eq!("🎟️🎉".parse::<PersonName>().unwrap().as_str(), "🎟️🎉");
        assert!("é".repeat(200).parse::<PersonName>().is_ok());
        assert!("é".repeat(201).parse::<PersonName>().is_err());
        assert!("a".repeat(10_000).parse::<PersonName>().is_err());
    }

    #[test]
    fn control_characters_are_refused_everywhere_but_lines_in_a_description() {
        for bad in ["a\0b", "a\nb", "a\u{7f}", "a\u{202e}b"] {
            assert!(bad.parse::<PersonName>().is_err(), "{bad:?}");
            assert!(bad.parse::<Title>().is_err(), "{bad:?}");
            assert!(bad.parse::<SearchTerm>().is_err(), "{bad:?}");
        }
        assert!("first\nsecond".parse::<Description>().is_ok());
        assert!("null\0".parse::<Description>().is_err());
    }

    #[test]
    fn a_search_has_words_however_they_are_spaced() {
        let words =
            |text: &str| text.parse::<SearchTerm>().unwrap().words().into_iter().map(|word| word.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(words("  Café\u{a0}Müller  Café\u{3000}50% "), ["Café", "Müller", "50%"]);
        assert_eq!(words(" \u{2003} "), Vec::<String>::new());
        let long = |text: &str| text.parse::<SearchTerm>().unwrap().words().iter().all(|word| word.has_trigrams());
        assert!(long("bar ﬃ") && !long("u2") && !long("u\u{308}2"));
    }

    #[test]
    fn an_email_is_compared_without_regard_to_case() {
        assert_eq!("Ada@Example.org".parse::<Email>().unwrap().normalized(), "ada@example.org");
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada lovelace@example.org",
            "Ada <ada@example.org>",
            &format!("{}@example.org", "a".repeat(300)),
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_longer_than_bcrypt_reads_is_refused_by_name() {
        let reason = "x".repeat(73).parse::<Password>().unwrap_err().to_string();
        assert_eq!(reason, "must be at most 72 bytes");
        assert!("é".repeat(37).parse::<Password>().is_err(), "74 bytes in 37 characters");
        assert!("x".repeat(72).parse::<Password>().is_ok());
        assert!("short".parse::<Password>().is_err());
    }

    #[test]
    fn a_password_is_the_same_however_it_is_typed() {
        let expose = |text: &str| text.parse::<Password>().unwrap().expose().to_owned();
        assert_eq!(expose("pa\u{308}sswo\u{308}rd-e\u{301}1"), "pässwörd-é1");
        assert_eq!(expose("pässwörd-é1"), "pässwörd-é1");
        assert_eq!(expose("two\u{a0}ideographic\u{3000}words"), "two ideographic words");
        assert_eq!(expose("ﬁne Ｐａｓｓｗｏｒｄ"), "ﬁne Ｐａｓｓｗｏｒｄ", "compatibility characters stay, as RFC 8265 says");
        assert!("e\u{301}".repeat(7).parse::<Password>().is_err(), "7 characters, typed as 14");
        assert!("e\u{301}".repeat(36).parse::<Password>().is_ok(), "72 bytes, typed as 108");
    }

    #[test]
    fn a_password_is_not_printed() {
        let password: Password = "correct horse".parse().unwrap();
        assert!(!format!("{password:?}").contains("horse"));
    }
}
