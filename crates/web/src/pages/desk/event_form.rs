//! The form of an event: its values, and the request that they make.

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use fluent_bundle::FluentValue;
use iso_currency::Currency;
use rowlock_domain::Timestamp;
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_locale::Locale;
use serde_json::{Map, Value, json};

use super::models::DeskEvent;
use crate::form::{Form, FormErrors};

/// Times of an event, by the names of their fields.
const TIMES: [&str; 5] = ["startsAt", "endsAt", "salesStartAt", "salesEndAt", "cancelUntil"];
/// The durations of reservations and offers in minutes, by the names of their fields, with their largest values.
const DURATIONS: [(&str, i64); 2] = [("checkoutMinutes", 24 * 60), ("offerMinutes", 7 * 24 * 60)];
/// Number of rows for ticket types in the form of a new event.
pub(super) const NEW_ROWS: usize = 6;
/// How browsers send the value of a field with date and time.
const LOCAL_TIME: &str = "%Y-%m-%dT%H:%M";

/// Values of the form, as they are entered.
#[derive(Debug, Clone, Default)]
pub(super) struct EventForm {
    pub(super) name: String,
    pub(super) venue: String,
    pub(super) description: String,
    pub(super) time_zone: String,
    /// Values of `TIMES`, in the time zone of the event.
    times: [String; 5],
    pub(super) waitlist_until: String,
    /// Whether the change may end a waiting list that still has entries.
    pub(super) close_waitlist: bool,
    /// Values of `DURATIONS`.
    durations: [String; 2],
    pub(super) currency: String,
    pub(super) types: Vec<TypeRow>,
}

/// Values of a row for a ticket type.
#[derive(Debug, Clone, Default)]
pub(super) struct TypeRow {
    /// Id of a ticket type that exists.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) total: String,
    pub(super) price: String,
    pub(super) per_booking: String,
    pub(super) per_account: String,
}

impl TypeRow {
    fn is_blank(&self) -> bool {
        [&self.name, &self.total, &self.price].into_iter().all(String::is_empty)
    }
}

impl EventForm {
    /// Returns the form of a new event.
    pub(super) fn blank() -> Self {
        let first = TypeRow { per_booking: "10".to_owned(), ..TypeRow::default() };
        let mut types = vec![first];
        types.resize(NEW_ROWS, TypeRow::default());
        let (time_zone, waitlist_until) = ("UTC".to_owned(), "start".to_owned());
        Self { time_zone, waitlist_until, currency: "EUR".to_owned(), types, ..Self::default() }
    }

    /// Returns the form of an event as it is.
    pub(super) fn of(event: &DeskEvent) -> Self {
        let zone = event.zone();
        let local = |at: Option<Timestamp>| at.map(|at| at.with_timezone(&zone).format(LOCAL_TIME).to_string()).unwrap_or_default();
        let currency = event.ticket_types.first().map_or("EUR", |kind| kind.price.currency.as_str()).to_owned();
        let row = |kind: &super::models::DeskTicketType| TypeRow {
            id: kind.id.to_string(),
            name: kind.name.clone(),
            total: kind.total_tickets.to_string(),
            price: amount_text(kind.price.amount_minor, &currency),
            per_booking: kind.max_per_booking.to_string(),
            per_account: kind.max_per_account.map(|max| max.to_string()).unwrap_or_default(),
        };
        Self {
            name: event.name.clone(),
            venue: event.venue.clone().unwrap_or_default(),
            description: event.description.clone().unwrap_or_default(),
            time_zone: zone.name().to_owned(),
            times: [
                local(event.starts_at),
                local(event.ends_at),
                local(event.sales_start_at),
                local(event.sales_end_at),
                local(event.cancel_until),
            ],
            waitlist_until: event.waitlist_until.clone(),
            close_waitlist: false,
            durations: [event.checkout_minutes, event.offer_minutes]
                .map(|minutes| minutes.map(|minutes| minutes.to_string()).unwrap_or_default()),
            types: event.ticket_types.iter().map(row).collect(),
            currency,
        }
    }

    /// Returns the form of a copy of an event: without its times, and with free rows for more ticket types.
    pub(super) fn copy_of(event: &DeskEvent, locale: &Locale) -> Self {
        let mut copy = Self::of(event);
        copy.name = locale.with("desk-copy-of", [("name", copy.name.clone().into())]);
        copy.times = Default::default();
        for row in &mut copy.types {
            row.id.clear();
        }
        copy.types.resize(copy.types.len().max(NEW_ROWS), TypeRow::default());
        copy
    }

    /// Reads the values that were entered.
    pub(super) fn read(form: &Form) -> Self {
        let text = |name: &str| form.get(name).to_owned();
        let column = |name| form.all(name).map(str::to_owned).collect::<Vec<_>>();
        let (ids, totals, prices) = (column("typeId"), column("typeTotal"), column("typePrice"));
        let (per_booking, per_account) = (column("typePerBooking"), column("typePerAccount"));
        let cell = |cells: &Vec<String>, row: usize| cells.get(row).cloned().unwrap_or_default();
        let row = |(row, name): (usize, &str)| TypeRow {
            id: cell(&ids, row),
            name: name.to_owned(),
            total: cell(&totals, row),
            price: cell(&prices, row),
            per_booking: cell(&per_booking, row),
            per_account: cell(&per_account, row),
        };
        Self {
            name: text("name"),
            venue: text("venue"),
            description: text("description"),
            time_zone: text("timeZone"),
            times: TIMES.map(text),
            waitlist_until: text("waitlistUntil"),
            close_waitlist: form.get("closeWaitlist") == "yes",
            durations: DURATIONS.map(|(field, _)| text(field)),
            currency: text("currency"),
            types: form.all("typeName").enumerate().map(row).collect(),
        }
    }

    /// Returns the fields with date and time: name of the field and value.
    pub(super) fn times(&self) -> Vec<(&'static str, &str)> {
        TIMES.into_iter().zip(self.times.iter().map(String::as_str)).collect()
    }

    /// Returns the fields with the durations of reservations and offers: name of the field, largest value and entered value.
    pub(super) fn durations(&self) -> Vec<(&'static str, i64, &str)> {
        DURATIONS.into_iter().zip(&self.durations).map(|((field, largest), value)| (field, largest, value.as_str())).collect()
    }

    /// Returns the fields that creating and changing share. Errors are added for values that this site has to interpret; all others are
    /// checked by the API.
    fn common(&self, locale: &Locale, errors: &mut FormErrors) -> Map<String, Value> {
        let mut body = Map::new();
        let optional = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        body.insert("name".to_owned(), json!(self.name));
        body.insert("venue".to_owned(), optional(&self.venue));
        body.insert("description".to_owned(), optional(&self.description));
        body.insert("waitlistUntil".to_owned(), json!(self.waitlist_until));
        for (field, largest, value) in self.durations() {
            let minutes = value.parse::<i64>().ok().filter(|minutes| (1..=largest).contains(minutes));
            if minutes.is_none() && !value.is_empty() {
                errors.add(field, locale.text(&format!("invalid-{}", field.to_ascii_lowercase())));
            }
            body.insert(field.to_owned(), json!(minutes));
        }
        match self.time_zone.parse::<TimeZoneName>() {
            Ok(zone) => {
                body.insert("timeZone".to_owned(), json!(zone));
                self.add_times(zone.zone(), &mut body, locale, errors);
            }
            Err(_) => errors.add("timeZone", locale.text("invalid-timezone")),
        }
        if self.name.is_empty() {
            errors.add("name", locale.text("desk-missing-event-name"));
        }
        body
    }

    fn add_times(&self, zone: Tz, body: &mut Map<String, Value>, locale: &Locale, errors: &mut FormErrors) {
        for (field, value) in self.times() {
            let at = match instant(value, zone) {
                _ if value.is_empty() => Value::Null,
                Ok(at) => json!(at),
                Err(reason) => {
                    errors.add(field, locale.text(reason));
                    Value::Null
                }
            };
            body.insert(field.to_owned(), at);
        }
    }

    /// Returns the body of `POST /admin/initialize`.
    pub(super) fn to_new(&self, status: &str, locale: &Locale) -> Result<Value, FormErrors> {
        let mut errors = FormErrors::default();
        let mut body = self.common(locale, &mut errors);
        body.retain(|_, value| !value.is_null());
        body.insert("status".to_owned(), json!(status));
        let mut types = Vec::new();
        for (row, kind) in self.types.iter().enumerate().filter(|(_, kind)| !kind.is_blank()) {
            let number = FluentValue::from(i64::try_from(row + 1).unwrap_or(0));
            let error = |id: &str| locale.with(id, [("row", number.clone())]);
            if kind.name.is_empty() {
                errors.add("typeName", error("desk-missing-type-name"));
            }
            let total = kind.total.parse::<i64>().ok().filter(|total| *total > 0);
            let price = amount_minor(&kind.price, &self.currency);
            if total.is_none() {
                errors.add("typeTotal", error("desk-invalid-type-total"));
            }
            if price.is_none() {
                errors.add("typePrice", error("desk-invalid-type-price"));
            }
            let price = json!({"amountMinor": price, "currency": self.currency});
            let mut one = Map::from_iter([("name".to_owned(), json!(kind.name)), ("totalTickets".to_owned(), json!(total))]);
            one.insert("price".to_owned(), price);
            for (field, value) in [("maxPerBooking", &kind.per_booking), ("maxPerAccount", &kind.per_account)] {
                match (value.as_str(), value.parse::<i64>()) {
                    ("", _) => {}
                    (_, Ok(limit)) if limit > 0 => {
                        one.insert(field.to_owned(), json!(limit));
                    }
                    _ => errors.add("typePerBooking", error("desk-invalid-type-limit")),
                }
            }
            types.push(one);
        }
        if types.is_empty() && errors.at("typeName").is_none() {
            errors.add("typeName", locale.text("desk-missing-types"));
        }
        body.insert("ticketTypes".to_owned(), json!(types));
        if errors.is_empty() { Ok(body.into()) } else { Err(errors) }
    }

    /// Returns the body of `PATCH /admin/events/{eventId}`. Times that are still those of the event are left out: the form shows
    /// neither their seconds nor which of two equal wall-clock times they are.
    pub(super) fn to_change(&self, event: &DeskEvent, locale: &Locale) -> Result<Value, FormErrors> {
        let mut errors = FormErrors::default();
        let mut body = self.common(locale, &mut errors);
        let present = Self::of(event);
        if present.time_zone == self.time_zone {
            for ((field, value), (_, before)) in self.times().into_iter().zip(present.times()) {
                if value == before {
                    body.remove(field);
                }
            }
        }
        if present.waitlist_until == self.waitlist_until {
            body.remove("waitlistUntil");
        }
        body.insert("closeWaitlist".to_owned(), json!(self.close_waitlist));
        let mut types = Vec::new();
        for (row, kind) in self.types.iter().enumerate().filter(|(_, kind)| !kind.id.is_empty()) {
            let number = FluentValue::from(i64::try_from(row + 1).unwrap_or(0));
            let limit = |text: &str| text.parse::<i64>().ok().filter(|limit| *limit > 0);
            let per_account =
                if kind.per_account.is_empty() { Some(Value::Null) } else { limit(&kind.per_account).map(|limit| json!(limit)) };
            match (limit(&kind.per_booking), per_account) {
                (Some(per_booking), Some(per_account)) => {
                    types.push(json!({"id": kind.id, "name": kind.name, "maxPerBooking": per_booking, "maxPerAccount": per_account}));
                }
                _ => errors.add("typePerBooking", locale.with("desk-invalid-type-limit", [("row", number)])),
            }
        }
        body.insert("ticketTypes".to_owned(), json!(types));
        if errors.is_empty() { Ok(body.into()) } else { Err(errors) }
    }
}

/// Returns the instant of a wall-clock time: the first, if it occurs twice when the clocks are put back. The error is the id of a text.
pub(super) fn instant(value: &str, zone: Tz) -> Result<Timestamp, &'static str> {
    let naive = NaiveDateTime::parse_from_str(value, LOCAL_TIME)
        .or_else(|_| NaiveDateTime::parse_from_str(value, "%Y-%m-%dT%H:%M:%S"))
        .map_err(|_| "desk-invalid-time")?;
    let local = zone.from_local_datetime(&naive).earliest().ok_or("desk-skipped-time")?;
    Ok(local.to_utc())
}

/// Returns how many digits the minor unit of a currency has.
fn digits(currency: &str) -> u32 {
    Currency::from_code(currency).and_then(Currency::exponent).map_or(2, u32::from)
}

/// Parses an amount such as `12.50`, `12,50` or `12` into the minor unit. An empty text is free of charge.
fn amount_minor(text: &str, currency: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let width = usize::try_from(digits(currency)).ok()?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > width {
        return None;
    }
    format!("{whole}{part:0<width$}").parse().ok()
}

/// Returns an amount of the minor unit as it is entered.
fn amount_text(minor: i64, currency: &str) -> String {
    let width = usize::try_from(digits(currency)).unwrap_or(2);
    if width == 0 {
        return minor.to_string();
    }
    let text = format!("{minor:0>width$}", width = width + 1);
    let (whole, part) = text.split_at(text.len() - width);
    format!("{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_the_unit_of_their_currency() {
        assert_eq!(amount_minor("12.5", "EUR"), Some(1250));
        assert_eq!(amount_minor("12,50", "EUR"), Some(1250));
        assert_eq!(amount_minor("12", "JPY"), Some(12));
        assert_eq!(amount_minor("", "EUR"), Some(0));
        for bad in ["12.345", "-1", "1.2.3", ".5", "1e3", "12 €"] {
            assert_eq!(amount_minor(bad, "EUR"), None, "{bad}");
        }
        for minor in [0, 5, 99, 100, 123_456] {
            assert_eq!(amount_minor(&amount_text(minor, "EUR"), "EUR"), Some(minor));
        }
    }

    #[test]
    fn times_are_read_in_the_zone_of_the_event() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(instant("2026-07-01T20:00", berlin).unwrap().to_rfc3339(), "2026-07-01T18:00:00+00:00");
        assert_eq!(instant("2026-03-29T02:30", berlin), Err("desk-skipped-time"), "the clocks skip this hour");
        assert_eq!(instant("2026-10-25T02:30", berlin).unwrap().to_rfc3339(), "2026-10-25T00:30:00+00:00", "the first of two");
        assert_eq!(instant("yesterday", berlin), Err("desk-invalid-time"));
    }
}
