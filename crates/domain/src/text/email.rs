//! E-mail addresses: the strict form for new accounts and guests, and the lenient form for logins.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use super::{InvalidValue, check_text, visible};

/// The maximum length of an address in bytes (RFC 5321, section 4.5.3.1.3).
const MAX_BYTES: usize = 254;

fn not_an_address() -> InvalidValue {
    InvalidValue::new("must be an e-mail address")
}

fn parses(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal();
    text.len() <= MAX_BYTES && EmailAddress::parse_with_options(text, options).is_ok()
}

/// Returns the domain in its ASCII form, as the DNS uses it (IDNA, UTS 46), or `None` if it is not a valid domain.
fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    ascii.ok().map(std::borrow::Cow::into_owned)
}

/// Returns the comparison key, which is equal for all spellings of one address: the local part is composed and in lower case, the
/// domain is in ASCII. Returns `None` if the text is not an address.
fn key(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let local: String = local.nfc().collect::<String>().to_lowercase().nfc().collect();
    Some(format!("{local}@{}", ascii_domain(domain)?))
}

/// A valid e-mail address as its owner writes it, composed (NFC). The domain may be in any script.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the address as an owned string.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Returns the forms by which accounts with this address are looked up.
    pub fn lookup_keys(&self) -> EmailLookupKeys {
        EmailLookupKeys::of(&self.0)
    }

    /// Returns whether the domain is a single label, which has a meaning in a local network at most.
    fn is_local(&self) -> bool {
        self.lookup_keys().key.rsplit_once('@').is_none_or(|(_, domain)| !domain.contains('.'))
    }
}

impl FromStr for Email {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let text = check_text(text, MAX_BYTES, |_| false)?;
        if text.chars().any(|c| visible::is_ignorable(c) || (visible::is_blank(c) && c != ' ')) {
            return Err(InvalidValue::new("must not contain invisible characters"));
        }
        let fits = |key: String| key.len() <= MAX_BYTES;
        if parses(&text) && key(&text).is_some_and(fits) { Ok(Self(text)) } else { Err(not_an_address()) }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The domains that addresses of new accounts may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailDomains {
    /// Only domains with a dot.
    Public,
    /// Domains with a dot and single labels such as `localhost`.
    PublicAndLocal,
}

impl EmailDomains {
    /// Returns the value for the setting `accounts.allow_local_email_domains`.
    pub const fn of_setting(allow_local: bool) -> Self {
        if allow_local { Self::PublicAndLocal } else { Self::Public }
    }

    /// Returns the address, or an error if its domain is not allowed.
    pub fn admit(self, email: Email) -> Result<Email, InvalidValue> {
        if self == Self::Public && email.is_local() {
            return Err(InvalidValue::new("must have a domain with a dot, for example ada@example.org"));
        }
        Ok(email)
    }
}

/// An address that a user enters to log in. It may be one that the rules for new accounts reject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoginEmail(String);

impl LoginEmail {
    /// Returns the forms by which accounts with this address are looked up.
    pub fn lookup_keys(&self) -> EmailLookupKeys {
        EmailLookupKeys::of(&self.0)
    }
}

impl FromStr for LoginEmail {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.chars().any(visible::is_control) {
            return Err(InvalidValue::new("must not contain control characters"));
        }
        let text = text.trim();
        // Some keyboards produce a letter and its accent as two characters.
        let composed: String = text.nfc().collect();
        if parses(text) || parses(&composed) { Ok(Self(text.to_owned())) } else { Err(not_an_address()) }
    }
}

/// The forms of an address by which an account is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailLookupKeys {
    /// The comparison key, which is equal for all spellings of one address.
    pub key: String,
    /// The address in lower case. It finds accounts whose comparison key belongs to another account, because previous versions
    /// compared only this form.
    pub lower: String,
}

impl EmailLookupKeys {
    /// Returns the forms of any text that is, or was once accepted as, an address.
    pub fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        Self { key: key(text).unwrap_or_else(|| lower.nfc().collect()), lower }
    }
}
