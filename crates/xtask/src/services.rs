//! The one list of Rowlock's services: their programs, ports and settings.
//!
//! To add a service, add it to [`SERVICES`]: `make up` then builds, starts, checks, lists and stops it.

use crate::{failure::Result, system::System};

/// A service of this workspace. Its package and its program have the same name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// The name of its public port; a service without an API has none.
    pub(crate) port: Option<&'static str>,
    /// The name of the port for operators, which has `/health/ready`.
    pub(crate) management_port: &'static str,
    /// The role and the database that it uses, if it has one. A service with a database also uses the broker.
    pub(crate) database: Option<&'static str>,
    /// Whether it migrates its database.
    pub(crate) migrates: bool,
    /// Settings besides the ports, the database, the broker and the logs.
    settings: fn(&System) -> Result<Settings>,
    /// Limits for a machine on which all simulated people share one address.
    generous_limits: &'static [(&'static str, &'static str)],
}

/// In the order in which they are started.
pub(crate) const SERVICES: [Service; 5] = [AUTH, BOOKING, WORKER, NOTIFIER, WEB];

pub(crate) const AUTH: Service = Service {
    name: "auth-service",
    port: Some("AUTH"),
    management_port: "AUTH_MANAGEMENT",
    database: Some("rowlock_auth"),
    migrates: true,
    settings: |system| {
        Ok(vec![
            ("ROWLOCK__KEYS__ENCRYPTION_KEY_FILE", system.secret_path("encryption-key")),
            ("ROWLOCK__BOOTSTRAP__TOKEN_FILE", system.secret_path("bootstrap-token")),
            ("ROWLOCK__BOOKING__URL", system.local_url("BOOKING")?),
            ("ROWLOCK__MAIL__ENABLED", "true".to_owned()),
            ("ROWLOCK__SEALING__KEY_FILE", system.secret_path("sealing-key")),
        ])
    },
    generous_limits: &[
        ("ROWLOCK__LIMITS__LOG_IN_PER_ADDRESS", "6000"),
        ("ROWLOCK__LIMITS__LOG_IN_PER_ACCOUNT", "600"),
        ("ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_ADDRESS", "6000"),
        ("ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_EMAIL", "600"),
        ("ROWLOCK__LIMITS__MAIL_PER_ADDRESS", "6000"),
    ],
};

pub(crate) const BOOKING: Service = Service {
    name: "booking-service",
    port: Some("BOOKING"),
    management_port: "BOOKING_MANAGEMENT",
    database: Some("rowlock_booking"),
    migrates: true,
    settings: |system| {
        let auth = system.local_url("AUTH")?;
        Ok(vec![
            ("ROWLOCK__TOKENS__JWKS_URL", format!("{auth}/.well-known/jwks.json")),
            ("ROWLOCK__TOKENS__REVOCATIONS_URL", format!("{auth}/internal/revocations")),
            ("ROWLOCK__ACCOUNTS__CONTACTS_URL", format!("{auth}/internal/contacts")),
            ("ROWLOCK__SEALING__KEY_FILE", system.secret_path("sealing-key")),
        ])
    },
    generous_limits: &[("ROWLOCK__LIMITS__BOOK_PER_ACCOUNT", "6000")],
};

pub(crate) const WORKER: Service = Service {
    name: "reallocation-worker",
    port: None,
    management_port: "WORKER_MANAGEMENT",
    database: Some("rowlock_booking"),
    migrates: false,
    settings: |_| Ok(Vec::new()),
    generous_limits: &[],
};

pub(crate) const NOTIFIER: Service = Service {
    name: "notifier",
    port: Some("NOTIFIER"),
    management_port: "NOTIFIER_MANAGEMENT",
    database: Some("rowlock_notifier"),
    migrates: true,
    settings: |system| {
        let auth = system.local_url("AUTH")?;
        Ok(vec![
            ("ROWLOCK__TOKENS__JWKS_URL", format!("{auth}/.well-known/jwks.json")),
            ("ROWLOCK__TOKENS__REVOCATIONS_URL", format!("{auth}/internal/revocations")),
            ("ROWLOCK__SEALING__KEY_FILE", system.secret_path("sealing-key")),
            ("ROWLOCK__SITE__PUBLIC_URL", system.gateway_url()?),
            ("ROWLOCK__API__AUTH_URL", auth),
            ("ROWLOCK__API__BOOKING_URL", system.local_url("BOOKING")?),
            ("ROWLOCK__MAIL__FOLDER", system.mail_folder()),
            // A receiver that somebody develops runs on the same machine.
            ("ROWLOCK__WEBHOOKS__ALLOW_PRIVATE_TARGETS", "true".to_owned()),
        ])
    },
    generous_limits: &[("ROWLOCK__LIMITS__WEBHOOKS_PER_ACCOUNT", "6000")],
};

pub(crate) const WEB: Service = Service {
    name: "web",
    port: Some("WEB"),
    management_port: "WEB_MANAGEMENT",
    database: None,
    migrates: false,
    settings: |system| {
        Ok(vec![
            ("ROWLOCK__SESSION__KEY_FILE", system.secret_path("web-session-key")),
            ("ROWLOCK__SITE__PUBLIC_URL", system.gateway_url()?),
            ("ROWLOCK__API__AUTH_URL", system.local_url("AUTH")?),
            ("ROWLOCK__API__BOOKING_URL", system.local_url("BOOKING")?),
            ("ROWLOCK__API__NOTIFIER_URL", system.local_url("NOTIFIER")?),
            ("ROWLOCK__SITE__MAIL", "true".to_owned()),
            ("ROWLOCK__SITE__MAIL_FOLDER", system.mail_folder()),
        ])
    },
    generous_limits: &[],
};

/// Settings of one service: names of variables with their values.
type Settings = Vec<(&'static str, String)>;

/// An environment: names of variables with their values.
pub(crate) type Environment = Vec<(String, String)>;

impl Service {
    /// Returns the file that contains the URL of its database.
    pub(crate) fn database_url_file(&self) -> Option<String> {
        self.database.map(|database| format!("{}-database-url", database.trim_start_matches("rowlock_")))
    }

    /// Returns the file that contains the URL of its database for migrations.
    pub(crate) fn migration_url_file(&self) -> Option<String> {
        self.database.map(|database| format!("{}-migration-url", database.trim_start_matches("rowlock_")))
    }

    /// Returns the names of its ports.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &'static str> {
        self.port.into_iter().chain([self.management_port])
    }

    /// Returns the complete environment of the service; it inherits nothing else.
    pub(crate) fn environment(&self, system: &System) -> Result<Environment> {
        let inherited = |name: &str, default: &str| (name.to_owned(), std::env::var(name).unwrap_or_else(|_| default.to_owned()));
        let mut environment = vec![
            inherited("PATH", ""),
            inherited("HOME", "/"),
            inherited("ROWLOCK__LOG__LEVEL", "info"),
            inherited("ROWLOCK__LOG__FORMAT", "auto"),
        ];
        let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
        if let Some(port) = self.port {
            set("ROWLOCK__HTTP__LISTEN", system.listen_address(port)?);
        }
        if self.port.is_some() && self.database.is_some() {
            set("ROWLOCK__HTTP__ALLOWED_ORIGINS", std::env::var("ROWLOCK_ALLOWED_ORIGINS").unwrap_or_default());
        }
        set("ROWLOCK__MANAGEMENT__LISTEN", system.listen_address(self.management_port)?);
        if let Some(file) = self.database_url_file() {
            set("ROWLOCK__DATABASE__URL_FILE", system.secret_path(&file));
            set("ROWLOCK__AMQP__URL_FILE", system.secret_path("amqp-url"));
        }
        for (name, value) in (self.settings)(system)? {
            set(name, value);
        }
        for (name, value) in self.generous_limits {
            set(name, (*value).to_owned());
        }
        Ok(environment)
    }
}

/// Returns the names of all packages, to be built together.
pub(crate) fn packages() -> Vec<&'static str> {
    SERVICES.iter().map(|service| service.name).collect()
}

/// The services whose speed and reliability are measured: those of the API.
pub(crate) const MEASURED: [Service; 3] = [AUTH, BOOKING, WORKER];

/// Returns the names of the packages whose speed and reliability are measured.
pub(crate) fn measured_packages() -> Vec<&'static str> {
    MEASURED.map(|service| service.name).to_vec()
}

/// Returns the names of the ports of all services.
pub(crate) fn port_names() -> Vec<&'static str> {
    let public = SERVICES.iter().filter_map(|service| service.port);
    public.chain(SERVICES.iter().map(|service| service.management_port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_service_are_named_after_its_database() {
        assert_eq!(AUTH.database_url_file().as_deref(), Some("auth-database-url"));
        assert_eq!(WORKER.database_url_file().as_deref(), Some("booking-database-url"));
        assert_eq!(BOOKING.migration_url_file().as_deref(), Some("booking-migration-url"));
        assert_eq!(WEB.database_url_file(), None);
    }

    #[test]
    fn the_ports_are_those_that_earlier_versions_have_recorded() {
        assert_eq!(
            port_names(),
            [
                "AUTH",
                "BOOKING",
                "NOTIFIER",
                "WEB",
                "AUTH_MANAGEMENT",
                "BOOKING_MANAGEMENT",
                "WORKER_MANAGEMENT",
                "NOTIFIER_MANAGEMENT",
                "WEB_MANAGEMENT"
            ]
        );
    }
}
