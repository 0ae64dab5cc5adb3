//! `make restore`: restores the databases from a folder that `make backup` has created, and checks them with
//! `booking-service audit`.
//!
//! For this checkout's system, it stops the services first, and also restores the keys and the administrator's login.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    backup::{DatabaseServer, is_own_server},
    checkout::Checkout,
    control,
    failure::{Result, ensure, sentence},
    files,
    manifest::{KEYS, Manifest},
    server_url::with_database,
    services::BOOKING,
    shell::{run, step, variable},
    system::{System, build_services},
    tools,
};

/// Restores the backup in a folder.
pub(crate) fn run_restore(checkout: &Checkout, folder: Option<&Path>) -> Result<()> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.ok_or_else(|| sentence!("Say which backup: make restore BACKUP=FOLDER, or scripts/restore.sh FOLDER"))?;
    let folder = folder.canonicalize().map_err(|_| sentence!("There is no folder {}.", folder.display()))?;
    tools::need(checkout, &[])?;
    // Before anything is changed.
    let manifest = Manifest::verify(&folder)?;
    let system = System::of_checkout(checkout);
    let server = DatabaseServer::find(&system)?;
    let own = is_own_server(&system);
    let _lock = if own { Some(checkout.lock()?) } else { None };
    let role_passwords = if own { Some(system.secrets()) } else { variable("ROWLOCK_ROLE_PASSWORDS").map(PathBuf::from) };
    let full = full_databases(&server, &manifest)?;
    let programs = build_services(checkout)?;
    println!("Restoring the backup of {} into PostgreSQL {}", manifest.time, server.version);
    if own {
        step!("Stopping the services");
        control::stop_services(&system)?;
    }
    for database in full {
        step!("Deleting {database}");
        server
            .query("postgres", &format!("DROP DATABASE {database}"))
            .map_err(|_| sentence!("{database} could not be deleted; psql says above why. If it is in use, stop the services first."))?;
    }
    create_databases(&system, role_passwords.as_deref())?;
    for database in manifest.databases() {
        fill(&server, database, &folder)?;
    }
    if own {
        for (name, _) in KEYS {
            restore_secret(&folder.join(name), &system.secrets().join(name))?;
        }
        restore_secret(&folder.join("admin-login.json"), &system.folder().join("admin-login.json"))?;
    }
    audit(&system, &programs)?;
    println!("The databases are restored, and the audit found no violation.");
    let key = folder.join("encryption-key");
    if !key.exists() {
        println!(
            "The backup contains no encryption key. auth-service needs the keys.encryption_key that was in use when the backup was made."
        );
    } else if !own {
        println!("auth-service needs the content of {} as its keys.encryption_key.", key.display());
    }
    let key = folder.join("sealing-key");
    if !own && key.exists() {
        println!("auth-service, booking-service and notifier need the content of {} as their sealing.key.", key.display());
    }
    if own {
        println!("'make up' starts the services on them.");
    }
    Ok(())
}

/// Returns the databases of the backup that have tables; fails unless they may be deleted.
fn full_databases(server: &DatabaseServer, manifest: &Manifest) -> Result<Vec<&'static str>> {
    let mut full = Vec::new();
    for database in manifest.databases() {
        if server.has_tables(database)? {
            full.push(database);
        }
    }
    ensure!(
        full.is_empty() || variable("OVERWRITE").as_deref() == Some("yes"),
        "Nothing was changed: there are tables in {}. To delete them and what they hold, say it is meant: OVERWRITE=yes",
        full.join(" ")
    );
    Ok(full)
}

/// Creates empty databases with their roles and privileges.
fn create_databases(system: &System, role_passwords: Option<&Path>) -> Result<()> {
    let mut command = Command::new(system.checkout.script("databases.sh"));
    command.env("ROWLOCK_DATABASE_URL", system.admin_database_url()?).args(role_passwords);
    run(&mut command).map_err(|_| {
        sentence!(
            "The databases could not be created. ROWLOCK_ROLE_PASSWORDS names a folder with the passwords of roles that are not there yet."
        )
    })
}

/// Restores a database completely or not at all.
fn fill(server: &DatabaseServer, database: &str, folder: &Path) -> Result<()> {
    step!("Restoring {database}");
    let mut command = server.url.client(server.program("pg_restore")?);
    command.args(["--exit-on-error", "--single-transaction", "-d", &server.url.database(database)]);
    run(command.arg(folder.join(format!("{database}.dump"))))
        .map_err(|_| sentence!("The database {database} could not be restored; pg_restore says above why. It is empty."))?;
    // A dump contains no planner statistics, and without them the first queries would get bad plans.
    server.query(database, "ANALYZE").map(drop)
}

fn restore_secret(from: &Path, to: &Path) -> Result<()> {
    if from.exists() { files::write_private(to, files::read(from)?) } else { Ok(()) }
}

/// Verifies the invariants of the restored bookings.
fn audit(system: &System, programs: &Path) -> Result<()> {
    step!("Checking rowlock_booking with 'booking-service audit'");
    let mut command = Command::new(programs.join(BOOKING.name));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).arg("audit");
    command.env("ROWLOCK__DATABASE__URL", with_database(&system.admin_database_url()?, "rowlock_booking")?);
    run(&mut command).map_err(|_| {
        sentence!(
            "The databases are restored, but the audit failed or could not run; see its output above. Do not start the services until this is resolved."
        )
    })
}
