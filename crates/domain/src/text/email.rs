//! E-mail addresses: what a new account or a guest may have, and what people type to log in.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use super::{Invalid, checked, visible};

/// The most bytes of an address (RFC 5321, section 4.5.3.1.3).
const MAX_BYTES: usize = 254;

fn not_an_address() -> Invalid {
    Invalid::new("must be an e-mail address")
}

fn parses(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal();
    text.len() <= MAX_BYTES && EmailAddress::parse_with_options(text, options).is_ok()
}

/// The domain in the form in which it is asked for in the DNS (IDNA, UTS 46), if it is one.
fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    ascii.ok().map(std::borrow::Cow::into_owned)
}

/// The form in which two spellings of one address are equal: the local part composed and in lower case, the domain in ASCII.
fn key(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let local: String = local.nfc().collect::<String>().to_lowercase().nfc().collect();
    Some(format!("{local}@{}", ascii_domain(domain)?))
}

/// An address that mail can be sent to, as its owner writes it, composed (NFC). Domains may be in any script.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes the text back out.
    pub fn into_string(self) -> String {
        self.0
    }

    /// What accounts with this address are found by.
    pub fn forms(&self) -> EmailForms {
        EmailForms::of(&self.0)
    }

    /// Whether the domain is a single name, which means something in a local network at most.
    fn is_local(&self) -> bool {
        self.forms().key.rsplit_once('@').is_none_or(|(_, domain)| !domain.contains('.'))
    }
}

impl FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = checked(text, MAX_BYTES, |_| false)?;
        if text.chars().any(|c| visible::is_ignorable(c) || (visible::is_blank(c) && c != ' ')) {
            return Err(Invalid::new("must not contain invisible characters"));
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

/// Which domains new addresses may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailDomains {
    /// Domains with a dot.
    Public,
    /// Single names such as `localhost`, too.
    PublicAndLocal,
}

impl EmailDomains {
    /// The domains that the setting `accounts.allow_local_email_domains` stands for.
    pub const fn of_setting(allow_local: bool) -> Self {
        if allow_local { Self::PublicAndLocal } else { Self::Public }
    }

    /// Admits an address, unless its domain is none of these.
    pub fn admit(self, email: Email) -> Result<Email, Invalid> {
        if self == Self::Public && email.is_local() {
            return Err(Invalid::new("must have a domain with a dot, for example ada@example.org"));
        }
        Ok(email)
    }
}

/// An address as somebody types it to log in. It may be one that no new account could have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoginEmail(String);

impl LoginEmail {
    /// What accounts with this address are found by.
    pub fn forms(&self) -> EmailForms {
        EmailForms::of(&self.0)
    }
}

impl FromStr for LoginEmail {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.chars().any(visible::is_control) {
            return Err(Invalid::new("must not contain control characters"));
        }
        let text = text.trim();
        // Some keyboards type letters and their accents as two characters.
        let composed: String = text.nfc().collect();
        if parses(text) || parses(&composed) { Ok(Self(text.to_owned())) } else { Err(not_an_address()) }
    }
}

/// What an account is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailForms {
    /// The form in which two spellings of one address are equal.
    pub key: String,
    /// The address in lower case: all that was made equal before, and what accounts whose key another one has are found by.
    pub lower: String,
}

impl EmailForms {
    /// The forms of any text that is or was taken for an address.
    pub fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        Self { key: key(text).unwrap_or_else(|| lower.nfc().collect()), lower }
    }
}
