//! Many people book the same tickets at the same time.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rowlock_test_support::client::Person;
use rowlock_test_support::system::{Plan, System};
use serde_json::Value;

/// Assigns people to the service instances in turn.
fn spread(system: &System, people: &[Person]) -> Vec<Person> {
    let urls = system.booking_urls();
    people
        .iter()
        .enumerate()
        .map(|(index, person)| Person { client: person.client.at(urls[index % urls.len()].clone()), ..person.clone() })
        .collect()
}

fn places(answers: &[Value]) -> BTreeSet<u64> {
    answers
        .iter()
        .filter(|answer| answer["status"] == "waitlisted")
        .map(|answer| answer["waitlistEntry"]["position"].as_u64().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_concurrent_requests_over_two_instances_book_fifty_tickets() {
    let system = Plan::default().bookings(2).start().await;
    let event = system.event(50).await;
    let people = spread(&system, &system.users("fan", 200).await);

    let answers: Vec<Value> = join_all(people.iter().map(async |person| {
        let answer = person.book(&event, 1).await;
        assert!(matches!(answer.status, 201 | 202), "{answer:?}");
        answer.json()
    }))
    .await;

    assert_eq!(answers.iter().filter(|answer| answer["status"] == "confirmed").count(), 50);
    assert_eq!(places(&answers), (1..=150).collect(), "each place once");
    assert_eq!(system.counts(&event).await, (50, 0, 0, 150));
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_returns_promote_the_first_fifty_entries() {
    let system = Plan::default().bookings(2).workers(2).start().await;
    let event = system.event(50).await;
    let holders = spread(&system, &system.users("holder", 50).await);
    let bookings = join_all(holders.iter().map(|person| person.must_book(&event, 1))).await;
    let waiting = spread(&system, &system.users("waiting", 70).await);
    let mut queue: Vec<(u64, &Person)> = join_all(waiting.iter().map(async |person| (person.must_wait(&event, 1).await.1, person))).await;
    queue.sort_by_key(|(place, _)| *place);
    let late = spread(&system, &system.users("late", 20).await);

    let cancelling = join_all(holders.iter().zip(&bookings).map(async |(person, booking)| {
        person.cancel(booking).await.expect(200);
    }));
    let jumping = join_all(late.iter().map(|person| person.book(&event, 1)));
    let (_, jumped) = tokio::join!(cancelling, jumping);

    assert!(jumped.iter().all(|answer| answer.status == 202), "no direct booking jumps the queue: {jumped:?}");
    system.quiet().await;
    assert_eq!(system.counts(&event).await, (50, 0, 0, 40));
    for (place, person) in queue {
        let expected = if place <= 50 { vec![1] } else { vec![] };
        let got: Vec<u64> = person.bookings().await.iter().map(|booking| booking["quantity"].as_u64().unwrap()).collect();
        assert_eq!(got, expected, "the one at place {place}, each once");
        let entry = &person.waitlist().await[0];
        assert_eq!(entry["status"], if place <= 50 { "promoted" } else { "waiting" });
        assert_eq!(entry["position"].as_u64(), (place > 50).then(|| place - 50), "those behind have moved up");
    }
    for person in &late {
        assert_eq!(person.tickets().await, 0);
    }
    system.stop().await;
}
