//! Targets of webhooks: which URLs are accepted, and which addresses their hosts may have.
//!
//! A URL is checked when it is set, so that a mistake is reported at once. That is not sufficient, because the owner of a name can
//! let it point anywhere at any time. Therefore the name is resolved at each send, once, and the client connects to the checked
//! addresses themselves.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_http::{InvalidBody, text_field};
use url::{Host, Url};

use super::addresses::is_public;

/// Maximum length of a URL, in characters.
const MAX_LENGTH: usize = 2_000;

/// Maximum number of addresses of a host that are tried.
const MAX_ADDRESSES: usize = 3;

/// The reason why a URL was refused. It is a predicate that follows the name of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidUrl(&'static str);

/// An absolute URL of a webhook, with a host and without user, password and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookUrl(Url);

impl FromStr for WebhookUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.chars().count() > MAX_LENGTH {
            return Err(InvalidUrl("must be at most 2000 characters"));
        }
        let url: Url = text.trim().parse().map_err(|_| InvalidUrl("must be an absolute URL such as https://crm.example/rowlock"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(InvalidUrl("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl("must not contain a user name or password; verify the signature instead"));
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl("must not contain a fragment (#)"));
        }
        if url.port() == Some(0) {
            return Err(InvalidUrl("must not have the port 0"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(f)
    }
}

impl Deserr<InvalidBody> for WebhookUrl {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        text_field(&value, location, Self::from_str)
    }
}

impl WebhookUrl {
    /// Returns the URL.
    pub(super) const fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns whether requests are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }
}

/// The result of a lookup.
pub(super) type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks up the addresses of a name.
pub(super) type Resolver = Arc<dyn Fn(String) -> Addresses + Send + Sync>;

/// Returns the resolver of the operating system.
pub(super) fn system_resolver() -> Resolver {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.map(|address| address.ip()).collect()) }))
}

/// The reason why a target has no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    /// The policy refuses the URL.
    #[error("the URL {0}")]
    Refused(#[from] InvalidUrl),
    /// The name cannot be resolved.
    #[error("the name {name} cannot be resolved: {error}")]
    Unresolved {
        /// The name.
        name: String,
        /// The error of the resolver.
        error: io::Error,
    },
    /// All addresses of the name are special.
    #[error("the name {0} has no address in the public Internet")]
    NotPublic(String),
}

/// Which targets are permitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetPolicy {
    /// Whether targets may be in private networks, and their URLs begin with `http://`.
    pub(crate) allow_private: bool,
}

impl TargetPolicy {
    /// Checks a URL. The addresses behind a name are not checked.
    pub(crate) fn check(self, url: &WebhookUrl) -> Result<(), InvalidUrl> {
        if self.allow_private {
            return Ok(());
        }
        if !url.is_encrypted() {
            return Err(InvalidUrl("must begin with https://"));
        }
        // The parser has converted the decimal, octal and hexadecimal spellings of IPv4 addresses.
        let is_public = match url.0.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name != "localhost" && !name.ends_with(".localhost")
            }
            None => false,
        };
        if is_public { Ok(()) } else { Err(InvalidUrl("must lead to an address in the public Internet")) }
    }

    /// Resolves the host of a URL and returns those of its addresses that are permitted: at least one, in the order in which to try
    /// them.
    pub(super) async fn resolve(self, url: &WebhookUrl, resolver: &Resolver) -> Result<Vec<SocketAddr>, TargetError> {
        self.check(url)?;
        let port = url.0.port_or_known_default().unwrap_or(443);
        let found = match url.0.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) => {
                let unresolved = |error| TargetError::Unresolved { name: name.to_owned(), error };
                let mut found = resolver(name.to_owned()).await.map_err(unresolved)?;
                if found.is_empty() {
                    return Err(unresolved(io::Error::other("it has no address")));
                }
                found.retain(|address| self.allow_private || is_public(*address));
                found
            }
            None => Vec::new(),
        };
        if found.is_empty() {
            return Err(TargetError::NotPublic(url.0.host_str().unwrap_or_default().to_owned()));
        }
        Ok(found.into_iter().take(MAX_ADDRESSES).map(|address| SocketAddr::new(address, port)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: TargetPolicy = TargetPolicy { allow_private: false };
    const LAX: TargetPolicy = TargetPolicy { allow_private: true };

    /// Returns a resolver that knows one answer to every question.
    pub(super) fn answering(addresses: &[&str]) -> Resolver {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(move |_| {
            let addresses = addresses.clone();
            Box::pin(async move { Ok(addresses) })
        })
    }

    fn url(text: &str) -> WebhookUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_url_is_absolute_and_contains_no_credentials() {
        for (bad, reason) in [
            ("", "absolute URL"),
            ("crm.example/hook", "absolute URL"),
            ("https://", "absolute URL"),
            ("ftp://crm.example", "https://"),
            ("file:///etc/passwd", "https://"),
            ("gopher://crm.example:25/", "https://"),
            ("https://user:secret@crm.example", "password"),
            ("https://user@crm.example", "user name"),
            ("https://crm.example/#part", "fragment"),
            ("https://crm.example:0/", "port 0"),
        ] {
            let error = bad.parse::<WebhookUrl>().unwrap_err().to_string();
            assert!(error.contains(reason), "{bad}: {error}");
        }
        assert!(format!("https://crm.example/{}", "x".repeat(2_000)).parse::<WebhookUrl>().is_err());
        assert_eq!(url(" https://CRM.example/hook?key=1 ").to_string(), "https://crm.example/hook?key=1");
    }

    #[test]
    fn private_hosts_are_refused_in_every_spelling() {
        for private in [
            "http://crm.example/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://①②⑦.0.0.1/",
            "https://0/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://metrics.localhost/",
        ] {
            assert!(STRICT.check(&url(private)).is_err(), "{private}");
            assert_eq!(LAX.check(&url(private)), Ok(()), "{private}");
        }
        for public in ["https://crm.example/", "https://1.1.1.1/", "https://[2606:4700:4700::1111]:8443/"] {
            assert_eq!(STRICT.check(&url(public)), Ok(()), "{public}");
        }
    }

    #[tokio::test]
    async fn a_name_leads_only_to_its_public_addresses() {
        let target = url("https://crm.example:8443/");
        for private in
            ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1"]
        {
            let error = STRICT.resolve(&target, &answering(&[private])).await.unwrap_err();
            assert_eq!(error.to_string(), "the name crm.example has no address in the public Internet", "{private}");
            assert_eq!(LAX.resolve(&target, &answering(&[private])).await.unwrap().len(), 1);
        }
        let mixed = answering(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700:4700::1111"]);
        let public = STRICT.resolve(&target, &mixed).await.unwrap();
        assert_eq!(public, ["1.1.1.1:8443".parse().unwrap(), "[2606:4700:4700::1111]:8443".parse().unwrap()]);
        let nothing = STRICT.resolve(&target, &answering(&[])).await.unwrap_err();
        assert_eq!(nothing.to_string(), "the name crm.example cannot be resolved: it has no address");
    }

    #[tokio::test]
    async fn a_literal_address_is_not_looked_up() {
        let never: Resolver = Arc::new(|name| panic!("{name} was looked up"));
        assert!(STRICT.resolve(&url("https://127.0.0.1/"), &never).await.is_err());
        assert_eq!(STRICT.resolve(&url("https://1.1.1.1/"), &never).await.unwrap(), ["1.1.1.1:443".parse().unwrap()]);
        assert_eq!(LAX.resolve(&url("http://[::1]/"), &never).await.unwrap(), ["[::1]:80".parse().unwrap()]);
    }
}
