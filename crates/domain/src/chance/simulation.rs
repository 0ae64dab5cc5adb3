//! Measures the error of the estimates: events are simulated with the allocation rule that the services use, waiting parties ask for
//! their chance at random times, and the share of those that get tickets is compared with what they were told.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use chrono::TimeDelta;

use super::replay::Random;
use super::{Forecast, History, HistoryDay, WIDEST_RANGE, WaitingEntries, to_float};
use crate::Timestamp;
use crate::allocation::{BookRequest, BookingDecision, BookingLimits, Commitment, EventPhase, PartySize, ReturnDestination, Stock};
use crate::queue::{QueueHeads, QueuedEntry};

const MINUTES_PER_DAY: f64 = 1440.0;
const LIMITS: BookingLimits = BookingLimits { max_per_booking: 4, max_per_account: None };
const SOLD: u32 = 400;
/// The number of events of each kind.
const EVENTS: u32 = 300;
/// The number of parties that ask in each event.
const ASKED: usize = 4;

/// A kind of events.
#[derive(Clone, Copy)]
struct Scenario {
    /// The number of returns at a time, relative to the average. The arguments are the time as a part of the sale, the time of day,
    /// and a random number of the day.
    rate: fn(f64, f64, f64) -> f64,
    largest_party: u32,
    /// The rate per day at which those who wait leave.
    leaving: f64,
}

const CONSTANT: Scenario = Scenario { rate: |_, _, _| 1.0, largest_party: 4, leaving: 0.0 };

/// The largest value of a rate.
const MOST: f64 = 4.0;

enum Step {
    Return(u32),
    Join(usize),
    Leave(usize),
}

/// The chance that a party was told, and whether it got tickets.
struct Answer {
    range: [f64; 2],
    served: bool,
}

/// The answers to the parties of a scenario.
#[derive(Default)]
struct Answers {
    stated: Vec<Answer>,
    /// The number of parties that were told nothing because the range was too wide or the history too short.
    untold: usize,
}

fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    low + (high - low) * random.fraction()
}

/// Returns a random index below a bound.
fn index(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.bits()).unwrap() % bound
}

/// Returns random times with an average number per day that varies from 0 to `MOST` times `per_day`.
fn times(random: &mut Random, per_day: f64, end: f64, rate: impl Fn(f64) -> f64) -> Vec<f64> {
    let (mut times, mut time) = (Vec::new(), 0.0);
    loop {
        time -= random.fraction().ln() / (per_day * MOST);
        if time >= end {
            return times;
        }
        if random.fraction() * MOST < rate(time) {
            times.push(time);
        }
    }
}

/// Returns a random party, half of those with several tickets taking fewer.
fn party(random: &mut Random, largest: u32) -> PartySize {
    let quantity = 1 + random.bits() % largest;
    let min_quantity = if random.bits().is_multiple_of(2) { quantity } else { 1 + random.bits() % quantity };
    PartySize { quantity, min_quantity }
}

/// Everything that happened until the parties ask.
#[derive(Default)]
struct Log {
    returns: Vec<(f64, u32)>,
    left: Vec<f64>,
    /// The number of waiting entries after each change of it.
    waiting: Vec<(f64, u32)>,
}

impl Log {
    /// Returns the days before a time as the sales timeline has them.
    fn days(&self, now: f64) -> Vec<HistoryDay> {
        let waiting_at = |time: f64| self.waiting.iter().rev().find(|(at, _)| *at <= time).map_or(0, |(_, waiting)| *waiting);
        let mut days = Vec::new();
        let mut end = now;
        while end > 0.0 {
            let within = |at: f64| at > end - 1.0 && at <= end;
            let mut minutes: BTreeMap<String, u32> = BTreeMap::new();
            for (at, size) in self.returns.iter().filter(|(at, _)| within(*at)) {
                *minutes.entry(format!("{:.0}", at * MINUTES_PER_DAY)).or_default() += size;
            }
            days.push(HistoryDay {
                returns: minutes.into_values().map(|size| (size, 1)).collect(),
                sold_before: if end >= 1.0 { SOLD } else { 0 },
                sold_after: SOLD,
                waiting: f64::from(waiting_at(end - 1.0) + waiting_at(end)) / 2.0,
                left: u32::try_from(self.left.iter().filter(|at| within(**at)).count()).unwrap(),
            });
            end -= 1.0;
        }
        days
    }
}

/// Simulates a sold-out event from the opening of its sale to its start.
fn simulate(scenario: Scenario, random: &mut Random, answers: &mut Answers) {
    let end = between(random, 10.0, 35.0);
    let per_day = between(random, 0.0, 8.0_f64.ln()).exp();
    let moods: Vec<f64> = (0..36).map(|_| random.fraction()).collect();
    let rate = |time: f64| {
        let day = (0..36).rev().find(|day| f64::from(*day) <= time).unwrap();
        (scenario.rate)(time / end, time.fract(), moods[usize::try_from(day).unwrap()])
    };
    let mut steps: Vec<(f64, Step)> = Vec::new();
    for time in times(random, per_day, end, rate) {
        steps.push((time, Step::Return(1 + random.bits() % scenario.largest_party)));
    }
    // Most parties join soon after the event was sold out, and some later.
    let supply = per_day * end * between(random, 0.3, 2.0);
    let early = times(random, supply, 1.0, |_| 1.0);
    let joins = early.into_iter().chain(times(random, supply / end / 2.0, end, |_| 1.0));
    let mut parties = Vec::new();
    let leaving = scenario.leaving * between(random, 0.0, 2.0);
    for time in joins {
        steps.push((time, Step::Join(parties.len())));
        if leaving > 0.0 {
            steps.push((time - random.fraction().ln() / leaving, Step::Leave(parties.len())));
        }
        parties.push(party(random, scenario.largest_party));
    }
    steps.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut numbers: Vec<Option<i64>> = vec![None; parties.len()];
    let mut waiting: HashMap<i64, usize> = HashMap::new();
    let mut asked: HashMap<usize, [f64; 2]> = HashMap::new();
    let (mut stock, mut heads, mut log) = (Stock::new(SOLD), QueueHeads::default(), Log::default());
    (stock.available, stock.booked) = (0, SOLD);
    let mut ask_at = Some(between(random, 0.1, 0.95) * end);
    for (time, step) in steps.into_iter().take_while(|(time, _)| *time < end) {
        if let Some(now) = ask_at.filter(|now| *now <= time) {
            ask_at = None;
            ask(&log, &stock, now..end, (&waiting, &parties), random, answers, &mut asked);
        }
        let queued = |number, index: usize| QueuedEntry { number, size: parties[index] };
        match step {
            Step::Return(size) => {
                log.returns.push((time, size));
                if stock.return_tickets(size, EventPhase::WaitlistOpen) == ReturnDestination::Held {
                    for promotion in stock.reallocate(&mut heads, LIMITS, 1000, Commitment::Confirmed).promoted {
                        let index = waiting.remove(&promotion.number).unwrap();
                        if let Some(range) = asked.remove(&index) {
                            answers.stated.push(Answer { range, served: true });
                        }
                    }
                }
                // Others buy what the queue cannot use.
                stock.booked += std::mem::take(&mut stock.available);
            }
            Step::Join(index) => {
                let request = BookRequest {
                    size: parties[index],
                    commitment: Commitment::Confirmed,
                    join_waitlist: true,
                    account_total: 0,
                    already_waiting: false,
                };
                let Ok(BookingDecision::Waitlisted { number, .. }) = stock.book(request, LIMITS, EventPhase::WaitlistOpen) else {
                    panic!("the event is sold out")
                };
                heads.push(queued(number, index));
                numbers[index] = Some(number);
                waiting.insert(number, index);
            }
            // A party that has asked wants to know how its waiting ends.
            Step::Leave(index) if !asked.contains_key(&index) => {
                if let Some(number) = numbers[index].filter(|number| waiting.remove(number).is_some()) {
                    heads.remove(queued(number, index));
                    stock.remove_entry();
                    log.left.push(time);
                }
            }
            Step::Leave(_) => {}
        }
        log.waiting.push((time, stock.waiting));
    }
    answers.stated.extend(asked.into_values().map(|range| Answer { range, served: false }));
}

fn ask(
    log: &Log,
    stock: &Stock,
    time: std::ops::Range<f64>,
    (waiting, parties): (&HashMap<i64, usize>, &[PartySize]),
    random: &mut Random,
    answers: &mut Answers,
    asked: &mut HashMap<usize, [f64; 2]>,
) {
    let mut queue: Vec<QueuedEntry> = waiting.iter().map(|(&number, &index)| QueuedEntry { number, size: parties[index] }).collect();
    queue.sort_by_key(|entry| entry.number);
    if queue.is_empty() {
        return;
    }
    let entries = WaitingEntries { first: &queue, largest_quantity: LIMITS.max_per_booking };
    let left = TimeDelta::from_std(Duration::from_secs_f64((time.end - time.start) * 86_400.0)).unwrap();
    let forecast = History::new(&log.days(time.start), stock.booked, LIMITS.max_per_booking)
        .and_then(|history| Forecast::new(&history, entries, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + left));
    for _ in 0..ASKED {
        let place = index(random, queue.len());
        let QueuedEntry { number, size } = queue[place];
        let range = forecast.as_ref().and_then(|forecast| forecast.probabilities(number, size, i64::try_from(place).unwrap() + 1));
        match range.filter(|[low, high]| high - low <= WIDEST_RANGE) {
            Some(range) => {
                asked.insert(waiting[&number], range);
            }
            None => answers.untold += 1,
        }
    }
}

/// The comparison of what was told with what happened.
struct Measured {
    /// The average distance of the share of parties that got tickets from the middle of the range, over bins of ten points.
    error: f64,
    /// The share of parties that got tickets minus the middle of the range, on average.
    bias: f64,
    /// The largest distance of that share from the range in any bin with enough parties.
    outside: f64,
    table: String,
}

impl Measured {
    fn report(&self) -> String {
        format!("error {:.3}, bias {:+.3}, outside {:.3}\n{}", self.error, self.bias, self.outside, self.table)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count
}

/// Simulates a scenario, and prints how far the estimates were off, for docs/performance.md.
fn measure(scenario: Scenario) -> Measured {
    let mut answers = Answers::default();
    let mut random = Random(1);
    for _ in 0..EVENTS {
        simulate(scenario, &mut random, &mut answers);
    }
    let middle = |answer: &Answer| answer.range.iter().sum::<f64>() / 2.0;
    let served = |answer: &Answer| if answer.served { 1.0 } else { 0.0 };
    let all = answers.stated.len();
    let mut measured = Measured {
        error: 0.0,
        bias: mean(answers.stated.iter().map(|answer| served(answer) - middle(answer))),
        outside: 0.0,
        table: format!(
            "{all} told, {} not told, width {:.2}\n",
            answers.untold,
            mean(answers.stated.iter().map(|a| a.range[1] - a.range[0]))
        ),
    };
    for bin in 0..10 {
        let bounds = f64::from(bin) / 10.0..f64::from(bin + 1) / 10.0;
        let inside: Vec<&Answer> = answers.stated.iter().filter(|answer| bounds.contains(&middle(answer))).collect();
        if inside.is_empty() {
            continue;
        }
        let share = mean(inside.iter().map(|answer| served(answer)));
        let [low, high] = [0, 1].map(|end| mean(inside.iter().map(|answer| answer.range[end])));
        let told = mean(inside.iter().map(|answer| middle(answer)));
        measured.error += (share - told).abs() * to_float(inside.len()) / to_float(all);
        if inside.len() >= 50 {
            measured.outside = measured.outside.max(low - share).max(share - high);
        }
        writeln!(measured.table, "told {low:.2} to {high:.2} ({:>4} parties): {share:.2} got tickets", inside.len()).unwrap();
    }
    println!("{}", measured.report());
    measured
}

/// Simulates a scenario, and checks that the share of parties that got tickets lies within the stated range, or nearly so.
#[track_caller]
fn is_calibrated(scenario: Scenario) {
    let measured = measure(scenario);
    assert!(measured.outside <= 0.10 && measured.error <= 0.08, "{}", measured.report());
}

#[test]
fn constant_returns() {
    is_calibrated(CONSTANT);
}

#[test]
fn single_tickets() {
    is_calibrated(Scenario { largest_party: 1, ..CONSTANT });
}

#[test]
fn bursts_on_some_days() {
    is_calibrated(Scenario { rate: |_, _, mood| if mood < 0.2 { 3.0 } else { 0.5 }, ..CONSTANT });
}

#[test]
fn nobody_returns_at_night() {
    let by_day = |_: f64, hour: f64, _: f64| if hour < 0.35 { 0.0 } else { 1.0 / 0.65 };
    is_calibrated(Scenario { rate: by_day, ..CONSTANT });
}

#[test]
fn some_leave() {
    is_calibrated(Scenario { leaving: 0.03, ..CONSTANT });
}

/// If the returns per day grow to four times those at the beginning, more parties get tickets than were told.
#[test]
fn returns_that_grow_toward_the_event_are_underestimated() {
    let measured = measure(Scenario { rate: |part, _, _| 0.4 + 1.2 * part, ..CONSTANT });
    assert!((0.0..0.20).contains(&measured.bias), "{}", measured.report());
}

/// If the returns per day fall to a quarter of those at the beginning, fewer parties get tickets than were told.
#[test]
fn returns_that_fade_are_overestimated() {
    let measured = measure(Scenario { rate: |part, _, _| 1.6 - 1.2 * part, ..CONSTANT });
    assert!((-0.20..0.0).contains(&measured.bias), "{}", measured.report());
}
