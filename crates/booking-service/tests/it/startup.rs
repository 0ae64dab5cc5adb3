//! Start-up on an empty database: services wait for their schema, and no service role can change it.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_inventory::MIGRATIONS;
use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use rowlock_postgres::{ConnectionLimits, connect, migrate, revert_all};
use rowlock_test_support::broker::TestBroker;
use rowlock_test_support::database::{Template, TestDatabase};
use rowlock_test_support::system::{SEALING_KEY, System, environment, ready, start_auth};
use secrecy::{ExposeSecret, SecretString};

/// A template with roles but without a schema.
struct Empty(&'static str);

impl Template for Empty {
    fn name(&self) -> &str {
        self.0
    }

    fn fingerprint(&self) -> String {
        "empty".to_owned()
    }

    async fn migrate(&self, _: &SecretString, _: &SecretString) -> Result<(), String> {
        Ok(())
    }
}

fn start_booking(database: &TestDatabase, broker: &TestBroker, auth: &Running) -> Running {
    let settings = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("management.listen", "127.0.0.1:0".to_owned()),
        ("database.url", database.service_url().expose_secret().to_owned()),
        ("amqp.url", broker.settings().url.expose_secret().to_owned()),
        ("amqp.prefix", broker.settings().prefix),
        ("sealing.key", SEALING_KEY.to_owned()),
        ("tokens.jwks_url", format!("http://{}/.well-known/jwks.json", auth.http_addr().unwrap())),
    ];
    booking_service::start(booking_service::BookingSettings::load(None, environment(&settings, &[])).unwrap(), Clock::system()).unwrap()
}

fn start_worker(database: &TestDatabase, broker: &TestBroker) -> Running {
    let settings = [
        ("management.listen", "127.0.0.1:0".to_owned()),
        ("database.url", database.service_url().expose_secret().to_owned()),
        ("amqp.url", broker.settings().url.expose_secret().to_owned()),
        ("amqp.prefix", broker.settings().prefix),
    ];
    reallocation_worker::start(reallocation_worker::WorkerSettings::load(None, environment(&settings, &[])).unwrap(), Clock::system())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn services_wait_for_the_schema_while_two_migrations_run_concurrently() {
    let (auth_database, booking_database) =
        tokio::join!(TestDatabase::new(&Empty("empty_auth")), TestDatabase::new(&Empty("empty_booking")));
    let broker = TestBroker::new();
    let auths = [start_auth(&auth_database, &broker, &[]), start_auth(&auth_database, &broker, &[])];
    let bookings = [start_booking(&booking_database, &broker, &auths[0]), start_booking(&booking_database, &broker, &auths[1])];
    let workers = [start_worker(&booking_database, &broker), start_worker(&booking_database, &broker)];
    let http = reqwest::Client::new();
    for running in auths.iter().chain(&bookings).chain(&workers) {
        let waiting = http.get(format!("http://{}/health/ready", running.management_addr())).send().await.unwrap();
        assert_eq!(waiting.status(), 503);
        assert!(waiting.text().await.unwrap().contains("migrate"), "says what it waits for");
    }

    let run = async |database: &TestDatabase, migrations| {
        migrate(&database.owner_url(), &database.service_url(), migrations).await.unwrap().len()
    };
    let (a, b, c, d) = tokio::join!(
        run(&auth_database, auth_service::MIGRATIONS),
        run(&auth_database, auth_service::MIGRATIONS),
        run(&booking_database, MIGRATIONS),
        run(&booking_database, MIGRATIONS),
    );
    assert!((a == 0) != (b == 0) && (c == 0) != (d == 0), "one does it, the other finds it done: {a} {b} {c} {d}");

    for running in auths.iter().chain(&bookings).chain(&workers) {
        ready(running.management_addr()).await;
    }
    for running in workers.into_iter().chain(bookings).chain(auths) {
        running.stop().await.unwrap();
    }
    broker.close().await;
    auth_database.close().await;
    booking_database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_can_change_the_schema_or_read_the_other_database() {
    let system = System::new().await;
    for database in [&system.auth_database, &system.booking_database] {
        let mut conn = connect(&database.service_url(), ConnectionLimits::default(), "test").await.unwrap();
        for statement in [
            "CREATE TABLE mine (id int)",
            "ALTER TABLE __diesel_schema_migrations ADD COLUMN mine int",
            "DELETE FROM __diesel_schema_migrations",
            "DROP TABLE __diesel_schema_migrations",
            "CREATE SCHEMA mine",
            "TRUNCATE __diesel_schema_migrations",
        ] {
            let refused = conn.batch_execute(statement).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{statement}: {refused}");
        }
    }
    // The role of one database cannot connect to the other one.
    let mut wrong = url::Url::parse(system.booking_database.service_url().expose_secret()).unwrap();
    wrong.set_path(system.auth_database.name());
    let refused =
        connect(&SecretString::from(String::from(wrong)), ConnectionLimits::default(), "test").await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("permission denied"), "{refused}");
    system.stop().await;
}

#[derive(QueryableByName)]
struct SchemaLine {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Query that lists every part of a schema from the catalogs.
const SCHEMA: &str = "
SELECT line FROM (
    SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('relation %s %s %s', relname, relkind, reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace
) AS lines WHERE line NOT LIKE '%__diesel_schema_migrations%' ORDER BY line";

async fn schema(conn: &mut AsyncPgConnection) -> Vec<String> {
    diesel::sql_query(SCHEMA).load::<SchemaLine>(conn).await.unwrap().into_iter().map(|row| row.line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_can_be_reverted_and_reapplied_without_a_difference() {
    let database = TestDatabase::new(&Empty("empty_booking")).await;
    let mut conn = database.admin().await;
    migrate(&database.owner_url(), &database.service_url(), MIGRATIONS).await.unwrap();
    let up = schema(&mut conn).await;
    assert!(up.iter().any(|line| line.contains("tickets_add_up") || line.contains("capacity")), "{up:?}");
    revert_all(&database.owner_url(), MIGRATIONS).await.unwrap();
    assert_eq!(schema(&mut conn).await, Vec::<String>::new());
    migrate(&database.owner_url(), &database.service_url(), MIGRATIONS).await.unwrap();
    assert_eq!(schema(&mut conn).await, up);
    database.close().await;
}
