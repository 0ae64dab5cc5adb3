//! The sample events, which `make up` creates through the public API: those of `deploy/sample/programme.json` with their pictures, some
//! sold tickets and a waiting list.

use std::{collections::BTreeSet, path::Path};

use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, Utc, Weekday};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Content, Login},
    failure::{Failure, Result, sentence},
    files,
    system::System,
};

/// Folder of the sample events, in the checkout.
const FOLDER: &str = "deploy/sample";

/// Quantities of the sold bookings, over and over.
const QUANTITIES: [u64; 6] = [2, 4, 1, 2, 3, 2];

/// Names of the guests, over and over.
const GUESTS: [&str; 20] = [
    "Ada Lovelace",
    "Benjamin Okafor",
    "Chloé Martin",
    "Dario Conti",
    "Elif Yıldız",
    "Femi Adeyemi",
    "Greta Lindqvist",
    "Hiro Tanaka",
    "Isabel Ferreira",
    "Jonas Weber",
    "Katarzyna Nowak",
    "Liam Murphy",
    "Mei Chen",
    "Noor Haddad",
    "Oskar Nilsen",
    "Priya Raman",
    "Quentin Dubois",
    "Rosa Jiménez",
    "Søren Holm",
    "Tamsin Clarke",
];

/// A sample event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sample {
    /// File in the folder `pictures`.
    picture: Option<String>,
    /// The text that determines the poster instead of the name; see the example `draw_posters` of rowlock-pictures.
    #[serde(rename = "poster")]
    _poster: Option<String>,
    /// Body of the request that creates the event, without its times.
    event: Map<String, Value>,
    start: Option<Moment>,
    /// Hours from the start to the end.
    hours: Option<i64>,
    sales_start: Option<Moment>,
    /// Days before the start until which tickets can be returned.
    cancel_days_before: Option<i64>,
    /// Number of sold tickets.
    #[serde(default)]
    sold: u64,
    /// Quantities of the entries on the waiting list of the first ticket type.
    #[serde(default)]
    waiting: Vec<u64>,
}

/// A time that depends on the current day: a number of days later, then the next such weekday, at a time of day in UTC.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    after: i64,
    weekday: String,
    time: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: String,
    name: String,
    booked_tickets: u64,
    image: Option<Value>,
    ticket_types: Vec<TicketType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketType {
    id: String,
    total_tickets: u64,
    max_per_booking: u64,
}

/// Creates the sample events. Returns one line per event.
pub(crate) fn create(system: &System) -> Result<Vec<String>> {
    create_on(system, &Api::find(system)?)
}

/// Creates the sample events on a given API, unless that has events of its own. Sample events that exist are kept, so that an
/// interrupted run can be repeated.
pub(crate) fn create_on(system: &System, api: &Api) -> Result<Vec<String>> {
    let folder = system.checkout.root().join(FOLDER);
    let programme = read_programme(&folder)?;
    let token = api.log_in_administrator(&Login::of_administrator(system)?)?;
    let target = SampleTarget { api, token: &token, folder: &folder };
    let present = target.events()?;
    let names: BTreeSet<&str> = programme.iter().filter_map(Sample::name).collect();
    if let Some(own) = present.iter().find(|event| !names.contains(event.name.as_str())) {
        return Ok(vec![format!("There are events already, such as '{}', so the sample events are left out.", own.name)]);
    }
    programme.iter().map(|sample| target.put_on(sample, present.iter().find(|event| Some(event.name.as_str()) == sample.name()))).collect()
}

fn read_programme(folder: &Path) -> Result<Vec<Sample>> {
    let file = folder.join("programme.json");
    serde_json::from_str(&files::read(&file)?).map_err(|source| Failure::Json { what: file.display().to_string(), source })
}

#[expect(clippy::disallowed_methods, reason = "the events take place some days after today")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

impl Moment {
    /// Returns the time, relative to `now`.
    fn at(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let invalid = || sentence!("A sample event has an invalid time: {} {}.", self.weekday, self.time);
        let weekday: Weekday = self.weekday.parse().map_err(|_| invalid())?;
        let time = NaiveTime::parse_from_str(&self.time, "%H:%M").map_err(|_| invalid())?;
        let day = now.date_naive() + TimeDelta::days(self.after);
        Ok((day + TimeDelta::days(weekday.days_since(day.weekday()).into())).and_time(time).and_utc())
    }
}

impl Sample {
    fn name(&self) -> Option<&str> {
        self.event.get("name").and_then(Value::as_str)
    }

    /// Returns the body of the request that creates the event.
    fn body(&self, now: DateTime<Utc>) -> Result<Value> {
        let mut body = self.event.clone();
        let mut set = |name: &str, at: DateTime<Utc>| body.insert(name.to_owned(), json!(at));
        if let Some(start) = &self.start {
            let start = start.at(now)?;
            set("startsAt", start);
            self.hours.map(|hours| set("endsAt", start + TimeDelta::hours(hours)));
            self.cancel_days_before.map(|days| set("cancelUntil", start - TimeDelta::days(days)));
        }
        if let Some(sales) = &self.sales_start {
            set("salesStartAt", sales.at(now)?);
        }
        Ok(body.into())
    }
}

/// The API that gets the sample events.
struct SampleTarget<'a> {
    api: &'a Api,
    token: &'a str,
    folder: &'a Path,
}

impl SampleTarget<'_> {
    fn events(&self) -> Result<Vec<Event>> {
        let response = self.api.get("/admin/events?limit=100", Some(self.token))?;
        Ok(response.expect(200, || "The events could not be read".to_owned())?.json::<Page>()?.items)
    }

    /// Creates an event unless it is there, and adds what it lacks.
    fn put_on(&self, sample: &Sample, present: Option<&Event>) -> Result<String> {
        let name = sample.name().unwrap_or_default();
        let created = if present.is_none() {
            let response = self.api.post("/admin/initialize", Some(self.token), &sample.body(now())?)?;
            Some(response.expect(201, || format!("The event '{name}' could not be created"))?.json::<Event>()?)
        } else {
            None
        };
        let Some(event) = created.as_ref().or(present) else { return Err(sentence!("The event '{name}' is missing.")) };
        if let (Some(picture), None) = (&sample.picture, &event.image) {
            let file = self.folder.join("pictures").join(picture);
            let content = Content::File { media_type: "image/webp", path: &file };
            let response = self.api.send_with("PUT", &format!("/admin/events/{}/image", event.id), Some(self.token), content)?;
            response.expect(200, || format!("The picture of '{name}' could not be uploaded"))?;
        }
        if event.booked_tickets == 0 {
            self.sell(event, sample)?;
        }
        Ok(format!("{}: {name}", if present.is_some() { "There already" } else { "Created" }))
    }

    /// Books tickets for guests, of each type in proportion to its size, and puts guests on the waiting list.
    fn sell(&self, event: &Event, sample: &Sample) -> Result<()> {
        let mut guests = GUESTS.iter().cycle();
        let total: u64 = event.ticket_types.iter().map(|kind| kind.total_tickets).sum();
        let (mut left, mut unsold) = (sample.sold.min(total), total);
        for kind in &event.ticket_types {
            // The remaining tickets are divided in proportion to the remaining capacities.
            let mut share = (left * kind.total_tickets).checked_div(unsold).unwrap_or_default();
            (left, unsold) = (left - share, unsold - kind.total_tickets);
            for quantity in QUANTITIES.iter().cycle() {
                let quantity = (*quantity).min(kind.max_per_booking).min(share);
                let (Some(guest), 1..) = (guests.next(), quantity) else { break };
                self.book(event, kind, guest, quantity, 201)?;
                share -= quantity;
            }
        }
        for quantity in &sample.waiting {
            if let (Some(guest), Some(kind)) = (guests.next(), event.ticket_types.first()) {
                self.book(event, kind, guest, *quantity, 202)?;
            }
        }
        Ok(())
    }

    fn book(&self, event: &Event, kind: &TicketType, guest: &str, quantity: u64, status: u16) -> Result<()> {
        let address = guest.to_lowercase().replace(' ', ".").replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "");
        let body = json!({
            "name": guest, "email": format!("{address}@example.org"), "ticketTypeId": kind.id, "quantity": quantity,
            "joinWaitlist": status == 202, "reason": "Sample event",
        });
        let response = self.api.post(&format!("/admin/events/{}/bookings", event.id), Some(self.token), &body)?;
        response.expect(status, || format!("{guest} could not get a ticket of '{}'", event.name)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Checkout;

    fn programme() -> (std::path::PathBuf, Vec<Sample>) {
        let folder = Checkout::find().unwrap().root().join(FOLDER);
        let programme = read_programme(&folder).unwrap();
        (folder, programme)
    }

    #[test]
    fn a_moment_is_the_next_such_weekday() {
        let now = "2026-12-30T23:59:59Z".parse().unwrap(); // a Wednesday
        let at = |after, weekday: &str| {
            let moment = Moment { after, weekday: weekday.to_owned(), time: "19:30".to_owned() };
            moment.at(now).unwrap().to_rfc3339()
        };
        assert_eq!(at(0, "Wed"), "2026-12-30T19:30:00+00:00");
        assert_eq!(at(1, "Wed"), "2027-01-06T19:30:00+00:00");
        assert_eq!(at(-18, "Sat"), "2026-12-12T19:30:00+00:00");
    }

    #[test]
    fn every_event_has_valid_times_and_a_small_picture() {
        let (folder, programme) = programme();
        let now = "2026-12-30T23:59:59Z".parse().unwrap();
        assert!(programme.len() >= 10 && programme.iter().filter(|sample| !sample.waiting.is_empty()).count() == 1);
        for sample in &programme {
            let body = sample.body(now).unwrap();
            assert_eq!(body.get("startsAt").is_some(), sample.start.is_some(), "{body}");
            if let Some(picture) = &sample.picture {
                let size = std::fs::metadata(folder.join("pictures").join(picture)).unwrap().len();
                assert!(size < 60_000, "{picture} has {size} bytes");
            }
        }
    }
}
