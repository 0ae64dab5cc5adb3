//! Tests of the binary: invalid settings, migrations, and shutdown on a signal.

use std::process::{Command, Output};

use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::BookingTemplate;
use secrecy::ExposeSecret;

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_booking-service")).args(arguments).env_clear().envs(environment.iter().copied()).output().unwrap()
}

#[test]
fn one_message_names_every_invalid_setting_and_the_exit_code_is_2() {
    let output = run(
        &[],
        &[
            ("ROWLOCK__HTTP__LISTEN", "nowhere"),
            ("ROWLOCK__DATABASE__URL", "mysql://u:very-secret@h/d"),
            ("ROWLOCK__DATABASE__POOL_SIZE", "0"),
            ("ROWLOCK__OUTBOX__BATCH_SISE", "5"),
        ],
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in ["http.listen", "database.url", "database.pool_size", "amqp.url (ROWLOCK__AMQP__URL): must be set", "outbox.batch_sise"] {
        assert!(said.contains(name), "{name} is not named in: {said}");
    }
    assert!(!said.contains("very-secret"), "{said}");
}

#[test]
fn a_certificate_for_passes_that_cannot_be_used_is_named() {
    const CERTIFICATE: &str = include_str!("../../../tickets/src/wallet/testdata/pass.pem");
    const OTHER_CERTIFICATE: &str = include_str!("../../../tickets/src/wallet/testdata/other.pem");
    const KEY: &str = include_str!("../../../tickets/src/wallet/testdata/key.pem");
    const OTHER_KEY: &str = include_str!("../../../tickets/src/wallet/testdata/other-key.pem");
    for (certificates, key, problem) in [
        (CERTIFICATE, "", "wallet.key (ROWLOCK__WALLET__KEY): must be set, because wallet.certificates is"),
        ("", KEY, "wallet.certificates (ROWLOCK__WALLET__CERTIFICATES): must be set, because wallet.key is"),
        ("x", KEY, "wallet.certificates (ROWLOCK__WALLET__CERTIFICATES): the certificates must be X.509"),
        (OTHER_CERTIFICATE, KEY, "wallet.certificates (ROWLOCK__WALLET__CERTIFICATES): the first certificate must be that of a pass type"),
        (CERTIFICATE, "x", "wallet.key (ROWLOCK__WALLET__KEY): the key must be an RSA key"),
        (CERTIFICATE, OTHER_KEY, "wallet.key (ROWLOCK__WALLET__KEY): the key does not belong"),
    ] {
        let output = run(&[], &[("ROWLOCK__WALLET__CERTIFICATES", certificates), ("ROWLOCK__WALLET__KEY", key)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(problem), "{problem} is not named in: {said}");
        assert!(!said.contains("BEGIN"), "{said}");
    }
}

#[test]
fn an_invalid_argument_prints_the_usage() {
    let output = run(&["sell"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("unrecognized subcommand"));
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_needs_the_owner_role_and_can_be_repeated() {
    let database = TestDatabase::new(&BookingTemplate).await;
    let (service, owner) = (database.service_url(), database.owner_url());
    let url = ("ROWLOCK__DATABASE__URL", service.expose_secret());
    let without = run(&["migrate"], &[url]);
    assert_eq!(without.status.code(), Some(2));
    assert!(String::from_utf8(without.stderr).unwrap().contains("database.migration_url"));
    let as_service = run(&["migrate"], &[url, ("ROWLOCK__DATABASE__MIGRATION_URL", service.expose_secret())]);
    assert_eq!(as_service.status.code(), Some(1), "the role that serves cannot migrate");
    let repeated = run(&["migrate"], &[url, ("ROWLOCK__DATABASE__MIGRATION_URL", owner.expose_secret())]);
    assert_eq!(repeated.status.code(), Some(0), "{repeated:?}");
    assert!(String::from_utf8(repeated.stdout).unwrap().contains("up to date"));
    let failed = run(&["failed-messages", "list"], &[url]);
    assert_eq!(String::from_utf8(failed.stdout).unwrap(), "There are no failed messages.\n");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_lists_its_checks_and_fails_on_a_violation() {
    let database = TestDatabase::new(&BookingTemplate).await;
    let url = database.service_url();
    let url = ("ROWLOCK__DATABASE__URL", url.expose_secret());
    let sound = run(&["audit"], &[url]);
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    let lines = String::from_utf8(sound.stdout).unwrap();
    assert!(lines.lines().count() >= 9 && lines.lines().all(|line| line.starts_with("ok ")), "{lines}");

    let plant = "INSERT INTO waitlist_entries (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, number, status, joined_at)
                 SELECT e, e, e, e, 'Ada', 'ada@example.org', 1, 1, 'waiting', now() FROM (SELECT gen_random_uuid() AS e) AS x";
    database.admin().await.batch_execute(plant).await.unwrap();
    let broken = run(&["audit"], &[url]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(
        String::from_utf8(broken.stdout).unwrap().contains("WRONG  1 waiting-list entries whose ticket type does not exist, one of them: ")
    );
    assert!(String::from_utf8(broken.stderr).unwrap().contains("audit failed"));
    database.close().await;
}

#[test]
fn a_health_check_without_a_service_fails_with_a_sentence() {
    let output =
        run(&["healthcheck"], &[("ROWLOCK__DATABASE__URL", "postgres://u@127.0.0.1:1/d"), ("ROWLOCK__MANAGEMENT__LISTEN", "127.0.0.1:1")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("does not respond"));
}
