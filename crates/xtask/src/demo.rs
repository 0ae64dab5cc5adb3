//! `make demo`: shows the waiting list on a running system through the public API.
//!
//! Six people book one of three tickets at the same moment, one of them returns the ticket, and the first in line gets it. It fails
//! if any result is wrong.

use std::{fmt::Write as _, sync::Barrier, thread, time::Duration};

use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Api, Login},
    failure::{Result, ensure, sentence},
    files, samples,
    shell::{variable, wait_until},
    system::System,
};

const NAMES: [&str; 6] = ["Ada", "Ben", "Chloe", "Dario", "Elif", "Femi"];
const TICKETS: usize = 3;
/// Maximum time until the returned ticket has its new holder. It usually takes well under one second.
const PATIENCE: Duration = Duration::from_secs(30);

struct Person {
    name: &'static str,
    token: String,
}

/// The first response to a person's booking.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Booked { booking: String },
    Waiting { position: usize },
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "camelCase")]
enum BookResponse {
    Confirmed {
        booking: Booking,
    },
    Waitlisted {
        #[serde(rename = "waitlistEntry")]
        entry: Entry,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Booking {
    id: String,
    event_id: String,
    status: String,
    origin: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    event_id: String,
    status: String,
    position: Option<usize>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Counts {
    total_tickets: usize,
    booked_tickets: usize,
    available_tickets: usize,
    held_tickets: usize,
    waitlist_length: usize,
}

struct Demo {
    api: Api,
    admin: String,
    event: String,
}

/// Runs the demo on this checkout's system, or on the one that ROWLOCK_URL names.
pub(crate) fn run(system: &System) -> Result<()> {
    let api = Api::find(system)?;
    let admin = api.log_in_administrator(&Login::of_administrator(system)?)?;
    let run = format!("{}{}", samples::now().timestamp(), files::random_below(10_000)?);
    let site = variable("ROWLOCK_URL").map_or_else(|| system.gateway_url(), Ok)?;
    let body = json!({"name": format!("Demo {run}"), "totalTickets": TICKETS});
    let event = api.post("/admin/initialize", Some(&admin), &body)?;
    let event = event.expect(201, || "The event could not be created".to_owned())?.text("/id")?;
    println!("{TICKETS} tickets go on sale at {site}.");
    // Not part of the output that the documentation shows, because the address is another one each time.
    eprintln!("To see what buyers see, have this page open: {site}/events/{event}");
    let demo = Demo { api, admin, event };
    let people = for_each(|name| demo.sign_up(name, &run))?;

    println!("{} people book one ticket each, all at the same moment.", NAMES.len());
    let answers = demo.book(&people)?;
    let (givers, line) = check_answers(&answers)?;
    demo.expect_counts(TICKETS, NAMES.len() - TICKETS)?;
    let (Some((giver, booking)), Some(first)) = (givers.first(), line.first()) else { return Err(sentence!("Nobody got a ticket.")) };

    let name = |index: usize| NAMES.get(index).copied().unwrap_or_default();
    println!("{} returns a ticket. {} is first on the waiting list.", name(*giver), name(*first));
    demo.return_ticket(people.get(*giver), booking)?;
    let next = people.get(*first);
    ensure!(
        wait_until(PATIENCE, || next.is_some_and(|person| demo.was_promoted(person))),
        "{} is first on the waiting list and did not get the returned ticket within {} seconds.",
        name(*first),
        PATIENCE.as_secs()
    );
    let mut outcomes = Vec::new();
    for (index, person) in people.iter().enumerate() {
        outcomes.push(demo.outcome(person, index, *giver, &line)?);
    }
    demo.expect_counts(TICKETS, line.len() - 1)?;
    print!("{}", table(&answers, &outcomes, name(*giver)));
    println!("\nResult: {TICKETS} tickets, {TICKETS} holders, and the returned ticket went to the first on the waiting list.");
    Ok(())
}

/// Runs an action for all six people concurrently.
fn for_each<T: Send>(action: impl Fn(&'static str) -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let threads: Vec<_> = NAMES.iter().map(|name| scope.spawn(|| action(name))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(sentence!("A thread of the demo has panicked.")))).collect()
    })
}

impl Demo {
    /// Each person has a separate account, created for this run.
    fn sign_up(&self, name: &'static str, run: &str) -> Result<Person> {
        let handle = format!("{}{run}", name.to_lowercase());
        let login = Login { email: format!("{handle}@demo.example"), password: files::random_password()? };
        self.api.create_account(name, &handle, &login)?;
        Ok(Person { name, token: self.api.log_in(name, &login)?.token })
    }

    /// All six wait until everybody is ready, so that their requests are concurrent.
    fn book(&self, people: &[Person]) -> Result<Vec<Answer>> {
        let barrier = Barrier::new(NAMES.len());
        for_each(|name| {
            barrier.wait();
            let person = people.iter().find(|person| person.name == name).ok_or_else(|| sentence!("{name} has no account."))?;
            let response = self.api.post("/api/book", Some(&person.token), &json!({"eventId": self.event, "quantity": 1}))?;
            let unexpected = || sentence!("{name} got an unexpected response: {}.", response.problem());
            match (response.status, response.json().map_err(|_| unexpected())?) {
                (201, BookResponse::Confirmed { booking }) => Ok(Answer::Booked { booking: booking.id }),
                (202, BookResponse::Waitlisted { entry: Entry { position: Some(position), .. } }) => Ok(Answer::Waiting { position }),
                _ => Err(unexpected()),
            }
        })
    }

    fn return_ticket(&self, person: Option<&Person>, booking: &str) -> Result<()> {
        let person = person.ok_or_else(|| sentence!("Nobody can return a ticket."))?;
        let what = || format!("{} could not return the ticket", person.name);
        let response = self.api.post("/api/cancelbooking", Some(&person.token), &json!({"bookingId": booking}))?.expect(200, what)?;
        ensure!(response.text("/booking/status")? == "cancelled", "{}.", what());
        Ok(())
    }

    /// Fails unless the administrator sees exactly these counts, and no available or held tickets.
    fn expect_counts(&self, booked_tickets: usize, waitlist_length: usize) -> Result<()> {
        let response = self.api.get(&format!("/admin/status/{}", self.event), Some(&self.admin))?;
        let counts: Counts = response.expect(200, || "The event status could not be read".to_owned())?.json()?;
        let expected = Counts { total_tickets: TICKETS, booked_tickets, available_tickets: 0, held_tickets: 0, waitlist_length };
        ensure!(counts == expected, "The event status has wrong numbers: {counts:?} instead of {expected:?}.");
        Ok(())
    }

    /// Returns whether a person holds a confirmed booking that was promoted from the waiting list.
    fn was_promoted(&self, person: &Person) -> bool {
        let page = self.api.get("/api/bookings", Some(&person.token)).and_then(|response| response.json::<Page<Booking>>());
        let is_promoted =
            |booking: &Booking| booking.event_id == self.event && booking.status == "confirmed" && booking.origin == "waitlist";
        page.is_ok_and(|page| page.items.iter().any(is_promoted))
    }

    /// Returns a person's current position in the waiting list; `None` if they do not wait.
    fn position(&self, person: &Person) -> Result<Option<usize>> {
        let response = self.api.get("/api/waitlist", Some(&person.token))?;
        let page: Page<Entry> = response.expect(200, || format!("{} could not read the waiting list", person.name))?.json()?;
        let waiting = page.items.iter().find(|entry| entry.event_id == self.event && entry.status == "waiting");
        Ok(waiting.and_then(|entry| entry.position))
    }

    /// Returns what has become of a person, and fails if it should be something else.
    fn outcome(&self, person: &Person, index: usize, giver: usize, line: &[usize]) -> Result<String> {
        let before = line.iter().position(|waiting| *waiting == index);
        // Everybody behind the first in line moves up by one.
        let expected = before.filter(|place| *place > 0);
        let position = self.position(person)?;
        let told =
            |position: Option<usize>| position.map_or_else(|| "not on the waiting list".to_owned(), |place| format!("at position {place}"));
        ensure!(position == expected, "{} should be {} and is {}.", person.name, told(expected), told(position));
        ensure!(before == Some(0) || !self.was_promoted(person), "{} got a ticket from the waiting list out of turn.", person.name);
        Ok(match (before, expected) {
            (Some(0), _) => "got the returned ticket".to_owned(),
            (_, Some(place)) => format!("waiting, position {place}"),
            _ if index == giver => "returned the ticket".to_owned(),
            _ => "has a ticket".to_owned(),
        })
    }
}

/// People by their index, with their bookings.
type Holders = Vec<(usize, String)>;

/// Returns the holders of a ticket with their bookings, and those who wait in the order of their positions. Fails unless every
/// ticket has a holder and every position from 1 on was given to exactly one person.
fn check_answers(answers: &[Answer]) -> Result<(Holders, Vec<usize>)> {
    let mut holders = Vec::new();
    let mut line = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Answer::Booked { booking } => holders.push((index, booking.clone())),
            Answer::Waiting { position } => line.push((*position, index)),
        }
    }
    ensure!(holders.len() == TICKETS, "{} people have a confirmed booking, and there are {TICKETS} tickets.", holders.len());
    line.sort_unstable();
    for (expected, (position, _)) in (1..).zip(&line) {
        ensure!(expected == *position, "Position {expected} of the waiting list was not given to exactly one person.");
    }
    Ok((holders, line.into_iter().map(|(_, index)| index).collect()))
}

fn table(answers: &[Answer], outcomes: &[String], giver: &str) -> String {
    let mut text = format!("\n  {:<8}  {:<24}  after {giver}'s return\n", "person", "after booking");
    let _ = writeln!(text, "  {}  {}  {}", "-".repeat(8), "-".repeat(24), "-".repeat(25));
    for ((name, answer), outcome) in NAMES.iter().zip(answers).zip(outcomes) {
        let answer = match answer {
            Answer::Booked { .. } => "has a ticket".to_owned(),
            Answer::Waiting { position } => format!("waiting, position {position}"),
        };
        let _ = writeln!(text, "  {name:<8}  {answer:<24}  {outcome}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booked(id: &str) -> Answer {
        Answer::Booked { booking: id.to_owned() }
    }

    fn waiting(position: usize) -> Answer {
        Answer::Waiting { position }
    }

    #[test]
    fn the_line_is_in_the_order_of_the_positions() {
        let answers = [waiting(2), booked("a"), waiting(3), booked("b"), waiting(1), booked("c")];
        let (holders, line) = check_answers(&answers).unwrap();
        assert_eq!(holders, [(1, "a".to_owned()), (3, "b".to_owned()), (5, "c".to_owned())]);
        assert_eq!(line, [4, 0, 2]);
    }

    #[test]
    fn a_position_that_two_people_got_is_an_error() {
        let answers = [waiting(1), booked("a"), waiting(1), booked("b"), waiting(2), booked("c")];
        assert!(check_answers(&answers).unwrap_err().to_string().starts_with("Position 2"));
    }

    #[test]
    fn an_oversold_event_is_an_error() {
        let answers = [booked("d"), booked("a"), waiting(1), booked("b"), waiting(2), booked("c")];
        assert!(check_answers(&answers).unwrap_err().to_string().starts_with("4 people"));
    }

    #[test]
    fn both_responses_to_a_booking_are_understood() {
        let body = json!({"status": "waitlisted", "waitlistEntry": {"eventId": "e", "status": "waiting", "position": 2}});
        assert!(matches!(serde_json::from_value(body).unwrap(), BookResponse::Waitlisted { entry: Entry { position: Some(2), .. } }));
        let body = json!({"status": "confirmed", "booking": {"id": "b", "eventId": "e", "status": "confirmed", "origin": "direct"}});
        assert!(matches!(serde_json::from_value(body).unwrap(), BookResponse::Confirmed { booking } if booking.id == "b"));
    }

    #[test]
    fn the_table_has_one_row_per_person() {
        let answers = [booked("a"), booked("b"), booked("c"), waiting(1), waiting(2), waiting(3)];
        let text = table(&answers, &NAMES.map(|name| format!("outcome of {name}")), "Ada");
        assert!(text.contains("\n  person    after booking             after Ada's return\n"));
        assert!(text.contains("\n  Dario     waiting, position 1       outcome of Dario\n"));
    }
}
