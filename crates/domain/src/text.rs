//! Text types that are validated once, when input enters a service.
//!
//! Every text is trimmed, composed (NFC) and measured in characters, not bytes. It contains a visible character, unless it may be
//! empty, and neither control characters nor noncharacter code points, so that it cannot corrupt database rows, log lines or
//! terminal output.
//!
//! Names and titles compare as the Nickname profile of RFC 8266 defines: each run of white space inside is one space. Usernames
//! follow UsernameCaseMapped of RFC 8265. Both types additionally allow emoji, which is why no library for these profiles is
//! used. The module `visible` classifies characters, and `email` handles addresses.

mod common_passwords;
mod email;
mod visible;

use std::fmt;
use std::str::FromStr;

use icu_casemap::CaseMapper;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use email::{Email, EmailDomains, EmailLookupKeys, LoginEmail};

/// The reason why a text, number or time was rejected. It is a predicate that follows the name of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(String);

impl InvalidValue {
    /// Creates the error from a reason that is shown to the user.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Checks the rules that apply to every text, then composes and trims it.
fn check_text(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<String, InvalidValue> {
    if text.chars().any(|c| visible::is_control(c) && !allowed(c)) {
        return Err(InvalidValue::new("must not contain control characters"));
    }
    if text.chars().any(visible::is_noncharacter) {
        return Err(InvalidValue::new("must not contain code points that are not characters"));
    }
    let text: String = text.nfc().collect();
    let text = text.trim_matches(visible::is_blank);
    if text.chars().count() > max {
        return Err(InvalidValue::new(format!("must be at most {max} characters")));
    }
    Ok(text.to_owned())
}

/// Checks a text that may be empty but must not consist of invisible characters only.
fn empty_or_visible(text: String) -> Result<String, InvalidValue> {
    if text.is_empty() || text.chars().any(visible::is_visible) {
        Ok(text)
    } else {
        Err(InvalidValue::new("must contain a visible character"))
    }
}

/// Normalizes a displayed name: a single line of at most 200 characters in which each run of white space is one space.
fn parse_display_name(text: &str) -> Result<String, InvalidValue> {
    parse_short_name(text, 200)
}

fn parse_short_name(text: &str, max: usize) -> Result<String, InvalidValue> {
    let text = not_blank(check_text(text, usize::MAX, |_| false)?)?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > max {
        return Err(InvalidValue::new(format!("must be at most {max} characters")));
    }
    if !visible::has_only_sequences(&text) {
        return Err(InvalidValue::new("must not contain invisible characters"));
    }
    Ok(text)
}

fn not_blank(text: String) -> Result<String, InvalidValue> {
    if text.is_empty() { Err(InvalidValue::new("must not be empty")) } else { empty_or_visible(text) }
}

fn parse_username(text: &str) -> Result<String, InvalidValue> {
    let text = not_blank(check_text(text, 64, |_| false)?)?;
    if text.chars().any(|c| visible::is_ignorable(c) || visible::is_private(c)) {
        return Err(InvalidValue::new("must not contain invisible characters"));
    }
    if text.chars().next().is_some_and(visible::is_mark) {
        return Err(InvalidValue::new("must not begin with a combining character"));
    }
    if username_key(&text).contains(visible::is_blank) || text.contains(visible::is_blank) {
        return Err(InvalidValue::new("must not contain white space"));
    }
    Ok(text)
}

/// Returns the comparison key, which is equal for all spellings of one username. Compatibility characters (such as full-width
/// forms and ligatures), case and invisible characters make no difference, as in NFKC_Casefold.
fn username_key(text: &str) -> String {
    let fold = |text: &str| -> String {
        let text: String = text.nfkc().collect();
        CaseMapper::new().fold_string(&text).nfkc().filter(|c| !visible::is_ignorable(*c)).collect()
    };
    // The key must be idempotent. One pass achieves this for all but a few texts.
    let mut key = fold(text);
    for _ in 0..4 {
        key = fold(&key);
    }
    key
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the validated text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the validated text as an owned string.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                let parse: fn(&str) -> Result<String, InvalidValue> = $parse;
                parse(text).map(Self)
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
    /// The name of a person, 1 to 200 characters. Joiners and variation selectors are allowed only in sequences that they shape.
    PersonName, parse_display_name
}
text! {
    /// The name of an event, ticket type or venue, or a reason: 1 to 200 characters, with the rules of [`PersonName`].
    Title, parse_display_name
}
text! {
    /// The name of a door of a venue, 1 to 100 characters, with the rules of [`PersonName`].
    DoorName, |text| parse_short_name(text, 100)
}
text! {
    /// The description of an event: up to 10,000 characters, including line breaks. Invisible characters may stand between
    /// visible ones, because text pasted from word processors contains them.
    Description, |text| check_text(text, 10_000, |c| matches!(c, '\n' | '\r' | '\t')).and_then(empty_or_visible)
}
text! {
    /// The username of an account, 1 to 64 characters without white space or invisible characters.
    Username, parse_username
}
text! {
    /// A search query for events or accounts, up to 200 characters.
    SearchTerm, |text| check_text(text, 200, |_| false).and_then(empty_or_visible)
}
text! {
    /// An idempotency key, 1 to 200 visible ASCII characters.
    IdempotencyKey, |text| {
        if text.is_empty() {
            return Err(InvalidValue::new("must not be empty"));
        }
        if text.len() > 200 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidValue::new("must be 1 to 200 visible ASCII characters"));
        }
        Ok(text.to_owned())
    }
}

/// The position in a text where a search word must match, chosen so that a trigram index can be used if possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchPosition {
    /// Anywhere, including within a word: the search word is long enough to contain a trigram.
    Anywhere,
    /// At the beginning of a word. Together with the space before it, even a word of one or two letters has trigrams.
    WordStart,
    /// Anywhere, but without the index. This applies to one or two characters that are not letters or digits, or that belong to a
    /// script without spaces between words.
    AnywhereUnindexed,
}

/// A word of a [`SearchTerm`]. It contains no white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchWord<'a>(&'a str);

impl<'a> SearchWord<'a> {
    /// Returns the word as the user typed it.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns where the word must match.
    pub fn match_position(self) -> MatchPosition {
        let long = self.0.nfkd().filter(|c| !is_combining_mark(*c)).nth(2).is_some();
        // Chinese, Japanese and Korean texts have no spaces between words.
        let spaced = self.0.chars().any(char::is_alphanumeric) && self.0.chars().all(|c| c < '\u{2e80}');
        match (long, spaced) {
            (true, _) => MatchPosition::Anywhere,
            (false, true) => MatchPosition::WordStart,
            (false, false) => MatchPosition::AnywhereUnindexed,
        }
    }
}

impl SearchTerm {
    /// Returns the distinct words, in their order.
    pub fn words(&self) -> Vec<SearchWord<'_>> {
        let mut seen = std::collections::HashSet::new();
        self.0.split_whitespace().filter(|word| seen.insert(*word)).map(SearchWord).collect()
    }
}

impl Username {
    /// Returns the comparison key, which is equal for all spellings of one username.
    pub fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// Returns the comparison key of a stored username, which may violate the current rules.
    pub fn key_of(text: &str) -> String {
        username_key(text)
    }
}

/// A new password that has not been hashed yet. Its `Debug` output does not contain it.
#[derive(Debug, Clone)]
pub struct Password(secrecy::SecretString);

impl Password {
    /// The minimum length of a new password in characters.
    pub const MIN_CHARS: usize = 8;
    /// The maximum length in bytes. bcrypt reads no further, so it would silently truncate a longer password.
    pub const MAX_BYTES: usize = 72;

    /// Returns the normalized form, in which two ways to type one password are equal. As RFC 8265 requires for an OpaqueString,
    /// it is composed (NFC) and contains each kind of space as an ASCII space, because keyboards and operating systems differ in
    /// both.
    pub fn normalized(text: &str) -> String {
        text.chars().map(|c| if is_space_separator(c) { ' ' } else { c }).nfc().collect()
    }

    /// Returns the normalized password. Only the hash function may use it.
    pub fn expose(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }
}

impl FromStr for Password {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.chars().any(char::is_control) {
            return Err(InvalidValue::new("must not contain control characters"));
        }
        if text.chars().any(visible::is_noncharacter) {
            return Err(InvalidValue::new("must not contain code points that are not characters"));
        }
        let text = Self::normalized(text);
        if !text.is_empty() && text.chars().all(|c| !visible::is_visible(c)) {
            return Err(InvalidValue::new("must contain a visible character"));
        }
        if text.chars().count() < Self::MIN_CHARS {
            return Err(InvalidValue::new(format!("must be at least {} characters", Self::MIN_CHARS)));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidValue::new(format!("must be at most {} bytes", Self::MAX_BYTES)));
        }
        if common_passwords::is_common(&text) {
            return Err(InvalidValue::new("must not be one of the most common passwords, which attackers try first"));
        }
        Ok(Self(text.into()))
    }
}

/// Returns whether a character is in the Unicode category Zs, except the ASCII space.
const fn is_space_separator(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

#[cfg(test)]
mod tests;
