//! Texts that people type: checked once at the edge, never again.
//!
//! Every kind is trimmed, composed (NFC) and counted in characters (not bytes). It has at least one visible character, unless
//! it may be empty, and neither control characters nor code points that are not characters, so that no text inside can
//! surprise the database, a log line or a terminal.
//!
//! Names and titles follow the Nickname profile of RFC 8266 where it says how to compare what people see: white space inside
//! is one space. Usernames follow UsernameCaseMapped of RFC 8265. Both are wider than the RFCs in one respect, emoji, and
//! that is why no library for the profiles is used. See `visible` for the characters, and `email` for addresses.

mod email;
mod visible;

use std::fmt;
use std::str::FromStr;

use icu_casemap::CaseMapper;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use email::{Email, EmailDomains, EmailForms, LoginEmail};

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

/// Checks what every text must satisfy, composes and trims it.
fn checked(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<String, Invalid> {
    if text.chars().any(|c| visible::is_control(c) && !allowed(c)) {
        return Err(Invalid::new("must not contain control characters"));
    }
    if text.chars().any(visible::is_noncharacter) {
        return Err(Invalid::new("must not contain code points that are not characters"));
    }
    let text: String = text.nfc().collect();
    let text = text.trim_matches(visible::is_blank);
    if text.chars().count() > max {
        return Err(Invalid::new(format!("must be at most {max} characters")));
    }
    Ok(text.to_owned())
}

/// Text in which people look something up or explain something: nothing at all, or something that can be seen.
fn empty_or_visible(text: String) -> Result<String, Invalid> {
    if text.is_empty() || text.chars().any(visible::is_visible) { Ok(text) } else { Err(Invalid::new("must contain a visible character")) }
}

/// A name that people see: one line of at most 200 characters in which white space is one space each.
fn displayed(text: &str) -> Result<String, Invalid> {
    let text = not_blank(checked(text, usize::MAX, |_| false)?)?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > 200 {
        return Err(Invalid::new("must be at most 200 characters"));
    }
    if !visible::has_only_sequences(&text) {
        return Err(Invalid::new("must not contain invisible characters"));
    }
    Ok(text)
}

fn not_blank(text: String) -> Result<String, Invalid> {
    if text.is_empty() { Err(Invalid::new("must not be empty")) } else { empty_or_visible(text) }
}

fn username(text: &str) -> Result<String, Invalid> {
    let text = not_blank(checked(text, 64, |_| false)?)?;
    if text.chars().any(|c| visible::is_ignorable(c) || visible::is_private(c)) {
        return Err(Invalid::new("must not contain invisible characters"));
    }
    if text.chars().next().is_some_and(visible::is_mark) {
        return Err(Invalid::new("must not begin with a combining character"));
    }
    if username_key(&text).contains(visible::is_blank) || text.contains(visible::is_blank) {
        return Err(Invalid::new("must not contain white space"));
    }
    Ok(text)
}

/// The form in which two spellings of one username are equal: compatibility characters (full width, ligatures, …), case and
/// what cannot be seen make no difference, as in NFKC_Casefold.
fn username_key(text: &str) -> String {
    let fold = |text: &str| -> String {
        let text: String = text.nfkc().collect();
        CaseMapper::new().fold_string(&text).nfkc().filter(|c| !visible::is_ignorable(*c)).collect()
    };
    // Once is enough for all but a few texts, and the form must not change when it is taken again.
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
                let parse: fn(&str) -> Result<String, Invalid> = $parse;
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
    /// What a person is called. 1 to 200 characters. Joiners and variation selectors only within what they shape.
    PersonName, displayed
}
text! {
    /// The name of an event, of a ticket type or of a venue, or a reason. 1 to 200 characters, as a [`PersonName`].
    Title, displayed
}
text! {
    /// What an event is about. Up to 10,000 characters, lines allowed. Invisible characters may stand between visible ones, for
    /// word processors leave them in what is pasted.
    Description, |text| checked(text, 10_000, |c| matches!(c, '\n' | '\r' | '\t')).and_then(empty_or_visible)
}
text! {
    /// The handle of an account. 1 to 64 characters without white space or invisible characters.
    Username, username
}
text! {
    /// What people type to find an event or an account. Up to 200 characters.
    SearchTerm, |text| checked(text, 200, |_| false).and_then(empty_or_visible)
}
text! {
    /// The key that makes a request repeatable. 1 to 200 visible ASCII characters.
    IdempotencyKey, |text| {
        if text.is_empty() {
            return Err(Invalid::new("must not be empty"));
        }
        if text.len() > 200 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::new("must be 1 to 200 visible ASCII characters"));
        }
        Ok(text.to_owned())
    }
}

/// Where a word of a search has to stand to be found, so that an index of trigrams can find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchPlace {
    /// Anywhere, also within a word: it is long enough to have a trigram.
    Anywhere,
    /// At the beginning of a word. With the space before it, a word of one or two letters has trigrams, too.
    BeginningOfWord,
    /// Anywhere, without help of the index: one or two characters that are no letters or digits, or of a script that does not
    /// separate words.
    AnywhereUnindexed,
}

/// A word of a [`SearchTerm`]. There is no white space in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchWord<'a>(&'a str);

impl<'a> SearchWord<'a> {
    /// The word as it was typed.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns where the word has to stand to be found.
    pub fn place(self) -> SearchPlace {
        let long = self.0.nfkd().filter(|c| !is_combining_mark(*c)).nth(2).is_some();
        // Chinese, Japanese and Korean texts have no spaces between words.
        let spaced = self.0.chars().any(char::is_alphanumeric) && self.0.chars().all(|c| c < '\u{2e80}');
        match (long, spaced) {
            (true, _) => SearchPlace::Anywhere,
            (false, true) => SearchPlace::BeginningOfWord,
            (false, false) => SearchPlace::AnywhereUnindexed,
        }
    }
}

impl SearchTerm {
    /// The words, each once.
    pub fn words(&self) -> Vec<SearchWord<'_>> {
        let mut seen = std::collections::HashSet::new();
        self.0.split_whitespace().filter(|word| seen.insert(*word)).map(SearchWord).collect()
    }
}

impl Username {
    /// The form in which two spellings of one username are equal.
    pub fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// The same of a username that was stored before today's rules.
    pub fn key_of(text: &str) -> String {
        username_key(text)
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
        if text.chars().any(visible::is_noncharacter) {
            return Err(Invalid::new("must not contain code points that are not characters"));
        }
        let text = Self::normalized(text);
        if !text.is_empty() && text.chars().all(|c| !visible::is_visible(c)) {
            return Err(Invalid::new("must contain a visible character"));
        }
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
mod tests;
