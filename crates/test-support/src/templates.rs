//! Templates of test databases with the schemas of the services.

#![allow(clippy::expect_used, reason = "a test cannot continue without its schema and reports the cause by panicking")]

use rowlock_postgres::migrate;
use secrecy::SecretString;

use crate::database::{Template, fingerprint};

/// Template with the schema of `rowlock_auth`.
#[derive(Debug, Clone, Copy)]
pub struct AuthTemplate;

/// Template with the schema of `rowlock_booking`.
#[derive(Debug, Clone, Copy)]
pub struct BookingTemplate;

/// Template with the schema of `rowlock_notifier`.
#[derive(Debug, Clone, Copy)]
pub struct NotifierTemplate;

/// Returns the text of every `up.sql` of a database, in the order of the migrations.
///
/// # Panics
///
/// Panics if the migrations cannot be read.
#[must_use]
pub fn migration_texts(database: &str) -> Vec<String> {
    let root = format!("{}/../../migrations/{database}", env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .expect("the migrations folder is readable")
        .map(|entry| entry.expect("the migrations folder is readable").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.iter().map(|folder| std::fs::read_to_string(folder.join("up.sql")).expect("a migration has an up.sql")).collect()
}

impl Template for AuthTemplate {
    fn name(&self) -> &'static str {
        "auth"
    }

    fn fingerprint(&self) -> String {
        fingerprint(migration_texts("auth"))
    }

    async fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> Result<(), String> {
        migrate(owner_url, service_url, auth_service::MIGRATIONS).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Template for BookingTemplate {
    fn name(&self) -> &'static str {
        "booking"
    }

    fn fingerprint(&self) -> String {
        fingerprint(migration_texts("booking"))
    }

    async fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> Result<(), String> {
        migrate(owner_url, service_url, rowlock_inventory::MIGRATIONS).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Template for NotifierTemplate {
    fn name(&self) -> &'static str {
        "notifier"
    }

    fn fingerprint(&self) -> String {
        fingerprint(migration_texts("notifier"))
    }

    async fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> Result<(), String> {
        migrate(owner_url, service_url, notifier::MIGRATIONS).await.map(|_| ()).map_err(|error| error.to_string())
    }
}
