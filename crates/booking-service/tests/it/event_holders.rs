//! The internal list of the accounts that hold tickets of an event.

use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::{create_event, each, fields, read_all};

#[tokio::test(flavor = "multi_thread")]
async fn each_account_with_a_confirmed_booking_is_listed_once_in_the_order_of_the_first_bookings() {
    let system = Plan::default().workers(0).start().await;
    let types = json!([{"name": "Floor", "totalTickets": 8}, {"name": "Balcony", "totalTickets": 20}]);
    let event = system.event_like(json!({"name": "Chess", "ticketTypes": types})).await;
    let [floor, balcony] = [0, 1].map(|index| event["ticketTypes"][index]["id"].clone());
    let event = event["id"].as_str().unwrap();
    let people = system.users("holder", 4).await;
    let [ada, ben, cid, dan] = &people[..] else { panic!("four people") };
    let book = async |person: &rowlock_test_support::client::Person, ticket_type: &Value, quantity: u32| {
        let body = json!({"eventId": event, "ticketTypeId": ticket_type, "quantity": quantity});
        person.client.post("/api/book", body).await.expect(201)["booking"].clone()
    };
    let first_of_ada = book(ada, &floor, 1).await;
    let gone = book(ben, &floor, 2).await;
    let of_cid = book(cid, &floor, 5).await;
    book(ada, &balcony, 2).await;
    ben.cancel(gone["id"].as_str().unwrap()).await.expect(200);
    cid.cancel_part(of_cid["id"].as_str().unwrap(), 3).await.expect(200);
    // A waiting account, an erased account whose booking is kept, and a booking at another event.
    let body = json!({"eventId": event, "ticketTypeId": floor, "quantity": 8});
    dan.client.post("/api/book", body).await.expect(202);
    let erased = book(&system.user("erased").await, &balcony, 1).await;
    let mut conn = system.booking_database.admin().await;
    let erase = format!("UPDATE bookings SET account_id = '00000000-0000-0000-0000-000000000000' WHERE id = {}", erased["id"]);
    conn.batch_execute(&erase.replace('"', "'")).await.unwrap();
    let other = create_event(&system, json!({"name": "Go", "totalTickets": 9})).await;
    ben.must_book(&other, 1).await;

    let path = format!("/internal/events/{event}/holders");
    let holders = system.visitor().get(&path).await.expect(200);
    assert_eq!(holders["nextCursor"], Value::Null);
    let items = holders["items"].as_array().unwrap();
    assert_eq!(each(items, "accountId"), [ada.id.as_str(), cid.id.as_str()]);
    assert_eq!([&items[0]["quantity"], &items[1]["quantity"]], [3, 2]);
    assert_eq!(items[0]["bookedAt"], first_of_ada["bookedAt"]);
    assert_eq!(fields(&items[0]), ["accountId", "bookedAt", "quantity"]);

    // If the first booking is returned, the account is listed with the next one.
    ada.cancel(first_of_ada["id"].as_str().unwrap()).await.expect(200);
    let items = read_all(&system.visitor(), &path, 1).await;
    assert_eq!(each(&items, "accountId"), [cid.id.as_str(), ada.id.as_str()]);
    assert_eq!(items[1]["quantity"], 2);

    for (query, fields) in [("limit=0", ["limit"]), ("limit=1001", ["limit"]), ("cursor=x", ["cursor"])] {
        let refused = system.visitor().get(&format!("{path}?{query}")).await;
        refused.refused(422, "invalid-input");
        assert_eq!(refused.bad_fields(), fields);
    }
    system.visitor().get(&format!("{path}?limit=1000")).await.expect(200);
    system.visitor().get(&path.replace(event, UNKNOWN)).await.refused(404, "event-not-found");
    system.stop().await;
}

/// Measures the pages of an event with many holders. It proves nothing, so it runs only on request:
/// `cargo test -p booking-service --test it event_holders -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the speed"]
async fn pages_of_fifty_thousand_holders() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(10).await;
    let mut conn = system.booking_database.admin().await;
    let fill = format!(
        "INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, status, origin, booked_at)
         SELECT t.event_id, gen_random_uuid(), t.id, gen_random_uuid(), 'A holder', 'a@holder.example', 2, 'confirmed', 'direct', now()
         FROM ticket_types t, generate_series(1, 50000) WHERE t.event_id = '{event}';
         ANALYZE bookings"
    );
    conn.batch_execute(&fill).await.unwrap();
    let since = std::time::Instant::now();
    let items = read_all(&system.visitor(), &format!("/internal/events/{event}/holders"), 1_000).await;
    println!("{} holders in {:?}", items.len(), since.elapsed());
    assert_eq!(items.len(), 50_000);
    system.stop().await;
}
