//! The schema: `migrate` creates it, `serve` waits for it, and it is the same after going down and up.

use auth_service::MIGRATIONS;
use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use rowlock_platform::clock::Clock;
use rowlock_postgres::{ConnectionLimits, connect, migrate, revert_all};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::tls::{Authority, TlsTerminator, server_config};
use rowlock_test_support::wait::until_some;
use secrecy::ExposeSecret;

use crate::support::{Empty, Migrated, Service, close, query, query_on, system};

/// Query that lists everything that a migration can create, one line each.
const CATALOG: &str = "
    SELECT value FROM (
        SELECT format('column %s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS value
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT format('relation %s %s %s', relname, relkind, reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT format('grant %s %s %s', relname, acl.grantee::regrole, acl.privilege_type) FROM pg_class, aclexplode(relacl) acl WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT format('type %s %s', typname, typtype) FROM pg_type WHERE typnamespace = 'public'::regnamespace
        UNION ALL SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT format('trigger %s %s', tgrelid::regclass, tgname) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'extension ' || extname FROM pg_extension
    ) catalog ORDER BY value";

#[tokio::test]
async fn migrations_can_be_reverted_and_reapplied() {
    let database = TestDatabase::new(&Migrated).await;
    let before = query(&database, CATALOG).await;
    assert!(before.iter().any(|line| line.starts_with("column accounts.email")), "{before:?}");
    revert_all(&database.owner_url(), MIGRATIONS).await.unwrap();
    let down = query(
        &database,
        "SELECT relname::text AS value FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_\\_diesel%'",
    )
    .await;
    assert_eq!(down, Vec::<String>::new());
    migrate(&database.owner_url(), &database.service_url(), MIGRATIONS).await.unwrap();
    assert_eq!(query(&database, CATALOG).await, before);
    database.close().await;
}

#[tokio::test]
async fn migrations_run_over_an_encrypted_connection() {
    let (database, authority) = (TestDatabase::new(&Empty).await, Authority::new("ours"));
    let certificate = server_config(&authority.issue("localhost"), None);
    let server = TlsTerminator::in_front_of_postgres(database.owner_url().expose_secret(), certificate).await;
    let mut owner_url = server.url.clone();
    owner_url.set_query(Some("sslmode=require"));
    let applied = migrate(&owner_url.as_str().into(), &database.service_url(), MIGRATIONS).await.unwrap();
    assert_eq!((applied.is_empty(), server.encrypted()), (false, 1));
    database.close().await;
}

#[tokio::test]
async fn services_wait_for_concurrent_migrations() {
    let database = TestDatabase::new(&Empty).await;
    let services = [(); 2].map(|()| Service::launch(&database.service_url(), &[], Clock::system()));
    for service in &services {
        // The management server responds immediately and reports what is missing; the public server responds later.
        let reason = until_some("the missing schema is named", async || {
            let failing = service.readiness().await.expect(503)["failing"].clone();
            failing["database"].as_str().filter(|reason| reason.contains("migrate")).map(str::to_owned)
        })
        .await;
        assert!(reason.contains("the schema is at version (none)"), "{reason}");
    }
    let early = tokio::spawn(services[0].request(reqwest::Method::GET, "/.well-known/jwks.json").send());
    let (owner, service_url) = (database.owner_url(), database.service_url());
    for ran in join_all([(); 2].map(|()| migrate(&owner, &service_url, MIGRATIONS))).await {
        ran.unwrap();
    }
    for service in &services {
        service.ready().await;
        service.get("/.well-known/jwks.json").await.expect(200);
    }
    assert_eq!(early.await.unwrap().unwrap().status(), 200, "a request that came too early was kept");
    close(database, services).await;
}

#[tokio::test]
async fn a_service_that_waits_for_the_schema_can_be_stopped() {
    let database = TestDatabase::new(&Empty).await;
    let service = Service::launch(&database.service_url(), &[], Clock::system());
    close(database, [service]).await;
}

#[tokio::test]
async fn the_service_role_cannot_change_the_schema() {
    let (database, service) = system().await;
    let mut conn = connect(&database.service_url(), ConnectionLimits::default(), "test").await.unwrap();
    for statement in [
        "CREATE TABLE more (id int)",
        "DROP TABLE sessions",
        "ALTER TABLE accounts ADD COLUMN more int",
        "CREATE INDEX more ON accounts (name)",
        "TRUNCATE sessions",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA more",
        "DELETE FROM __diesel_schema_migrations",
    ] {
        let error = conn.batch_execute(statement).await.unwrap_err().to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{statement}: {error}");
    }
    assert_eq!(query_on(&mut conn, "SELECT count(*)::text AS value FROM accounts").await, ["0"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn the_schema_rejects_invalid_rows() {
    let (database, service) = system().await;
    service.first_admin().await;
    let mut conn = database.admin().await;
    for statement in [
        "UPDATE accounts SET role = 'root'",
        "UPDATE accounts SET role = 'user'",
        "UPDATE accounts SET name = ''",
        "UPDATE accounts SET password_hash = 'correct horse battery'",
        "UPDATE accounts SET username = 'two words'",
        "UPDATE accounts SET username_key = ''",
        "UPDATE accounts SET email_key = 'ada'",
        "UPDATE accounts SET admin_role = 'root'",
        "UPDATE accounts SET totp_enabled_at = now()",
        "UPDATE accounts SET totp_last_step = 1",
        "UPDATE sessions SET generation = -1",
        "UPDATE sessions SET generation = 1",
        "UPDATE sessions SET ended_at = now()",
        "UPDATE sessions SET ended_at = now(), end_reason = 'because'",
        "UPDATE sessions SET expires_at = created_at",
        "UPDATE signing_keys SET private_key = public_key",
        "UPDATE signing_keys SET signs_from = created_at - interval '1 second'",
        "INSERT INTO sessions (id, account_id, expires_at) VALUES (gen_random_uuid(), gen_random_uuid(), now() + interval '1 day')",
    ] {
        let error = conn.batch_execute(statement).await.unwrap_err().to_string();
        assert!(error.contains("constraint"), "{statement}: {error}");
    }
    close(database, [service]).await;
}
