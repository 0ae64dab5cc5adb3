use chrono::{TimeDelta, TimeZone, Utc};
use proptest::collection::vec;
use proptest::prelude::*;

use super::distribution::{ReturnCount, gamma_quantile};
use super::*;

fn now() -> Timestamp {
    Utc.with_ymd_and_hms(2036, 5, 1, 12, 0, 0).unwrap()
}

/// A day of a sold-out type with this many returns of one ticket.
fn day(returns: u32) -> HistoryDay {
    HistoryDay { returns: vec![(1, returns)], sold_before: 100, sold_after: 100, waiting: 10.0, left: 0 }
}

fn singles(count: i64) -> Vec<QueuedEntry> {
    (1..=count).map(|number| QueuedEntry { number, size: PartySize::all_or_none(1) }).collect()
}

fn forecast(history: &History, queue: &[QueuedEntry], days: i64) -> Forecast {
    let waiting = WaitingEntries { first: queue, largest_quantity: 4 };
    Forecast::new(history, waiting, now(), now() + TimeDelta::days(days)).unwrap()
}

const SINGLE: PartySize = PartySize::all_or_none(1);

#[test]
fn the_distributions_have_their_known_values() {
    let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-6, "{one} is not {other}");
    // A negative binomial distribution with dispersion 2 and expected value 1 is a geometric one.
    let count = ReturnCount::new(1.0, 2.0);
    for (least, probability) in [(0, 1.0), (1, 0.5), (2, 0.25), (5, 0.031_25)] {
        close(count.at_least(least), probability);
    }
    for (expected, dispersion) in [(0.0, 2.0), (3.0, 1.1), (60.0, 30.0), (5_000.0, 1.1)] {
        let count = ReturnCount::new(expected, dispersion);
        let average: f64 = (1..=count.limit()).map(|least| count.at_least(least)).sum();
        assert!((average - expected).abs() < 1e-6 + expected / 1000.0, "{average} is not {expected}");
        assert!(count.at_least(count.limit()) < 1e-6);
    }
    // The quartiles of the gamma distribution with shape 5 are 3.369 and 6.274.
    assert!((gamma_quantile(5.0, -0.674) - 3.369).abs() < 0.02 && (gamma_quantile(5.0, 0.674) - 6.274).abs() < 0.02);
}

#[test]
fn too_little_history_gives_no_estimate() {
    let history = |days: &[HistoryDay]| History::new(days, 100, 4);
    assert!(history(&[day(9), day(9)]).is_none(), "two days");
    assert!(history(&[day(1), day(2), day(1)]).is_none(), "four returns");
    assert!(history(&[day(1), day(2), day(2)]).is_some());
    let early = HistoryDay { sold_before: 49, ..day(9) };
    assert!(history(&[day(9), day(9), early.clone(), day(9)]).is_none(), "most tickets were sold two days ago");
    assert!(History::new(&[day(9), day(9), day(9)], 0, 4).is_none(), "nothing is sold");
    let counted = history(&[day(2), day(2), day(2), early]).unwrap();
    assert_eq!((counted.days(), counted.returned_tickets()), (3, 6));
}

#[test]
fn a_minute_with_more_tickets_than_a_booking_has_several_returns() {
    let busy = HistoryDay { returns: vec![(2, 3), (9, 1)], ..day(0) };
    let history = History::new(&[busy.clone(), busy.clone(), busy], 100, 4).unwrap();
    assert_eq!((history.returned_tickets(), history.sizes()), (45, &[(2, 24)][..]));
}

#[test]
fn the_chance_falls_with_the_place_and_rises_with_the_time() {
    let history = History::new(&vec![day(5); 10], 100, 4).unwrap();
    let queue = singles(40);
    let chance = |place: i64, days| forecast(&history, &queue, days).chance(place, SINGLE, place);
    let stated = |place, days| chance(place, days).map(|chance| (chance.low, chance.high));
    assert_eq!(stated(1, 4), Some((95, 99)));
    assert_eq!(stated(40, 4), Some((1, 5)));
    let (near, far) = (chance(18, 4).unwrap(), chance(24, 4).unwrap());
    assert!(near.low > far.low && near.high > far.high, "{near:?} {far:?}");
    assert_eq!((near.returned_tickets, near.days, near.until), (50, 10, now() + TimeDelta::days(4)));
    assert!(chance(18, 5).unwrap().high > near.high);
    assert!(Forecast::new(&history, WaitingEntries { first: &queue, largest_quantity: 4 }, now(), now()).is_none(), "no time is left");
}

#[test]
fn a_history_that_tells_little_about_a_place_gives_no_estimate() {
    let history = History::new(&[day(2), day(2), day(1)], 100, 4).unwrap();
    let queue = singles(40);
    assert!(forecast(&history, &queue, 10).chance(16, SINGLE, 16).is_none());
    assert!(forecast(&history, &queue, 10).chance(1, SINGLE, 1).is_some());
}

#[test]
fn a_party_that_takes_fewer_has_a_better_chance() {
    let history = History::new(&vec![HistoryDay { returns: vec![(1, 3), (2, 1)], ..day(0) }; 10], 100, 4).unwrap();
    let middle = |size| {
        let mut queue = singles(5);
        queue.push(QueuedEntry { number: 6, size });
        let [low, high] = forecast(&history, &queue, 2).probabilities(6, size, 6).unwrap();
        low.midpoint(high)
    };
    let (all, fewer) = (middle(PartySize::all_or_none(2)), middle(PartySize { quantity: 2, min_quantity: 1 }));
    assert!(fewer > all + 0.1, "{fewer} {all}");
    assert!(middle(PartySize::all_or_none(3)) < 1e-9, "three tickets never came back together");
}

#[test]
fn those_who_leave_raise_the_chance_of_those_behind_them() {
    let middle = |left| {
        let history = History::new(&vec![HistoryDay { left, ..day(3) }; 10], 100, 4).unwrap();
        let [low, high] = forecast(&history, &singles(20), 5).probabilities(20, SINGLE, 20).unwrap();
        low.midpoint(high)
    };
    assert!(middle(1) > middle(0) + 0.1);
}

#[test]
fn an_entry_behind_the_known_ones_is_estimated_from_them() {
    let history = History::new(&vec![day(20); 20], 100, 4).unwrap();
    let (all, first) = (singles(100), singles(60));
    let [exact, extrapolated] = [&all, &first].map(|queue| forecast(&history, queue, 5).probabilities(95, SINGLE, 95).unwrap());
    assert!(exact.iter().zip(extrapolated).all(|(one, other)| (one - other).abs() < 0.05), "{exact:?} {extrapolated:?}");
    assert!(forecast(&history, &[], 5).chance(1, SINGLE, 1).is_none(), "nothing is known about the queue");
}

proptest! {
    /// Whatever the history and the queue, a stated range is one of whole steps.
    #[test]
    fn a_range_is_stated_in_steps(
        returns in vec((vec((1..20u32, 1..5u32), 0..5), 0..200u32, 0..5u32), 0..30),
        parties in vec((1..=10u32, 1..=10u32), 1..30),
        hours in 1..500i64,
        largest_quantity in 1..=10u32,
    ) {
        let days: Vec<_> = returns
            .into_iter()
            .map(|(returns, sold, left)| HistoryDay { returns, sold_before: sold, sold_after: sold, waiting: f64::from(left), left })
            .collect();
        let Some(history) = History::new(&days, 100, largest_quantity) else { return Ok(()) };
        let size = |quantity: u32, other: u32| PartySize { quantity: quantity.max(other), min_quantity: quantity.min(other) };
        let queue: Vec<_> = (1..).zip(&parties).map(|(number, (one, other))| QueuedEntry { number, size: size(*one, *other) }).collect();
        let waiting = WaitingEntries { first: &queue, largest_quantity };
        let forecast = Forecast::new(&history, waiting, now(), now() + TimeDelta::hours(hours)).unwrap();
        for entry in &queue {
            let [low, high] = forecast.probabilities(entry.number, entry.size, entry.number).unwrap();
            prop_assert!((0.0..=1.0 + 1e-9).contains(&low) && low <= high + 1e-6 && high <= 1.0 + 1e-9, "{low} {high}");
            if let Some(chance) = forecast.chance(entry.number, entry.size, entry.number) {
                prop_assert!(STEPS.contains(&chance.low) && STEPS.contains(&chance.high) && chance.low < chance.high);
            }
        }
    }
}
