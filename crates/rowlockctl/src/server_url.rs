//! The URL of a server's gateway, normalized without a trailing slash, so that each server has one spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A validated URL. It contains no user or password, so it can be printed and stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ServerUrl(String);

/// Error for a text that is not such a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a URL such as https://tickets.example.org, without user, password, query or fragment")]
pub(crate) struct InvalidServerUrl;

impl ServerUrl {
    /// Returns the URL at which `make up` and `docker compose up` serve the gateway.
    pub(crate) fn local() -> Self {
        Self("http://localhost:3000".to_owned())
    }

    /// Appends a path of the API.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Returns whether requests could be read in transit: the connection is unencrypted and leaves this machine.
    pub(crate) fn is_unencrypted_remote(&self) -> bool {
        let Ok(url) = Url::parse(&self.0) else { return true };
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        url.scheme() != "https" && !is_loopback
    }
}

impl FromStr for ServerUrl {
    type Err = InvalidServerUrl;

    fn from_str(text: &str) -> Result<Self, InvalidServerUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidServerUrl)?;
        let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !is_bare {
            return Err(InvalidServerUrl);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = InvalidServerUrl;

    fn try_from(text: String) -> Result<Self, InvalidServerUrl> {
        text.parse()
    }
}

impl From<ServerUrl> for String {
    fn from(url: ServerUrl) -> Self {
        url.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_urls_are_normalized() {
        for text in ["https://Tickets.example.org", "https://tickets.example.org/", "https://tickets.example.org:443//"] {
            assert_eq!(text.parse::<ServerUrl>().unwrap().to_string(), "https://tickets.example.org", "{text}");
        }
        assert_eq!("http://x:3000/box/".parse::<ServerUrl>().unwrap().join("/api/events"), "http://x:3000/box/api/events");
    }

    #[test]
    fn invalid_urls_are_rejected() {
        for text in ["", "localhost:3000", "ftp://x", "https://", "https://ada:secret@x", "https://x/?q=1", "https://x/#y"] {
            assert_eq!(text.parse::<ServerUrl>(), Err(InvalidServerUrl), "{text}");
        }
    }

    #[test]
    fn plain_http_is_reported_except_on_this_machine() {
        for (text, unencrypted) in [
            ("http://tickets.example.org", true),
            ("http://10.0.0.1:3000", true),
            ("https://tickets.example.org", false),
            ("http://localhost:3000", false),
            ("http://127.0.0.1:3000", false),
            ("http://[::1]:3000", false),
        ] {
            assert_eq!(text.parse::<ServerUrl>().unwrap().is_unencrypted_remote(), unencrypted, "{text}");
        }
    }
}
