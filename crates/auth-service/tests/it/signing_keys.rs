//! Signing keys: one signs, a new one is published before it signs, and private keys leave the process only encrypted.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use futures_util::future::join_all;
use hkdf::Hkdf;
use rowlock_platform::clock::Clock;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::wait::{until, until_some};
use serde_json::Value;
use sha2::Sha256;

use crate::command_line::run;
use crate::support::{ENCRYPTION_KEY, Migrated, Service, close, environment, query, sql, system, system_with, text};

pub(crate) fn kid_of(token: &Value) -> String {
    let header = text(token).split('.').next().map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    text(&serde_json::from_slice::<Value>(&header).unwrap()["kid"])
}

async fn published(service: &Service) -> Vec<String> {
    let keys = service.get("/.well-known/jwks.json").await.expect(200);
    keys["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"])).collect()
}

/// Returns the private keys, decrypted as the service does it.
pub(crate) async fn private_keys(database: &TestDatabase) -> Vec<Vec<u8>> {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, ENCRYPTION_KEY.as_bytes()).expand(b"rowlock/auth/signing-keys/v1", &mut key).unwrap();
    let cipher = ChaCha20Poly1305::new(&key.into());
    let rows = query(database, "SELECT kid || ' ' || encode(private_key, 'hex') AS value FROM signing_keys").await;
    let open = |row: &String| {
        let (kid, sealed) = row.split_once(' ').unwrap();
        let sealed: Vec<u8> = (0..sealed.len()).step_by(2).map(|at| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap()).collect();
        let (nonce, text) = sealed.split_first_chunk::<12>().unwrap();
        let key = cipher.decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: kid.as_bytes() }).unwrap();
        assert_eq!(key.len(), 32);
        key
    };
    rows.iter().map(open).collect()
}

#[tokio::test]
async fn only_the_public_part_of_the_keys_is_published() {
    let (database, service) = system().await;
    let answer = service.get("/.well-known/jwks.json").await;
    assert_eq!(answer.headers["cache-control"], "public, max-age=30");
    assert_eq!(answer.headers["content-type"], "application/json");
    let keys = answer.expect(200);
    assert_eq!(keys.as_object().unwrap().len(), 1);
    let key = keys["keys"][0].as_object().unwrap();
    let mut members: Vec<_> = key.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!((text(&key["kty"]), text(&key["crv"]), text(&key["alg"])), ("OKP".into(), "Ed25519".into(), "EdDSA".into()));
    assert_eq!(URL_SAFE_NO_PAD.decode(text(&key["x"])).unwrap().len(), 32);
    close(database, [service]).await;
}

#[tokio::test]
async fn services_that_start_together_create_one_key() {
    let database = TestDatabase::new(&Migrated).await;
    let services: Vec<_> = (0..4).map(|_| Service::launch(&database.service_url(), &[], Clock::system())).collect();
    for service in &services {
        service.ready().await;
    }
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM signing_keys").await, ["1"]);
    services[0].create_account("ada").await;
    for (signing, checking) in services.iter().zip(services.iter().rev()) {
        let login = signing.log_in("ada").await;
        checking.get_as(&text(&login["token"]), "/api/account").await.expect(200);
    }
    close(database, services).await;
}

#[tokio::test]
async fn a_restarted_service_signs_with_the_same_key() {
    let (database, service) = system().await;
    let token = service.user("ada").await;
    service.stop().await;
    let again = Service::start(&database, &[]).await;
    again.get_as(&token, "/api/account").await.expect(200);
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM signing_keys").await, ["1"]);
    close(database, [again]).await;
}

/// Stores another service's key that was encrypted with the same encryption key.
async fn store_second_key(database: &TestDatabase, signs_from: &str) -> String {
    let (other, service) = system().await;
    let signs_from = signs_from.replace('\'', "''");
    let copy = format!(
        "SELECT format('INSERT INTO signing_keys (kid, public_key, private_key, created_at, signs_from) VALUES (%L, %L, %L, now(), {signs_from})', kid, public_key, private_key) AS value FROM signing_keys"
    );
    let insert = query(&other, &copy).await.remove(0);
    let kid = published(&service).await.remove(0);
    sql(database, &insert).await;
    close(other, [service]).await;
    kid
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_stays_published() {
    let (database, service) = system_with(&[("KEYS__PUBLISH_AHEAD_SECONDS", "1")]).await;
    service.create_account("ada").await;
    let first = service.log_in("ada").await;
    let old = kid_of(&first["token"]);
    let new = store_second_key(&database, "now() + interval '1 hour'").await;
    until("the new key is public", async || published(&service).await.contains(&new)).await;
    assert_eq!(kid_of(&service.log_in("ada").await["token"]), old);
    // Ends the publication period early.
    sql(&database, "UPDATE signing_keys SET signs_from = clock_timestamp() WHERE signs_from > now()").await;
    let second = until_some("the new key signs", async || {
        let login = service.log_in("ada").await;
        (kid_of(&login["token"]) == new).then_some(login)
    })
    .await;
    for login in [&first, &second] {
        service.get_as(&text(&login["token"]), "/api/account").await.expect(200);
    }
    sql(&database, &format!("UPDATE signing_keys SET retired_at = now() WHERE kid = '{old}'")).await;
    until("the old key is gone", async || published(&service).await == [new.clone()]).await;
    close(database, [service]).await;
}

#[tokio::test]
async fn a_token_of_a_new_key_is_accepted() {
    // This service reads the keys every ten seconds.
    let (database, service) = system().await;
    service.create_account("ada").await;
    store_second_key(&database, "now()").await;
    let newer = Service::start(&database, &[]).await;
    let login = newer.log_in("ada").await;
    // The first service read the keys at its start and fetches them for an unknown key id at most once in ten seconds.
    until("the token is good", async || service.get_as(&text(&login["token"]), "/api/account").await.status == 200).await;
    close(database, [service, newer]).await;
}

#[tokio::test]
async fn a_new_key_is_created_when_the_only_one_is_retired() {
    let (database, service) = system_with(&[("KEYS__PUBLISH_AHEAD_SECONDS", "1")]).await;
    service.create_account("ada").await;
    let old = kid_of(&service.log_in("ada").await["token"]);
    sql(&database, "UPDATE signing_keys SET retired_at = now()").await;
    until("another key signs", async || kid_of(&service.log_in("ada").await["token"]) != old).await;
    assert!(!published(&service).await.contains(&old));
    close(database, [service]).await;
}

#[tokio::test]
async fn a_wrong_encryption_key_is_reported_and_no_key_is_created() {
    let (database, service) = system().await;
    let changes = [("KEYS__ENCRYPTION_KEY", "not the key that the signing key was stored with")];
    let other = Service::launch(&database.service_url(), &changes, Clock::system());
    let failing = until_some("the database is there and the key is not", async || {
        let failing = other.readiness().await.expect(503)["failing"].clone();
        failing["database"].is_null().then_some(failing)
    })
    .await;
    assert!(failing["signing key"].is_string(), "{failing}");
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM signing_keys").await, ["1"]);
    close(database, [service, other]).await;
}

#[tokio::test]
async fn the_private_key_is_encrypted_in_the_database() {
    let (database, service) = system().await;
    let ours = query(&database, "SELECT encode(private_key, 'hex') AS value FROM signing_keys").await;
    assert_eq!(ours[0].len(), 120);
    // A private key cannot be moved to the row of another key.
    let new = store_second_key(&database, "now()").await;
    sql(
        &database,
        &format!("UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE kid <> '{new}') WHERE kid = '{new}'"),
    )
    .await;
    let other = Service::launch(&database.service_url(), &[], Clock::system());
    until("the key is refused", async || other.readiness().await.body["failing"]["signing key"].is_string()).await;
    close(database, [service, other]).await;
}

/// Runs `rotate-keys` with changed settings and returns its exit code, standard output and standard error.
async fn rotate(database: &TestDatabase, changes: &[(&str, &str)]) -> (i32, String, String) {
    run(environment(&database.service_url(), changes), &["rotate-keys"]).await
}

/// Moves all times of the keys into the past, as if the interval had passed.
async fn let_pass(database: &TestDatabase, interval: &str) {
    let earlier = format!(
        "UPDATE signing_keys SET created_at = created_at - interval '{interval}', signs_from = signs_from - interval '{interval}',
                                 retired_at = retired_at - interval '{interval}'"
    );
    sql(database, &earlier).await;
}

#[tokio::test]
async fn rotating_keys_ends_no_session() {
    let (database, service) = system_with(&[("KEYS__PUBLISH_AHEAD_SECONDS", "1")]).await;
    service.create_account("ada").await;
    let first = service.log_in("ada").await;
    let (old, token) = (kid_of(&first["token"]), text(&first["token"]));
    let works = async || service.get_as(&token, "/api/account").await.expect(200);

    let (code, output, error) = rotate(&database, &[("KEYS__PUBLISH_AHEAD_SECONDS", "3600")]).await;
    assert_eq!(code, 0, "{error}");
    until("the new key is public", async || published(&service).await.len() == 2).await;
    let new = published(&service).await.into_iter().find(|kid| *kid != old).unwrap();
    let [made, served] = output.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(made.contains(&format!("Created the key {new}")) && made.contains(" signs from 20"), "{output}");
    assert!(served.contains(&format!("The key {old} is published until 20")), "{output}");
    let times = "SELECT (n.signs_from - n.created_at)::text || ', ' || (o.retired_at - n.signs_from)::text AS value
                 FROM signing_keys n, signing_keys o WHERE n.retired_at IS NULL AND o.retired_at IS NOT NULL";
    assert_eq!(query(&database, times).await, ["01:00:00, 00:16:00"], "fifteen minutes that tokens live, and a margin");
    assert_eq!(kid_of(&service.log_in("ada").await["token"]), old, "its time has not come");
    works().await;

    let_pass(&database, "1 hour").await;
    let second = until_some("the new key signs", async || {
        let login = service.log_in("ada").await;
        (kid_of(&login["token"]) == new).then_some(login)
    })
    .await;
    works().await;
    service.get_as(&text(&second["token"]), "/api/account").await.expect(200);
    assert_eq!(published(&service).await.len(), 2);

    let_pass(&database, "16 minutes").await;
    until("the old key is gone", async || published(&service).await == [new.clone()]).await;
    // The session outlives the keys and gets a token signed with the new one.
    let refreshed = service.refresh(&first["refreshToken"]).await.expect(200);
    assert_eq!(kid_of(&refreshed["token"]), new);
    let (code, output, error) = rotate(&database, &[]).await;
    assert_eq!(code, 0, "{error}");
    assert!(output.contains(&format!("The key {new} is published until ")) && !output.contains(&old), "{output}");
    close(database, [service]).await;
}

#[tokio::test]
async fn no_key_is_added_while_one_does_not_sign_yet() {
    let (database, service) = system().await;
    let rotations = join_all((0..4).map(|_| rotate(&database, &[]))).await;
    let (added, refused): (Vec<_>, Vec<_>) = rotations.into_iter().partition(|(code, ..)| *code == 0);
    assert_eq!((added.len(), refused.len()), (1, 3), "of four at once one adds a key: {added:?} {refused:?}");
    let kid = query(&database, "SELECT kid AS value FROM signing_keys WHERE signs_from > now()").await.remove(0);
    let later = rotate(&database, &[]).await;
    for (code, output, error) in refused.into_iter().chain([later]) {
        assert_eq!((code, output.as_str()), (1, ""));
        assert!(
            error.contains(&format!("nothing was changed: the key {kid} is pending")) && error.contains("run this command again"),
            "{error}"
        );
    }
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM signing_keys").await, ["2"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn no_key_is_added_with_a_wrong_encryption_key_or_without_a_predecessor() {
    let database = TestDatabase::new(&Migrated).await;
    let (code, _, error) = rotate(&database, &[]).await;
    assert!(code == 1 && error.contains("creates the first one when it starts"), "{code} {error}");
    let service = Service::start(&database, &[]).await;
    let changes = [("KEYS__ENCRYPTION_KEY", "not the key that the signing key was stored with")];
    let (code, _, error) = rotate(&database, &changes).await;
    assert!(code == 1 && error.contains("encrypted with a different keys.encryption_key"), "{code} {error}");
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM signing_keys").await, ["1"]);
    close(database, [service]).await;
}
