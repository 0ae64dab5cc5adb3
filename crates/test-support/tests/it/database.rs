//! Tests that test databases are isolated from each other and that their roles have the same rights as in production.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use rowlock_test_support::database::{DATABASE_ENV, Template, TestDatabase, fingerprint};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// A template with a unique fingerprint, so that no other test has built it.
struct UniqueTemplate(String);

impl Template for UniqueTemplate {
    fn name(&self) -> &'static str {
        "tools"
    }

    fn fingerprint(&self) -> String {
        fingerprint([&self.0])
    }

    async fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> Result<(), String> {
        let service = url::Url::parse(service_url.expose_secret()).unwrap().username().to_owned();
        let mut owner = open(owner_url).await?;
        let sql = format!("CREATE TABLE things (id int PRIMARY KEY); GRANT SELECT, INSERT ON things TO {service}");
        owner.batch_execute(&sql).await.map_err(|error| error.to_string())
    }
}

async fn open(url: &SecretString) -> Result<AsyncPgConnection, String> {
    AsyncPgConnection::establish(url.expose_secret()).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn concurrent_requests_for_a_new_template_build_it_once() {
    let template = std::sync::Arc::new(UniqueTemplate(Uuid::new_v4().to_string()));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let template = template.clone();
            tokio::spawn(async move { TestDatabase::new(&*template).await })
        })
        .collect();
    let mut databases = Vec::new();
    for task in tasks {
        databases.push(task.await.unwrap());
    }
    for database in &databases {
        let mut service = open(&database.service_url()).await.unwrap();
        service.batch_execute("INSERT INTO things VALUES (1)").await.expect("the databases are independent");
    }
    let mut templates: Vec<_> = databases.iter().map(|database| database.template().to_owned()).collect();
    templates.dedup();
    assert_eq!(templates.len(), 1, "{templates:?}");
    for database in databases.drain(1..) {
        database.close().await;
    }
    let last = databases.remove(0);
    let url = last.admin_url();
    drop(last);
    assert!(open(&url).await.is_err(), "dropping the value drops the database");
    // The fingerprint is unique, so no other test will use this template.
    let mut admin = open(&std::env::var(DATABASE_ENV).unwrap().into()).await.unwrap();
    admin.batch_execute(&format!("DROP DATABASE {}", templates.remove(0))).await.unwrap();
}

#[tokio::test]
async fn the_service_role_can_only_read_and_write_rows() {
    let database = TestDatabase::new(&UniqueTemplate("least privilege".to_owned())).await;
    let mut service = open(&database.service_url()).await.unwrap();
    service.batch_execute("INSERT INTO things VALUES (1); SELECT * FROM things").await.unwrap();
    for forbidden in [
        "CREATE TABLE mine (id int)",
        "ALTER TABLE things ADD COLUMN x int",
        "DROP TABLE things",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "DELETE FROM things",
    ] {
        assert!(service.batch_execute(forbidden).await.is_err(), "{forbidden}");
    }
    let mut owner = open(&database.owner_url()).await.unwrap();
    owner.batch_execute("ALTER TABLE things ADD COLUMN x int; CREATE TABLE more (id int)").await.unwrap();
    drop((service, owner));
    database.close().await;
}
