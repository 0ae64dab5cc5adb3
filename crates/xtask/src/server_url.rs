//! The URL of a PostgreSQL server, taken apart so that its password is passed in the environment instead of in arguments, which
//! every user of the machine can read.

use std::process::Command;

use percent_encoding::percent_decode_str;

use crate::failure::{Result, sentence};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    scheme: String,
    user: Option<String>,
    password: Option<String>,
    hosts: String,
    /// Empty, or the query with its question mark.
    options: String,
}

impl ServerUrl {
    /// Parses a URL such as `postgres://admin@host/postgres`; the database is dropped.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let invalid = || sentence!("ROWLOCK_DATABASE_URL must be an address such as postgres://admin@host/postgres.");
        let (scheme, rest) = url.split_once("://").ok_or_else(invalid)?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let authority = rest.split('/').next().unwrap_or_default();
        let (login, hosts) = authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        if scheme.is_empty() || hosts.is_empty() || !scheme.chars().all(|c| c.is_ascii_lowercase()) {
            return Err(invalid());
        }
        let (user, password) = match login {
            None => (None, None),
            Some(login) => login.split_once(':').map_or((Some(login), None), |(user, password)| (Some(user), Some(password))),
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            user: user.filter(|user| !user.is_empty()).map(str::to_owned),
            password: password.map(|password| percent_decode_str(password).decode_utf8_lossy().into_owned()),
            hosts: hosts.to_owned(),
            options: query.map(|query| format!("?{query}")).unwrap_or_default(),
        })
    }

    /// Returns the URL of a database without a password.
    pub(crate) fn database(&self, database: &str) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("{}://{user}{}/{database}{}", self.scheme, self.hosts, self.options)
    }

    /// Returns the URL of a database for another user.
    pub(crate) fn database_as(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@{}/{database}{}", self.hosts, self.options)
    }

    /// Returns a command with the password in its environment.
    pub(crate) fn client(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PGCONNECT_TIMEOUT", "10");
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        command
    }
}

/// Returns the URL with another database; the login and the options stay.
pub(crate) fn with_database(url: &str, database: &str) -> Result<String> {
    let parsed = ServerUrl::parse(url)?;
    let start = url.find("://").map_or(0, |at| at.saturating_add(3));
    let (before, rest) = url.split_at(start);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    Ok(format!("{before}{authority}/{database}{}", parsed.options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together_without_its_password() {
        let url = ServerUrl::parse("postgresql://admin:p%40ss@db.example:5433/postgres?sslmode=require").unwrap();
        assert_eq!(url.password.as_deref(), Some("p@ss"));
        assert_eq!(url.database("rowlock_auth"), "postgresql://admin@db.example:5433/rowlock_auth?sslmode=require");
        assert_eq!(url.database_as("rowlock", "x", "rowlock"), "postgres://rowlock:x@db.example:5433/rowlock?sslmode=require");
    }

    #[test]
    fn everything_but_the_host_is_optional() {
        let url = ServerUrl::parse("postgres://db").unwrap();
        assert_eq!((&url.user, &url.password, url.database("x").as_str()), (&None, &None, "postgres://db/x"));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in ["", "db.example", "postgres://", "postgres:///x", "://db"] {
            assert!(ServerUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_database_of_a_url_can_be_replaced() {
        let replaced = with_database("postgres://a:b%2Fc@h:1/postgres?x=/y", "rowlock").unwrap();
        assert_eq!(replaced, "postgres://a:b%2Fc@h:1/rowlock?x=/y");
        assert_eq!(with_database("postgres://h", "rowlock").unwrap(), "postgres://h/rowlock");
    }
}
