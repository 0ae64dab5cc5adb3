//! Creates a PostgreSQL database for each test by copying a template that is migrated only once.
//!
//! The template's name contains a hash of its migrations, so a schema change produces a new template. The template is built
//! under an advisory lock and is renamed to its final name when it is complete, so any number of threads and processes can
//! request it concurrently. The roles match production: one owns the schema, the other can only read and write rows.

#![allow(clippy::expect_used, reason = "a test cannot continue without its servers and reports the cause by panicking")]

use std::future::Future;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use crate::environment::{block_on_thread, env_url};

/// Environment variable with the URL of the test PostgreSQL server; the role in the URL must be a superuser.
pub const DATABASE_ENV: &str = "ROWLOCK_TEST_DATABASE_URL";

/// Password of the test roles, for servers that require one. The roles exist only on the test server.
const PASSWORD: &str = "rowlock-test";
/// Key of the advisory lock that serializes the creation of templates across threads and processes.
const TEMPLATE_LOCK: i64 = 0x726f_776c_7465_7374;

/// Describes a template database: its name, its version and its migrations.
pub trait Template {
    /// Returns a short lower-case name, such as `booking`. The roles are named after it too.
    fn name(&self) -> &str;

    /// Returns a string that changes whenever the migrations change; see [`fingerprint`].
    fn fingerprint(&self) -> String;

    /// Migrates an empty database as its owner and grants the role in `service_url` the same rights as in production. All
    /// connections must be closed when it returns.
    fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> impl Future<Output = Result<(), String>> + Send;
}

/// Hashes texts into 16 hexadecimal digits, for [`Template::fingerprint`].
pub fn fingerprint<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update(part.len().to_string());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Database of a single test.
///
/// Call [`TestDatabase::close`] at the end of the test. If the value is dropped instead, for example because the test panics,
/// the destructor drops the database and prints a message to standard error if that fails.
#[derive(Debug)]
pub struct TestDatabase {
    admin_url: String,
    name: String,
    template: String,
    roles: Roles,
    open: bool,
}

#[derive(Debug, Clone)]
struct Roles {
    owner: String,
    service: String,
}

#[derive(QueryableByName)]
struct ExistsRow {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl TestDatabase {
    /// Creates a database on the test server.
    ///
    /// # Panics
    ///
    /// Panics if the environment variable is not set or the server cannot create the database.
    pub async fn new(template: &impl Template) -> Self {
        Self::create(&env_url(DATABASE_ENV), template).await.expect("cannot create the test database")
    }

    /// Creates a database on the server at `admin_url`, whose role must be a superuser.
    pub async fn create(admin_url: &str, template: &impl Template) -> Result<Self, String> {
        let roles = Roles {
            owner: format!("rowlock_test_{}_owner", template.name()),
            service: format!("rowlock_test_{}_service", template.name()),
        };
        let mut admin = connect(admin_url).await?;
        let source = ensure_template(&mut admin, admin_url, &roles, template).await?;
        let name = format!("rowlock_test_{}_{}", template.name(), Uuid::new_v4().simple());
        run(&mut admin, &format!("CREATE DATABASE {name} TEMPLATE {source} OWNER {}", roles.owner)).await?;
        let database = Self { admin_url: admin_url.to_owned(), name, template: source, roles, open: true };
        // CREATE DATABASE does not copy the privileges on the template.
        run(&mut admin, &grants(&database.name, &database.roles)).await?;
        Ok(database)
    }

    /// Returns the name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of the template that the database was copied from.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Returns a URL that connects as the superuser.
    pub fn admin_url(&self) -> SecretString {
        url_for(&self.admin_url, &self.name, None).into()
    }

    /// Returns a URL that connects as the role that owns the schema.
    pub fn owner_url(&self) -> SecretString {
        url_for(&self.admin_url, &self.name, Some(&self.roles.owner)).into()
    }

    /// Returns a URL that connects as the service role, which can only read and write rows.
    pub fn service_url(&self) -> SecretString {
        url_for(&self.admin_url, &self.name, Some(&self.roles.service)).into()
    }

    /// Opens a connection as the superuser, for inspecting and manipulating the data directly.
    ///
    /// # Panics
    ///
    /// Panics if the connection cannot be opened.
    pub async fn admin(&self) -> AsyncPgConnection {
        connect(&url_for(&self.admin_url, &self.name, None)).await.expect("cannot connect to the test database")
    }

    /// Leaves the database to its server, which ends with the test.
    pub fn abandon(mut self) {
        self.open = false;
    }

    /// Drops the database and terminates all connections to it.
    ///
    /// # Panics
    ///
    /// Panics if the database cannot be dropped.
    pub async fn close(mut self) {
        self.open = false;
        drop_database(&self.admin_url, &self.name).await.expect("cannot drop the test database");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.open {
            let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
            block_on_thread(async move { drop_database(&admin_url, &name).await });
        }
    }
}

async fn drop_database(admin_url: &str, name: &str) -> Result<(), String> {
    let mut admin = connect(admin_url).await?;
    run(&mut admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

async fn ensure_template(
    admin: &mut AsyncPgConnection,
    admin_url: &str,
    roles: &Roles,
    template: &impl Template,
) -> Result<String, String> {
    // The grants are part of the template, so a change to them must produce a new template as well.
    let hash = fingerprint([template.fingerprint(), grants("", roles), SCHEMA_GRANTS.to_owned()]);
    let name = format!("rowlock_template_{}_{hash}", template.name());
    if exists(admin, &name).await? {
        return Ok(name);
    }
    run(admin, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await?;
    // If building the template fails, closing the connection releases the lock.
    if !exists(admin, &name).await? {
        build_template(admin, admin_url, roles, template, &name).await?;
    }
    run(admin, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await?;
    Ok(name)
}

async fn build_template(
    admin: &mut AsyncPgConnection,
    admin_url: &str,
    roles: &Roles,
    template: &impl Template,
    name: &str,
) -> Result<(), String> {
    for role in [&roles.owner, &roles.service] {
        let create = format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' NOSUPERUSER NOCREATEDB NOCREATEROLE; \
             EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        );
        run(admin, &create).await?;
        // rowlock-postgres classifies errors by their English text, because diesel does not expose the SQLSTATE.
        run(admin, &format!("ALTER ROLE {role} SET lc_messages = 'C'")).await?;
    }
    let building = format!("{name}_b");
    run(admin, &format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)")).await?;
    run(admin, &format!("CREATE DATABASE {building} OWNER {}", roles.owner)).await?;
    run(admin, &grants(&building, roles)).await?;
    {
        let mut inside = connect(&url_for(admin_url, &building, None)).await?;
        let schema = SCHEMA_GRANTS.replace("{owner}", &roles.owner).replace("{service}", &roles.service);
        run(&mut inside, &schema).await?;
    }
    let owner_url = url_for(admin_url, &building, Some(&roles.owner)).into();
    let service_url = url_for(admin_url, &building, Some(&roles.service)).into();
    template.migrate(&owner_url, &service_url).await?;
    // The server notices a closed connection with a delay, and CREATE DATABASE fails while its template has connections.
    let terminate = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{building}'");
    let count_connections = format!("SELECT count(*) AS count FROM pg_stat_activity WHERE datname = '{building}'");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        run(admin, &terminate).await?;
        let remaining: Count = diesel::sql_query(count_connections.as_str()).get_result(admin).await.map_err(|error| error.to_string())?;
        if remaining.count == 0 || tokio::time::Instant::now() > deadline {
            break;
        }
        tokio::task::yield_now().await;
    }
    run(admin, &format!("ALTER DATABASE {building} RENAME TO {name}")).await?;
    run(admin, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await
}

const SCHEMA_GRANTS: &str = "REVOKE ALL ON SCHEMA public FROM PUBLIC; \
     ALTER SCHEMA public OWNER TO {owner}; \
     GRANT USAGE ON SCHEMA public TO {service};";

fn grants(database: &str, Roles { owner, service }: &Roles) -> String {
    format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {owner}, {service}")
}

async fn exists(admin: &mut AsyncPgConnection, name: &str) -> Result<bool, String> {
    let sql = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{name}' AND NOT datallowconn) AS found");
    let row: ExistsRow = diesel::sql_query(sql).get_result(admin).await.map_err(|error| error.to_string())?;
    Ok(row.found)
}

async fn connect(url: &str) -> Result<AsyncPgConnection, String> {
    AsyncPgConnection::establish(url).await.map_err(|error| format!("cannot connect to PostgreSQL: {error}"))
}

async fn run(conn: &mut AsyncPgConnection, sql: &str) -> Result<(), String> {
    conn.batch_execute(sql).await.map_err(|error| format!("{error} ({sql})"))
}

fn url_for(admin_url: &str, database: &str, role: Option<&str>) -> String {
    let mut url = Url::parse(admin_url).expect("the URL of the test server is valid");
    url.set_path(database);
    if let Some(role) = role {
        // These fail only for a URL without a host.
        let _ = url.set_username(role);
        let _ = url.set_password(Some(PASSWORD));
    }
    url.into()
}
