//! Database URLs, with several servers and libpq's parameters for encrypted connections: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`
//! and `channel_binding`.
//!
//! A URL can name several servers, separated by commas, of which one is the primary at a time: `postgres://db-a,db-b:5433/rowlock`.
//! libpq's parameter `target_session_attrs` is then `read-write` unless the URL has another value.
//!
//! tokio-postgres knows some of them and rejects the others, so they are taken out of the URL here. They mean what they mean to libpq,
//! with three exceptions: without `sslmode` the connection is not encrypted; `prefer` uses an unencrypted connection only if the
//! server does not support TLS, but not if the handshake fails; and there are no default files in the home directory.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use rowlock_tls::{Identity, TlsError, Verification, certificates_from_pem, client_config};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode};
use url::Url;

const SSLMODE: &str = "sslmode";
const SSLROOTCERT: &str = "sslrootcert";
const SSLCERT: &str = "sslcert";
const SSLKEY: &str = "sslkey";
const CHANNEL_BINDING: &str = "channel_binding";
const TARGET_SESSION_ATTRS: &str = "target_session_attrs";

/// Value of `sslrootcert` for the authorities that the operating system trusts.
const SYSTEM: &str = "system";

/// Parameters with which the operating system detects a dead peer within 30 seconds.
const KEEPALIVES: [(&str, &str); 4] =
    [("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_retries", "3"), ("tcp_user_timeout", "30")];

/// The reason why a database URL cannot be used. No message quotes the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text is not a URL of PostgreSQL.
    #[error("must be a URL that begins with postgres:// or postgresql://")]
    Malformed,
    /// The URL has a parameter that does not exist, or a malformed one.
    #[error("the URL has a parameter that cannot be used: {0}")]
    Parameter(String),
    /// A parameter for encrypted connections is invalid, does not fit the others, or names a file that cannot be used.
    #[error("the parameter {name} {problem}")]
    Encryption {
        /// Name of the parameter.
        name: &'static str,
        /// Description of the problem, which continues a sentence.
        problem: String,
    },
}

fn problem(name: &'static str, problem: impl Into<String>) -> UrlError {
    UrlError::Encryption { name, problem: problem.into() }
}

/// Checks a database URL and reads the certificates that it names, without connecting.
///
/// # Errors
///
/// The error names the parameter that is wrong.
pub fn check_url(url: &SecretString) -> Result<(), UrlError> {
    match DatabaseUrl::parse(url)?.encryption {
        Some(encryption) => encryption.client_config().map(drop),
        None => Ok(()),
    }
}

/// A parsed database URL.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseUrl {
    /// How to connect to each of the servers, of which there is at least one.
    pub(crate) servers: Vec<Config>,
    /// How the connection is encrypted, or `None` if it is not.
    pub(crate) encryption: Option<Encryption>,
}

/// Certificates and keys of an encrypted connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encryption {
    trust: Trust,
    identity: Option<IdentityFiles>,
}

/// The certificates of the server that are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trust {
    /// Any.
    Unverified,
    /// Those issued by an authority in this file.
    Chain(PathBuf),
    /// Those issued by an authority in this file that contain the name of the server.
    ChainAndName(PathBuf),
    /// Those issued by an authority that the operating system trusts that contain the name of the server.
    System,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct IdentityFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl DatabaseUrl {
    /// Parses a URL. Reads no files.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, UrlError> {
        let urls = urls_of_servers(url.expose_secret())?;
        let has_others = urls.len() > 1;
        let mut encryption = None;
        let mut servers = Vec::with_capacity(urls.len());
        for url in urls {
            let (config, mode) = Self::parse_server(url, has_others)?;
            servers.push(config);
            encryption = encryption.or(mode);
        }
        Ok(Self { servers, encryption })
    }

    /// Returns the user in the URL, if it has one.
    pub(crate) fn user(&self) -> Option<String> {
        self.servers.iter().find_map(Config::get_user).filter(|user| !user.is_empty()).map(str::to_owned)
    }

    /// Parses a URL with one server.
    fn parse_server(mut url: Url, has_others: bool) -> Result<(Config, Option<Encryption>), UrlError> {
        let parameters = Parameters::take(&mut url)?;
        for (name, value) in KEEPALIVES {
            if !url.query_pairs().any(|(given, _)| given == name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        if has_others && !url.query_pairs().any(|(given, _)| given == TARGET_SESSION_ATTRS) {
            url.query_pairs_mut().append_pair(TARGET_SESSION_ATTRS, "read-write");
        }
        let mut config = Config::from_str(url.as_str())
            .map_err(|error| UrlError::Parameter(error.source().map_or_else(|| error.to_string(), ToString::to_string)))?;
        let (mode, encryption) = parameters.encryption()?;
        config.ssl_mode(mode).channel_binding(parameters.channel_binding(mode)?);
        // Like libpq, because a Unix socket does not leave the machine, and PostgreSQL does not encrypt it.
        if config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) {
            config.ssl_mode(SslMode::Disable);
            return Ok((config, None));
        }
        Ok((config, encryption))
    }
}

/// Returns one URL for each server that a URL names.
fn urls_of_servers(url: &str) -> Result<Vec<Url>, UrlError> {
    let (scheme, rest) =
        url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql")).ok_or(UrlError::Malformed)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, servers) = authority.rsplit_once('@').map_or(("", authority), |(user, servers)| (user, servers));
    let separator = if user.is_empty() { "" } else { "@" };
    let parse = |server: &str| {
        let url = Url::parse(&format!("{scheme}://{user}{separator}{server}{path}")).ok();
        // Without a host, the URL would name the server at the default address.
        url.filter(|url| !server.is_empty() && url.has_host()).ok_or(UrlError::Malformed)
    };
    servers.split(',').map(parse).collect()
}

/// The parameters of a URL that this module understands. Empty ones count as absent.
struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    /// Takes the parameters out of a URL. Of repeated ones, the last counts.
    fn take(url: &mut Url) -> Result<Self, UrlError> {
        let (mut taken, mut others) = (BTreeMap::new(), Vec::new());
        for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match [SSLMODE, SSLROOTCERT, SSLCERT, SSLKEY, CHANNEL_BINDING].into_iter().find(|known| *known == name) {
                Some(name) => {
                    let value = percent_decode_str(value).decode_utf8().map_err(|_| problem(name, "is not UTF-8"))?;
                    taken.insert(name, value.into_owned());
                }
                None => others.push(pair),
            }
        }
        let others = others.join("&");
        url.set_query(Some(others.as_str()).filter(|query| !query.is_empty()));
        taken.retain(|_, value| !value.is_empty());
        Ok(Self(taken))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn encryption(&self) -> Result<(SslMode, Option<Encryption>), UrlError> {
        let root = self.get(SSLROOTCERT);
        let file = || {
            root.map(PathBuf::from).ok_or_else(|| {
                problem(SSLROOTCERT, "must name a file with certificates of authorities in PEM format, or be system with verify-full")
            })
        };
        let mode = match (self.get(SSLMODE), root) {
            (None, Some(SYSTEM)) => "verify-full",
            (None, _) => {
                // Otherwise the connection would silently be neither encrypted nor verified.
                if let Some(name) = [SSLROOTCERT, SSLCERT, SSLKEY].into_iter().find(|name| self.get(name).is_some()) {
                    return Err(problem(name, "has no effect without sslmode; add sslmode=verify-full"));
                }
                "disable"
            }
            (Some(mode @ ("prefer" | "require" | "verify-ca")), Some(SYSTEM)) => {
                return Err(problem(SSLMODE, format!("must be verify-full with sslrootcert=system, not {mode}")));
            }
            (Some(mode), _) => mode,
        };
        let (mode, trust) = match mode {
            "disable" => return Ok((SslMode::Disable, None)),
            "prefer" => (SslMode::Prefer, root.map_or(Trust::Unverified, |path| Trust::Chain(path.into()))),
            "require" => (SslMode::Require, root.map_or(Trust::Unverified, |path| Trust::Chain(path.into()))),
            "verify-ca" => (SslMode::Require, Trust::Chain(file()?)),
            "verify-full" if root == Some(SYSTEM) => (SslMode::Require, Trust::System),
            "verify-full" => (SslMode::Require, Trust::ChainAndName(file()?)),
            _ => return Err(problem(SSLMODE, "must be disable, prefer, require, verify-ca or verify-full")),
        };
        let identity = match (self.get(SSLCERT), self.get(SSLKEY)) {
            (Some(certificate), Some(key)) => Some(IdentityFiles { certificate: certificate.into(), key: key.into() }),
            (None, None) => None,
            (Some(_), None) => return Err(problem(SSLKEY, "must name the file with the private key of sslcert")),
            (None, Some(_)) => return Err(problem(SSLCERT, "must name the file with the certificate of sslkey")),
        };
        Ok((mode, Some(Encryption { trust, identity })))
    }

    fn channel_binding(&self, mode: SslMode) -> Result<ChannelBinding, UrlError> {
        match self.get(CHANNEL_BINDING) {
            None | Some("prefer") => Ok(ChannelBinding::Prefer),
            Some("disable") => Ok(ChannelBinding::Disable),
            Some("require") if mode == SslMode::Disable => {
                Err(problem(CHANNEL_BINDING, "cannot be require on a connection that is not encrypted"))
            }
            Some("require") => Ok(ChannelBinding::Require),
            Some(_) => Err(problem(CHANNEL_BINDING, "must be disable, prefer or require")),
        }
    }
}

impl Encryption {
    /// Reads the files and creates the configuration of the TLS client. Blocks.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, UrlError> {
        let authorities =
            |path: &Path| certificates_from_pem(&read(SSLROOTCERT, path)?).map_err(|error| in_file(SSLROOTCERT, path, &error));
        let verification = match &self.trust {
            Trust::Unverified => Verification::Unverified,
            Trust::Chain(path) => Verification::Chain(authorities(path)?),
            Trust::ChainAndName(path) => Verification::ChainAndName(authorities(path)?),
            Trust::System => Verification::System(Vec::new()),
        };
        let identity = self.identity.as_ref().map(IdentityFiles::load).transpose()?;
        let mut config = client_config(verification, identity).map_err(|error| self.explain(&error))?;
        // PostgreSQL 17 and later know this name of their protocol, and earlier ones ignore it.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(config)
    }

    fn explain(&self, error: &TlsError) -> UrlError {
        match (error, &self.identity, &self.trust) {
            (TlsError::Identity(_), Some(files), _) => in_file(SSLCERT, &files.certificate, error),
            (_, _, Trust::Chain(path) | Trust::ChainAndName(path)) => in_file(SSLROOTCERT, path, error),
            (_, _, Trust::System) => problem(SSLROOTCERT, format!("cannot be system: {error}")),
            (_, _, Trust::Unverified) => problem(SSLMODE, format!("cannot be used: {error}")),
        }
    }
}

impl IdentityFiles {
    fn load(&self) -> Result<Identity, UrlError> {
        Identity::from_pem(&read(SSLCERT, &self.certificate)?, &read(SSLKEY, &self.key)?).map_err(|error| match error {
            TlsError::Key => in_file(SSLKEY, &self.key, &error),
            _ => in_file(SSLCERT, &self.certificate, &error),
        })
    }
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, UrlError> {
    std::fs::read(path).map_err(|error| problem(name, format!("names the file {}, which cannot be read: {error}", path.display())))
}

fn in_file(name: &'static str, path: &Path, error: &TlsError) -> UrlError {
    problem(name, format!("names the file {}, which {error}", path.display()))
}

#[cfg(test)]
mod tests;
