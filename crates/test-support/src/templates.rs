//! The two schemas as templates of test databases.

#![allow(clippy::expect_used, reason = "a test cannot go on without its schema, and says why")]

use rowlock_postgres::migrate;
use secrecy::SecretString;

use crate::database::{Template, fingerprint};

/// The schema of `rowlock_auth`.
#[derive(Debug, Clone, Copy)]
pub struct AuthTemplate;

/// The schema of `rowlock_booking`.
#[derive(Debug, Clone, Copy)]
pub struct BookingTemplate;

/// All that is in the migration folders of a database.
fn migration_texts(database: &str) -> Vec<String> {
    let root = format!("{}/../../migrations/{database}", env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .expect("the migrations")
        .map(|entry| entry.expect("a migration").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.iter().map(|folder| std::fs::read_to_string(folder.join("up.sql")).expect("an up.sql")).collect()
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
