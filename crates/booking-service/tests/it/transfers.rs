//! Transfers through the API: who can offer, see, accept, decline and withdraw them, and what is answered otherwise.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use reqwest::Method;
use rowlock_domain::states::AdminRole;
use rowlock_sealing::{SealingKeys, TRANSFER_NOTICE, TransferNotice};
use rowlock_test_support::client::{Person, TestResponse};
use rowlock_test_support::system::{Plan, SEALING_KEY, System};
use rowlock_test_support::transfers::OfferedTransfer;
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::{cancel_event, each, read_all, text, value};
use crate::tickets::{numbers, tickets};

async fn offer(sender: &Person, booking: &str, quantity: i64, to: &str) -> TestResponse {
    sender.client.post("/api/transfers", json!({"bookingId": booking, "quantity": quantity, "toEmail": to})).await
}

async fn accept(receiver: &Person, transfer: &OfferedTransfer) -> TestResponse {
    receiver.client.post(&transfer.path("accept"), json!({"token": transfer.token})).await
}

async fn decline(receiver: &Person, transfer: &OfferedTransfer) -> TestResponse {
    receiver.client.post(&transfer.path("decline"), json!({"token": transfer.token})).await
}

async fn withdraw(sender: &Person, id: &str) -> TestResponse {
    sender.client.send(Method::POST, &format!("/api/transfers/{id}/withdraw"), &[], None).await
}

async fn show(person: &Person, transfer: &OfferedTransfer, token: &str) -> TestResponse {
    person.client.send(Method::GET, &format!("/api/transfers/{}", transfer.id), &[("x-transfer-token", token)], None).await
}

async fn check_in(system: &System, event: &str, code: &Value) -> TestResponse {
    system.admin().client.post(&format!("/admin/events/{event}/checkins"), json!({"code": code})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_gets_tickets_of_their_own_and_the_old_codes_are_void() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let [ada, grace] = [system.user("ada").await, system.user("grace").await];
    let booking = ada.must_book(&event, 3).await;
    let before = tickets(&ada, &booking).await;

    let created = offer(&ada, &booking, 2, "Someone@Example.org").await.expect(201)["transfer"].clone();
    assert_eq!((&created["status"], &created["direction"], &created["quantity"]), (&json!("pending"), &json!("sent"), &json!(2)));
    assert_eq!((&created["bookingId"], &created["toEmail"]), (&json!(booking), &json!("Someone@Example.org")));
    withdraw(&ada, &text(&created["id"])).await.expect(200);

    let transfer = system.offer(&ada, &booking, 2).await;
    let shown = show(&grace, &transfer, &transfer.token).await;
    assert_eq!(shown.header("cache-control"), Some("private, no-store"));
    let shown = shown.expect(200);
    assert_eq!((&shown["direction"], &shown["quantity"], &shown["eventId"]), (&json!("received"), &json!(2), &json!(event)));
    assert_eq!((&shown["toEmail"], &shown["bookingId"]), (&Value::Null, &Value::Null), "the sender's data are not the receiver's");
    let accepted = accept(&grace, &transfer).await.expect(200)["transfer"].clone();
    assert_eq!((&accepted["status"], &accepted["direction"]), (&json!("accepted"), &json!("received")));

    let received = text(&accepted["bookingId"]);
    assert_eq!(numbers(&tickets(&ada, &booking).await), [0]);
    let new = tickets(&grace, &received).await;
    assert_eq!(numbers(&new), [0, 1]);
    let [own] = &grace.bookings().await[..] else { panic!() };
    assert_eq!((&own["origin"], &own["quantity"], &own["status"]), (&json!("transfer"), &json!(2), &json!("confirmed")));
    // At the door, the old codes say why they are void.
    let void = check_in(&system, &event, &before[2]["code"]).await.refused(409, "ticket-void");
    assert_eq!(void["reason"], "transferred", "{void}");
    check_in(&system, &event, &new[1]["code"]).await.expect(201);

    // Accepting again, on another device, has the same answer; anybody else is late.
    assert_eq!(accept(&grace, &transfer).await.expect(200)["transfer"], accepted);
    let eve = system.user("eve").await;
    assert_eq!(accept(&eve, &transfer).await.refused(409, "transfer-ended")["transferStatus"], "accepted");
    assert_eq!(withdraw(&ada, &transfer.id).await.refused(409, "transfer-ended")["transferStatus"], "accepted");
    let lists = [read_all(&ada.client, "/api/transfers", 1).await, read_all(&grace.client, "/api/transfers", 1).await];
    assert_eq!(lists.each_ref().map(Vec::len), [2, 1], "on both sides");
    assert_eq!((&lists[0][0]["direction"], &lists[1][0]), (&json!("sent"), &accepted));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_booking_can_be_given_away() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(2).await;
    let [ada, grace] = [system.user("ada").await, system.user("grace").await];
    let booking = ada.must_book(&event, 2).await;
    let code = tickets(&ada, &booking).await[0]["code"].clone();
    let transfer = system.offer(&ada, &booking, 2).await;
    accept(&grace, &transfer).await.expect(200);
    let [own] = &ada.bookings().await[..] else { panic!() };
    assert_eq!((&own["status"], &own["quantity"]), (&json!("cancelled"), &json!(0)));
    assert_eq!(check_in(&system, &event, &code).await.refused(409, "ticket-void")["reason"], "transferred");
    let again = ada.cancel(&booking).await.expect(200);
    assert_eq!(again["booking"]["quantity"], 0, "a repeated cancellation takes nothing from the receiver");
    assert_eq!((ada.tickets().await, grace.tickets().await), (0, 2));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_offered_is_refused_with_its_reason() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(50).await;
    let [ada, eve] = [system.user("ada").await, system.user("eve").await];
    let booking = ada.must_book(&event, 3).await;
    let friend = "friend@example.org";
    offer(&eve, &booking, 1, friend).await.refused(404, "booking-not-found");
    offer(&ada, UNKNOWN, 1, friend).await.refused(404, "booking-not-found");
    for (quantity, to, field) in [
        (0, friend, "quantity"),
        (4, friend, "quantity"),
        (101, friend, "quantity"),
        (1, "ADA@example.org", "toEmail"),
        (1, "nobody", "toEmail"),
        (1, "a@localhost", "toEmail"),
        (1, "a\u{0}@example.org", "toEmail"),
    ] {
        assert_eq!(offer(&ada, &booking, quantity, to).await.bad_fields(), [field], "{quantity} {to}");
    }
    for body in [json!({}), json!({"bookingId": 5, "quantity": "1", "toEmail": []})] {
        assert_eq!(ada.client.post("/api/transfers", body).await.bad_fields(), ["bookingId", "quantity", "toEmail"]);
    }
    ada.client
        .post("/api/transfers", json!({"bookingId": booking, "quantity": 1, "toEmail": friend, "name": "x"}))
        .await
        .refused(400, "unknown-field");

    let pending = text(&offer(&ada, &booking, 2, friend).await.expect(201)["transfer"]["id"]);
    assert_eq!(offer(&ada, &booking, 2, friend).await.refused(409, "tickets-offered")["transferable"], 1);
    withdraw(&ada, &pending).await.expect(200);
    let all = tickets(&ada, &booking).await;
    for ticket in &all[..2] {
        check_in(&system, &event, &ticket["code"]).await.expect(201);
    }
    assert_eq!(offer(&ada, &booking, 2, friend).await.refused(409, "already-checked-in")["transferable"], 1);

    let checkout = system.event_like(json!({"name": "Checkout", "totalTickets": 5, "checkoutMinutes": 10})).await;
    let reserved = ada.must_reserve(&text(&checkout["id"]), 2).await;
    offer(&ada, &reserved, 1, friend).await.refused(409, "booking-not-confirmed");
    ada.cancel(&reserved).await.expect(200);
    offer(&ada, &reserved, 1, friend).await.refused(409, "booking-cancelled");

    let begun = system.event(5).await;
    let theirs = ada.must_book(&begun, 1).await;
    system
        .booking_database
        .admin()
        .await
        .batch_execute(&format!("UPDATE events SET starts_at = now() WHERE id = '{begun}'"))
        .await
        .unwrap();
    offer(&ada, &theirs, 1, friend).await.refused(409, "event-begun");
    let off = system.event(5).await;
    let theirs = ada.must_book(&off, 1).await;
    system
        .booking_database
        .admin()
        .await
        .batch_execute(&format!("UPDATE events SET status = 'cancelled' WHERE id = '{off}'"))
        .await
        .unwrap();
    offer(&ada, &theirs, 1, friend).await.refused(409, "event-cancelled");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_link_opens_a_transfer_and_only_while_it_is_pending() {
    let system = Plan::default().workers(0).start().await;
    let limited = json!({"name": "Limited", "totalTickets": 9, "maxPerAccount": 2});
    let event = text(&system.event_like(limited).await["id"]);
    let [ada, grace, eve] = [system.user("ada").await, system.user("grace").await, system.user("eve").await];
    let booking = ada.must_book(&event, 2).await;
    let transfer = system.offer(&ada, &booking, 1).await;

    let guess = OfferedTransfer { token: "guess".to_owned(), ..transfer.clone() };
    let unknown = OfferedTransfer { id: UNKNOWN.to_owned(), ..transfer.clone() };
    let malformed = OfferedTransfer { id: "x".to_owned(), ..transfer.clone() };
    for wrong in [&guess, &unknown, &malformed] {
        for answer in
            [accept(&eve, wrong).await, decline(&eve, wrong).await, withdraw(&eve, &wrong.id).await, show(&eve, wrong, &wrong.token).await]
        {
            answer.refused(404, "transfer-not-found");
        }
    }
    assert_eq!(eve.client.post(&transfer.path("accept"), json!({})).await.bad_fields(), ["token"]);
    show(&ada, &transfer, "").await.expect(200);
    accept(&ada, &transfer).await.refused(409, "own-transfer");
    grace.must_book(&event, 2).await;
    assert_eq!(accept(&grace, &transfer).await.refused(409, "account-limit")["maxPerAccount"], 2);

    decline(&grace, &transfer).await.expect(200);
    assert_eq!(decline(&grace, &transfer).await.expect(200)["transfer"]["status"], "declined");
    assert_eq!(accept(&eve, &transfer).await.refused(409, "transfer-ended")["transferStatus"], "declined");
    let withdrawn = system.offer(&ada, &booking, 1).await;
    withdraw(&ada, &withdrawn.id).await.expect(200);
    assert_eq!(withdraw(&ada, &withdrawn.id).await.expect(200)["transfer"]["status"], "withdrawn");
    assert_eq!(decline(&eve, &withdrawn).await.refused(409, "transfer-ended")["transferStatus"], "withdrawn");
    let lapsed = system.offer(&ada, &booking, 1).await;
    system.booking_database.admin().await.batch_execute("UPDATE transfers SET expires_at = now() WHERE status = 'pending'").await.unwrap();
    assert_eq!(accept(&eve, &lapsed).await.refused(409, "transfer-ended")["transferStatus"], "lapsed");
    assert_eq!(show(&eve, &lapsed, &lapsed.token).await.expect(200)["status"], "lapsed");
    let off = system.offer(&ada, &booking, 1).await;
    cancel_event(&system, &event).await;
    accept(&eve, &off).await.refused(409, "event-cancelled");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_with_its_key_acts_once() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(9).await;
    let [ada, grace] = [system.user("ada").await, system.user("grace").await];
    let booking = ada.must_book(&event, 3).await;
    let body = json!({"bookingId": booking, "quantity": 1, "toEmail": "friend@example.org"});
    let first = ada.client.post_with_key("/api/transfers", "offer", body.clone()).await;
    let again = ada.client.post_with_key("/api/transfers", "offer", body.clone()).await;
    assert_eq!((first.status, again.status, &again.text), (201, 201, &first.text));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = json!({"bookingId": booking, "quantity": 2, "toEmail": "friend@example.org"});
    ada.client.post_with_key("/api/transfers", "offer", other).await.refused(422, "idempotency-key-reused");
    assert_eq!(read_all(&ada.client, "/api/transfers", 9).await.len(), 1);

    let transfer = system.offer(&ada, &booking, 1).await;
    let token = json!({"token": transfer.token});
    let first = grace.client.post_with_key(&transfer.path("accept"), "accept", token.clone()).await;
    let again = grace.client.post_with_key(&transfer.path("accept"), "accept", token.clone()).await;
    assert_eq!((first.status, &again.text, again.header("idempotent-replayed")), (200, &first.text, Some("true")));
    grace.client.post_with_key(&transfer.path("decline"), "accept", token).await.refused(422, "idempotency-key-reused");
    let pending = system.offer(&ada, &booking, 1).await;
    for replayed in [None, Some("true")] {
        let answer = ada.client.send(Method::POST, &pending.path("withdraw"), &[("idempotency-key", "withdraw")], None).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, replayed));
    }
    system.check().await;
    system.stop().await;
}

#[derive(diesel::QueryableByName)]
struct Payload {
    #[diesel(sql_type = diesel::sql_types::Text)]
    payload: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_leaves_the_service_only_sealed_and_the_address_is_deleted_with_the_account() {
    let system = Plan::default().workers(0).booking_setting("outbox.relay", "false").start().await;
    let event = system.event(9).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 3).await;
    offer(&ada, &booking, 1, "friend@example.org").await.expect(201);
    let rows: Vec<Payload> = diesel::sql_query("SELECT payload FROM outbox WHERE routing_key = 'transfer.offered'")
        .load(&mut system.booking_database.admin().await)
        .await
        .unwrap();
    let [row] = &rows[..] else { panic!("{}", rows.len()) };
    assert!(!row.payload.contains("friend"), "{}", row.payload);
    let sealed = serde_json::from_str::<Value>(&row.payload).unwrap()["data"]["sealed"].clone();
    let keys = SealingKeys::new(&SEALING_KEY.into(), &[]).unwrap();
    let notice: TransferNotice = keys.open(TRANSFER_NOTICE, &text(&sealed)).unwrap();
    assert_eq!((notice.email.as_str(), notice.token.len()), ("friend@example.org", 43));
    let hash = "SELECT encode(token_hash, 'escape') AS value FROM transfers";
    assert_ne!(value(&mut system.booking_database.admin().await, hash).await, notice.token, "only the hash is stored");

    let export = ada.client.get("/internal/account-export").await.expect(200);
    assert_eq!(export["transfers"][0]["toEmail"], "friend@example.org");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_are_listed_by_booking_for_their_accounts_and_by_event_for_organizers() {
    let system = Plan::default().workers(0).start().await;
    let (event, other) = (system.event(9).await, system.event(9).await);
    let [ada, grace] = [system.user("ada").await, system.user("grace").await];
    let (booking, elsewhere) = (ada.must_book(&event, 3).await, ada.must_book(&other, 2).await);
    let [accepted, pending] = [system.offer(&ada, &booking, 1).await, system.offer(&ada, &booking, 2).await];
    let unrelated = system.offer(&ada, &elsewhere, 1).await;
    let received = text(&accept(&grace, &accepted).await.expect(200)["transfer"]["bookingId"]);

    let of_booking =
        async |person: &Person, id: &str| each(&read_all(&person.client, &format!("/api/transfers?bookingId={id}"), 1).await, "id");
    assert_eq!(of_booking(&ada, &booking).await, [pending.id.clone(), accepted.id.clone()]);
    assert_eq!(of_booking(&ada, &elsewhere).await, std::slice::from_ref(&unrelated.id));
    assert_eq!(of_booking(&grace, &received).await, std::slice::from_ref(&accepted.id));
    assert_eq!(of_booking(&grace, &booking).await, Vec::<String>::new(), "the booking of the sender is not the receiver's");
    assert_eq!(of_booking(&ada, &received).await, Vec::<String>::new());
    assert_eq!(ada.client.get("/api/transfers?bookingId=x&limit=0").await.bad_fields(), ["bookingId", "limit"]);

    let organizer = system.administrator(AdminRole::Organiser).await.client;
    let listed = read_all(&organizer, &format!("/admin/events/{event}/transfers"), 1).await;
    assert_eq!(each(&listed, "id"), [pending.id, accepted.id]);
    let [open, done] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&open["status"], &open["to"], &open["endedAt"]), (&json!("pending"), &Value::Null, &Value::Null));
    assert!(text(&open["toEmail"]).contains('@'));
    let side = |person: &Person, booking: &str| {
        let email = format!("{}@example.org", person.name);
        json!({"accountId": person.id, "bookingId": booking, "name": person.name, "email": email})
    };
    assert_eq!((&open["from"], &done["from"]), (&side(&ada, &booking), &side(&ada, &booking)));
    assert_eq!((&done["to"], &done["toEmail"], &done["status"]), (&side(&grace, &received), &Value::Null, &json!("accepted")));
    let door = system.administrator(AdminRole::Door).await.client;
    door.get(&format!("/admin/events/{event}/transfers")).await.refused(403, "forbidden");
    organizer.get(&format!("/admin/events/{UNKNOWN}/transfers")).await.refused(404, "event-not-found");
    system.stop().await;
}
