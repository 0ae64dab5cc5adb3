//! Group commit: queues are bounded, and a locked row delays no other command.

use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_locked_elsewhere_for_two_seconds_delays_other_commands_of_its_lane_by_milliseconds() {
    let system = Plan::default().workers(0).start().await;
    let [stuck, free] = [system.event(10).await, system.event(100_000).await];
    let people = system.users("fan", 20).await;
    let mut somebody = system.booking_database.admin().await;
    somebody.batch_execute(&format!("BEGIN; SELECT FROM ticket_types WHERE event_id = '{stuck}' FOR UPDATE")).await.unwrap();

    // The side queue keeps the order in which the requests arrive.
    let waiting: Vec<_> = people
        .iter()
        .take(5)
        .map(|person| {
            let (person, stuck) = (person.clone(), stuck.clone());
            tokio::spawn(async move { (Instant::now(), person.book(&stuck, 1).await, Instant::now()) })
        })
        .collect();
    let (held_since, mut slowest) = (Instant::now(), Duration::ZERO);
    for person in people.iter().cycle() {
        let asked = Instant::now();
        person.must_book(&free, 1).await;
        slowest = slowest.max(asked.elapsed());
        if held_since.elapsed() > Duration::from_secs(2) {
            break;
        }
    }
    assert!(waiting.iter().all(|request| !request.is_finished()), "the row is held all the time");
    // A command blocked by the locked row would have taken the whole two seconds.
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    somebody.batch_execute("COMMIT").await.unwrap();
    for request in waiting {
        request.await.unwrap().1.expect(201);
    }
    assert_eq!(system.counts(&stuck).await, (5, 5, 0, 0));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_rejects_requests_after_the_admission_timeout_and_recovers() {
    let system = Plan::default().workers(0).booking_setting("lanes.queue", "3").start().await;
    let event = system.event(10).await;
    let people = system.users("fan", 8).await;
    let mut somebody = system.booking_database.admin().await;
    somebody.batch_execute("BEGIN; SELECT FROM ticket_types FOR UPDATE").await.unwrap();
    let requests: Vec<_> = people
        .iter()
        .map(|person| {
            let (person, event) = (person.clone(), event.clone());
            tokio::spawn(async move { person.book(&event, 1).await })
        })
        .collect();
    until("the lane is full", async || requests.iter().filter(|request| request.is_finished()).count() == 5).await;
    somebody.batch_execute("COMMIT").await.unwrap();
    let answers: Vec<_> = join_all(requests).await.into_iter().map(Result::unwrap).collect();
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((served.len(), refused.len()), (3, 5), "{answers:?}");
    for answer in refused {
        answer.refused(503, "overloaded");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    people[0].must_book(&event, 1).await;
    system.check().await;
    system.stop().await;
}

#[derive(QueryableByName)]
struct Spans {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_event_per_transaction_booking_and_reallocation_work_as_usual() {
    let plan = Plan::default().booking_setting("booking.one_event_per_transaction", "true");
    let system = plan.worker_setting("worker.one_event_per_transaction", "true").workers(2).start().await;
    let two_types =
        json!({"name": "A test", "ticketTypes": [{"name": "Stalls", "totalTickets": 3}, {"name": "Circle", "totalTickets": 3}]});
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(system.event_like(two_types.clone()).await);
    }
    let people = system.users("fan", 10).await;
    let wanted: Vec<_> = people
        .iter()
        .flat_map(|person| events.iter().map(move |event| (person, event)))
        .flat_map(|(person, event)| [0, 1].map(|index| (person, event["id"].as_str().unwrap(), &event["ticketTypes"][index]["id"])))
        .collect();
    let booked: Vec<_> = join_all(wanted.iter().map(async |(person, event, ticket_type)| {
        person.client.post("/api/book", json!({"eventId": event, "ticketTypeId": ticket_type})).await.json()
    }))
    .await;
    assert_eq!(booked.iter().filter(|answer| answer["status"] == "confirmed").count(), 5 * 2 * 3);

    let given_back = wanted.iter().zip(&booked).filter(|(_, answer)| answer["status"] == "confirmed");
    join_all(given_back.map(async |((person, ..), answer)| {
        person.cancel(answer["booking"]["id"].as_str().unwrap()).await.expect(200);
    }))
    .await;
    system.quiet().await;
    for event in &events {
        assert_eq!(system.counts(event["id"].as_str().unwrap()).await, (6, 0, 0, 8));
    }
    // `xmin` of a row is the transaction that wrote it last.
    let spans =
        "SELECT count(*) AS number FROM (SELECT xmin::text FROM bookings GROUP BY 1 HAVING count(DISTINCT event_id) > 1) AS several";
    let found: Spans = diesel::sql_query(spans).get_result(&mut system.booking_database.admin().await).await.unwrap();
    assert_eq!(found.number, 0);
    system.check().await;
    system.stop().await;
}
