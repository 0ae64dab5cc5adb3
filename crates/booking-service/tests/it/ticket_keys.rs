//! Ticket keys: one signs, earlier ones still verify, and the codes of a removed one admit nobody.

use std::process::{Command, Output};

use reqwest::Method;
use rowlock_test_support::client::{Client, Person, TestResponse};
use rowlock_test_support::system::{Plan, SEALING_KEY, System};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::text;
use crate::tickets::tickets;

/// Runs `booking-service ticket-keys` on the database of a system.
fn ticket_keys(system: &System, sealing_key: &str, arguments: &[&str]) -> Output {
    let url = system.booking_database.service_url();
    let environment = [
        ("ROWLOCK__DATABASE__URL", url.expose_secret()),
        ("ROWLOCK__AMQP__URL", "amqp://nobody@127.0.0.1:1/"),
        ("ROWLOCK__SEALING__KEY", sealing_key),
        ("ROWLOCK__LOG__LEVEL", "error"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_booking-service"));
    command.arg("ticket-keys").args(arguments).env_clear().envs(environment).output().unwrap()
}

/// Runs it with success and returns what it prints.
fn done(system: &System, arguments: &[&str]) -> String {
    let output = ticket_keys(system, SEALING_KEY, arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it without success and returns the reason.
fn failed(system: &System, arguments: &[&str]) -> String {
    let output = ticket_keys(system, SEALING_KEY, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Returns the ids of the published keys.
async fn published(client: &Client) -> Vec<String> {
    let set = client.get("/.well-known/ticket-keys.json").await.expect(200);
    set["keys"].as_array().unwrap().iter().map(|key| text(&key["kid"])).collect()
}

async fn codes(holder: &Person, booking: &str) -> Vec<String> {
    tickets(holder, booking).await.iter().map(|ticket| text(&ticket["code"])).collect()
}

async fn check_in(door: &Client, event: &str, code: &str) -> TestResponse {
    door.post(&format!("/admin/events/{event}/checkins"), json!({"code": code})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_the_new_key_signs_and_earlier_tickets_still_admit() {
    let system = Plan::default().workers(0).bookings(2).start().await;
    let event = system.event(3).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 3).await;
    assert!(failed(&system, &["rotate"]).contains("there is no ticket key to replace"));
    assert_eq!(done(&system, &["list"]), "There are no ticket keys yet. The first ticket creates one.\n");
    let old_codes = codes(&ada, &booking).await;
    let [first] = &published(&system.visitor()).await[..] else { panic!("one key") };
    let other = ticket_keys(&system, "another key that has 32 characters", &["rotate"]);
    assert!(String::from_utf8(other.stderr).unwrap().contains("it was sealed with another sealing.key"));

    // The new key is published a day before it signs.
    assert!(done(&system, &["rotate"]).contains("is published now and signs the codes of tickets from"));
    assert!(failed(&system, &["rotate"]).contains("is pending and signs from"));
    let replicas: Vec<_> = system.booking_urls().into_iter().map(|url| system.admin().client.at(url)).collect();
    for replica in &replicas {
        until("the new key is published", async || published(replica).await.len() == 2).await;
    }
    let [second, before] = &published(&replicas[0]).await[..] else { panic!("two keys") };
    assert_eq!(before, first);
    assert_eq!(codes(&ada, &booking).await, old_codes, "it does not sign yet");
    let list = done(&system, &["list"]);
    assert!(list.contains(&format!("{second}  published; signs from")) && list.contains(&format!("{first}  signs since")), "{list}");

    assert!(done(&system, &["rotate", "--now"]).contains(second.as_str()), "the pending key signs at once");
    until("the new key signs", async || codes(&ada, &booking).await != old_codes).await;
    let new_codes = codes(&ada, &booking).await;
    assert_eq!(published(&replicas[0]).await, [second.clone(), first.clone()]);
    assert!(done(&system, &["list"]).contains(&format!("{first}  signed since")));
    // Both replicas admit with codes of both keys, and the two codes of a ticket admit once.
    check_in(&replicas[0], &event, &old_codes[0]).await.expect(201);
    check_in(&replicas[1], &event, &old_codes[1]).await.expect(201);
    check_in(&replicas[1], &event, &new_codes[1]).await.refused(409, "already-checked-in");
    check_in(&replicas[1], &event, &new_codes[2]).await.expect(201);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codes_of_a_removed_key_are_refused_and_the_tickets_get_others() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(2).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 2).await;
    let old_codes = codes(&ada, &booking).await;
    let [leaked] = &published(&system.visitor()).await[..] else { panic!("one key") };
    assert!(failed(&system, &["remove", leaked]).contains("rotate --now"), "the key that signs cannot be removed");
    assert!(failed(&system, &["remove", "-unknown"]).contains("there is no published ticket key -unknown"));

    done(&system, &["rotate", "--now"]);
    assert!(done(&system, &["remove", leaked]).contains("admit nobody any more"));
    assert!(failed(&system, &["remove", leaked]).contains("there is no published ticket key"));
    assert!(done(&system, &["list"]).contains(&format!("{leaked}  removed at")));
    let door = &system.admin().client;
    until("the key is no longer published", async || !published(door).await.contains(leaked)).await;
    assert_eq!(published(door).await.len(), 1);

    let refused = check_in(door, &event, &old_codes[0]).await.refused(422, "ticket-invalid");
    assert_eq!(refused["reason"], "key-removed");
    assert!(text(&refused["detail"]).contains("look for the name in the door list"), "{refused}");
    let scans = json!({"scans": [{"code": old_codes[0], "scannedAt": "2026-01-01T00:00:00Z"}]});
    let batch = door.post(&format!("/admin/events/{event}/checkins/batch"), scans).await.expect(200);
    assert_eq!((&batch["results"][0]["status"], &batch["results"][0]["reason"]), (&json!("ticket-invalid"), &json!("key-removed")));
    // Only what the key has signed is told from forgeries.
    let mut forged = old_codes[0].clone().into_bytes();
    forged[160] = if forged[160] == b'A' { b'B' } else { b'A' };
    let forged = check_in(door, &event, &String::from_utf8(forged).unwrap()).await.refused(422, "ticket-invalid");
    assert_eq!(forged["reason"], "forged");

    let new_codes = codes(&ada, &booking).await;
    check_in(door, &event, &new_codes[0]).await.expect(201);
    let listed = json!({"bookingId": booking, "number": 1});
    door.send(Method::POST, &format!("/admin/events/{event}/checkins"), &[], Some(listed.to_string().into_bytes())).await.expect(201);
    let entry: &Value = &tickets(&ada, &booking).await[1];
    assert_eq!(entry["status"], "used");
    system.check().await;
    system.stop().await;
}
