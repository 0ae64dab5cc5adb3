//! `make backup`: writes all databases and the secrets needed to read them to one folder, while the system keeps running.
//!
//! Only its owner can read the folder, because its content suffices to sign tokens and to read all names and addresses.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, ensure, sentence},
    files,
    manifest::{self, KEYS, Manifest},
    samples,
    server_url::ServerUrl,
    shell::{self, find_program, is_executable, output, run, step, variable},
    system::System,
    tools,
};

/// Counts the tables that are not PostgreSQL's own.
const COUNT_TABLES: &str = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)";

/// The server that a backup is made of or restored to.
#[derive(Debug)]
pub(crate) struct DatabaseServer {
    pub(crate) url: ServerUrl,
    /// Such as 17.2.
    pub(crate) version: String,
}

impl DatabaseServer {
    /// Finds the server that ROWLOCK_DATABASE_URL names, or that of this checkout's system.
    pub(crate) fn find(system: &System) -> Result<Self> {
        ensure!(
            system.database.is_some() || (system.is_set_up() && system.processes.alive("postgres")),
            "The database of this checkout does not run. Start the system with 'make up', or name a server with ROWLOCK_DATABASE_URL."
        );
        let mut server = Self { url: ServerUrl::parse(&system.admin_database_url()?)?, version: String::new() };
        let version = server.query("postgres", "SELECT current_setting('server_version')");
        let version = version.map_err(|_| sentence!("The database server cannot be reached; psql says above why."))?;
        version.split(' ').next().unwrap_or_default().clone_into(&mut server.version);
        Ok(server)
    }

    /// Runs one statement and returns its result as text.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Result<String> {
        let mut command = self.url.client("psql");
        output(command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url.database(database), "-c", sql]))
    }

    /// Returns whether a database exists and has tables.
    pub(crate) fn has_tables(&self, database: &str) -> Result<bool> {
        let unreadable = |_| sentence!("The database {database} cannot be inspected; psql says above why.");
        let exists = self.query("postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'"));
        Ok(exists.map_err(unreadable)? == "1" && self.query(database, COUNT_TABLES).map_err(unreadable)? != "0")
    }

    /// Returns a program of the server's version, which can read its own dumps, or else of the newest version.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        let major = self.version.split('.').next().unwrap_or_default();
        let packaged = Path::new("/usr/lib/postgresql");
        let mut folders: Vec<(u32, PathBuf)> =
            files::entries(packaged).into_iter().filter_map(|folder| Some((files::name_of(&folder).ok()?.parse().ok()?, folder))).collect();
        folders.sort_by_key(|(version, _)| (version.to_string() == major, *version));
        let candidates = folders.into_iter().rev().map(|(_, folder)| folder.join("bin").join(name));
        candidates
            .into_iter()
            .find(|program| is_executable(program))
            .or_else(|| find_program(name))
            .ok_or_else(|| sentence!("{name} is missing. Install PostgreSQL's client programs and try again."))
    }
}

/// Returns whether the server that the environment names is that of this checkout's system.
pub(crate) fn is_own_server(system: &System) -> bool {
    let recorded = files::read_note(&system.secrets().join("auth-database-url"));
    system.is_set_up() && recorded.is_some() && system.database_url("rowlock_auth", "rowlock_auth").ok() == recorded
}

/// Writes a backup to a folder that does not exist yet; by default one named after the time, in backups/.
pub(crate) fn run_backup(checkout: &Checkout, folder: Option<PathBuf>) -> Result<()> {
    let time = samples::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let folder = folder.unwrap_or_else(|| checkout.root().join("backups").join(time.replace(':', "-")));
    let folder = std::path::absolute(&folder).map_err(Failure::file(folder, "found"))?;
    ensure!(!folder.exists(), "{} is there already. Name a folder that is not.", folder.display());
    let system = System::of_checkout(checkout);
    tools::need(checkout, &[])?;
    let server = DatabaseServer::find(&system)?;
    let new = Unfinished::create(&folder)?;
    println!("Backing up to {}", folder.display());
    let mut schemas = BTreeMap::new();
    for database in manifest::DATABASES {
        if database == manifest::OPTIONAL && !server.has_tables(database)? {
            println!("There is no {database}, so the backup is one without it.");
            continue;
        }
        step!("Dumping {database}");
        schemas.insert(database.to_owned(), dump(&server, database, new.path())?);
    }
    keep_secrets(&system, new.path())?;
    let manifest = Manifest::describe(new.path(), &time, &server.version, schemas)?;
    manifest.save(new.path())?;
    run(Command::new("sync").arg("-f").arg(new.path()))?;
    new.finish(&folder)?;
    let size = output(Command::new("du").arg("-sh").arg("--").arg(&folder))?;
    let (size, place) = (size.split('\t').next().unwrap_or_default(), folder.display());
    println!("The backup of {time} is in {place} ({size}). 'make restore BACKUP={place}' brings it back.");
    if !folder.join("encryption-key").exists() {
        println!(
            "It does NOT hold auth-service's keys.encryption_key. Keep that as well: without it the signing keys in the backup cannot"
        );
        println!("be read, and every session is over. ROWLOCK_ENCRYPTION_KEY_FILE=FILE puts it beside the dumps.");
    }
    if !folder.join("sealing-key").exists() {
        println!(
            "It does NOT hold sealing.key of the services. Without it, no tickets can be issued, notices that have not been sent cannot"
        );
        println!("be, and links with which people unsubscribe stop working. ROWLOCK_SEALING_KEY_FILE=FILE puts it beside the dumps.");
    }
    Ok(())
}

/// Dumps a database, and returns its latest migration as of the snapshot of the dump.
fn dump(server: &DatabaseServer, database: &str, folder: &Path) -> Result<String> {
    let file = folder.join(format!("{database}.dump"));
    files::write_private(&file, "")?;
    let mut command = server.url.client(server.program("pg_dump")?);
    command.arg("--format=custom").arg(format!("--file={}", file.display())).arg("-d").arg(server.url.database(database));
    run(&mut command).map_err(|_| sentence!("The database {database} could not be dumped; pg_dump says above why."))?;
    let failure = |source| Failure::Program { program: "pg_restore".to_owned(), source };
    let mut child = Command::new(server.program("pg_restore")?)
        .args(["--data-only", "--table=__diesel_schema_migrations", "--file=-"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failure)?;
    let lines = child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(std::result::Result::ok);
    let latest = lines.filter_map(|line| manifest::migration(&line).map(str::to_owned)).max();
    child.wait().map_err(failure)?;
    latest.ok_or_else(|| sentence!("The database {database} has no Rowlock schema, so no backup was written."))
}

/// Copies the secrets that are needed to read the databases, if they are known.
fn keep_secrets(system: &System, folder: &Path) -> Result<()> {
    let keep = |from: &Path, name: &str| files::write_private(&folder.join(name), files::read(from)?);
    let own = is_own_server(system);
    for (name, named_by) in KEYS {
        let own_key = system.secrets().join(name);
        if let Some(key) = variable(named_by) {
            keep(Path::new(&key), name).map_err(|_| sentence!("{named_by} names {key}, which cannot be read."))?;
        } else if own && own_key.exists() {
            keep(&own_key, name)?;
        }
    }
    let login = system.folder().join("admin-login.json");
    if own && login.exists() {
        keep(&login, "admin-login.json")?;
    }
    Ok(())
}

/// A folder under a temporary name, which is deleted unless it is finished.
struct Unfinished(PathBuf);

impl Unfinished {
    fn create(folder: &Path) -> Result<Self> {
        shell::clean_up_on_signals()?;
        let mut name = folder.as_os_str().to_owned();
        name.push(".new");
        let path = PathBuf::from(name);
        if let Some(parent) = path.parent() {
            files::make_folder(parent)?;
        }
        files::delete(&path)?;
        files::make_private_folder(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn finish(self, folder: &Path) -> Result<()> {
        std::fs::rename(&self.0, folder).map_err(Failure::file(folder, "created"))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = files::delete(&self.0);
    }
}
