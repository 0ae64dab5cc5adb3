//! A PostgreSQL database for each test, copied from a template that is migrated once.
//!
//! The template's name holds a hash of its migrations, so a change of the schema makes a new one. It is built under
//! an advisory lock and gets its final name when it is complete: any number of threads and processes may ask for it.
//! The roles are like those of production: one owns the schema, the other only reads and writes rows.

#![allow(clippy::expect_used, reason = "a test cannot go on without its servers, and says why")]

use std::future::Future;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use crate::environment::{env_url, in_a_thread};

/// Where the tests find PostgreSQL, as a superuser.
pub const DATABASE_ENV: &str = "ROWLOCK_TEST_DATABASE_URL";

/// Serves servers that ask for a password. The roles exist on the test server only.
const PASSWORD: &str = "rowlock-test";
/// Makes templates one at a time, whoever makes them.
const TEMPLATE_LOCK: i64 = 0x726f_776c_7465_7374;

/// What a template must hold.
pub trait Template {
    /// A short name in lower case, such as `booking`; the roles are named after it too.
    fn name(&self) -> &str;

    /// Changes whenever the migrations change; see [`fingerprint`].
    fn fingerprint(&self) -> String;

    /// Migrates an empty database as its owner, and lets the role in `service_url` do what it may in production.
    /// Connections must be closed when it returns.
    fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> impl Future<Output = Result<(), String>> + Send;
}

/// A hash of texts, for [`Template::fingerprint`].
pub fn fingerprint<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update(part.len().to_string());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A database of one test.
///
/// Close it at the end. One that is only dropped, as when the test panics, is removed as well as can be.
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
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl TestDatabase {
    /// A fresh database on the server of the tests.
    ///
    /// # Panics
    ///
    /// When the environment names no server, or the server cannot do it: a test cannot go on then.
    pub async fn new(template: &impl Template) -> Self {
        Self::create(&env_url(DATABASE_ENV), template).await.expect("a database for the test")
    }

    /// A fresh database on the server at `admin_url`, which must name a superuser.
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
        // The rights on a database are not copied with it.
        run(&mut admin, &grants(&database.name, &database.roles)).await?;
        Ok(database)
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the template that it was copied from.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// As the superuser.
    pub fn admin_url(&self) -> SecretString {
        url_for(&self.admin_url, &self.name, None).into()
    }

    /// As the role that owns the schema.
    pub fn owner_url(&self) -> SecretString {
        url_for(&self.admin_url, &self.name, Some(&self.roles.owner)).into()
    }

    /// As the role that serves, which can read and write rows and nothing else.
    pub fn service_url(&self) -> SecretString {
        url_for(&self.admin_url, &self.name, Some(&self.roles.service)).into()
    }

    /// A connection as the superuser, for looking behind the scenes.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn admin(&self) -> AsyncPgConnection {
        connect(&url_for(&self.admin_url, &self.name, None)).await.expect("a connection to the test database")
    }

    /// Drops the database, whoever is connected to it.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn close(mut self) {
        self.open = false;
        drop_database(&self.admin_url, &self.name).await.expect("the test database can be dropped");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.open {
            let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
            in_a_thread(async move { drop_database(&admin_url, &name).await });
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
    // The rights that are granted here are a part of what the template is.
    let hash = fingerprint([template.fingerprint(), grants("", roles), SCHEMA_GRANTS.to_owned()]);
    let name = format!("rowlock_template_{}_{hash}", template.name());
    if exists(admin, &name).await? {
        return Ok(name);
    }
    run(admin, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await?;
    // On an error the lock goes with the connection.
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
        // Errors are told apart by their text, as diesel hides their code.
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
    // A dropped connection is closed a moment later, and a template may have none.
    let gone = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{building}'");
    let left = format!("SELECT count(*) AS count FROM pg_stat_activity WHERE datname = '{building}'");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        run(admin, &gone).await?;
        let left: Count = diesel::sql_query(left.as_str()).get_result(admin).await.map_err(|error| error.to_string())?;
        if left.count == 0 || tokio::time::Instant::now() > deadline {
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
    let found: Found = diesel::sql_query(sql).get_result(admin).await.map_err(|error| error.to_string())?;
    Ok(found.found)
}

async fn connect(url: &str) -> Result<AsyncPgConnection, String> {
    AsyncPgConnection::establish(url).await.map_err(|error| format!("cannot connect to PostgreSQL: {error}"))
}

async fn run(conn: &mut AsyncPgConnection, sql: &str) -> Result<(), String> {
    conn.batch_execute(sql).await.map_err(|error| format!("{error} ({sql})"))
}

fn url_for(admin_url: &str, database: &str, role: Option<&str>) -> String {
    let mut url = Url::parse(admin_url).expect("the URL of the test database is a URL");
    url.set_path(database);
    if let Some(role) = role {
        // Only refused for URLs without a host.
        let _ = url.set_username(role);
        let _ = url.set_password(Some(PASSWORD));
    }
    url.into()
}
