//! Calendar entries for bookings (iCalendar, RFC 5545).
//!
//! The times are in the zone of the event, whose rules the file contains: a calendar then shows the entry at the right time on every
//! device, and still does if the owner travels.

mod zone;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::BookingId;

use self::zone::observances;

/// The maximum length of a line, in bytes.
const LINE_LENGTH: usize = 75;

/// An event that somebody has booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// The booking, which identifies the entry. A calendar replaces the entry when it gets a file with a higher sequence.
    pub booking: BookingId,
    /// The version of the event.
    pub sequence: i64,
    /// The time of the last change of the event.
    pub changed_at: Timestamp,
    /// The name of the event.
    pub name: String,
    /// The venue.
    pub venue: Option<String>,
    /// More about the booking, such as the number of tickets.
    pub description: String,
    /// The start of the event.
    pub starts_at: Timestamp,
    /// The end of the event.
    pub ends_at: Option<Timestamp>,
    /// The time zone of the event.
    pub zone: Tz,
    /// The status of the booking.
    pub status: EntryStatus,
}

/// The status of a booking in a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStatus {
    /// The booking is reserved.
    Tentative,
    /// The booking is confirmed.
    Confirmed,
    /// The booking or the event was cancelled, or the reservation has expired.
    Cancelled,
}

/// Returns the calendar file with one entry.
pub fn calendar_file(entry: &CalendarEntry) -> String {
    let mut file = File(String::new());
    file.line("BEGIN:VCALENDAR");
    file.line("VERSION:2.0");
    file.line("PRODID:-//Rowlock//Tickets//EN");
    file.line("CALSCALE:GREGORIAN");
    file.line("METHOD:PUBLISH");
    let end = entry.ends_at.filter(|end| *end > entry.starts_at);
    if entry.zone != Tz::UTC {
        file.time_zone(entry.zone, entry.starts_at, end.unwrap_or(entry.starts_at));
    }
    file.line("BEGIN:VEVENT");
    file.line(&format!("UID:{}@rowlock", entry.booking));
    file.line(&format!("SEQUENCE:{}", entry.sequence));
    file.line(&format!("DTSTAMP:{}", utc(entry.changed_at)));
    file.line(&format!("DTSTART{}", time(entry.starts_at, entry.zone)));
    if let Some(end) = end {
        file.line(&format!("DTEND{}", time(end, entry.zone)));
    }
    file.line(&format!("SUMMARY:{}", escape(&entry.name)));
    if let Some(venue) = &entry.venue {
        file.line(&format!("LOCATION:{}", escape(venue)));
    }
    file.line(&format!("DESCRIPTION:{}", escape(&entry.description)));
    file.line(match entry.status {
        EntryStatus::Tentative => "STATUS:TENTATIVE",
        EntryStatus::Confirmed => "STATUS:CONFIRMED",
        EntryStatus::Cancelled => "STATUS:CANCELLED",
    });
    file.line("END:VEVENT");
    file.line("END:VCALENDAR");
    file.0
}

struct File(String);

impl File {
    /// Adds a line, and folds it if it is too long. A character is never split.
    fn line(&mut self, text: &str) {
        let mut length = 0;
        for character in text.chars() {
            if length + character.len_utf8() > LINE_LENGTH {
                self.0.push_str("\r\n ");
                length = 1;
            }
            self.0.push(character);
            length += character.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    /// Adds the rules of a time zone that apply between two times.
    fn time_zone(&mut self, zone: Tz, from: Timestamp, to: Timestamp) {
        self.line("BEGIN:VTIMEZONE");
        self.line(&format!("TZID:{}", zone.name()));
        for observance in observances(zone, from, to) {
            let kind = if observance.is_daylight { "DAYLIGHT" } else { "STANDARD" };
            self.line(&format!("BEGIN:{kind}"));
            self.line(&format!("DTSTART:{}", observance.starts_at.format("%Y%m%dT%H%M%S")));
            self.line(&format!("TZOFFSETFROM:{}", offset(observance.seconds_before)));
            self.line(&format!("TZOFFSETTO:{}", offset(observance.seconds)));
            self.line(&format!("TZNAME:{}", escape(&observance.name)));
            self.line(&format!("END:{kind}"));
        }
        self.line("END:VTIMEZONE");
    }
}

fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// Returns the parameters and the value of a time.
fn time(at: Timestamp, zone: Tz) -> String {
    if zone == Tz::UTC {
        return format!(":{}", utc(at));
    }
    format!(";TZID={}:{}", zone.name(), at.with_timezone(&zone).format("%Y%m%dT%H%M%S"))
}

/// Returns an offset from UTC in hours, minutes and, if there are any, seconds.
fn offset(seconds: i32) -> String {
    let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let rest = if seconds % 60 == 0 { String::new() } else { format!("{:02}", seconds % 60) };
    format!("{sign}{:02}{:02}{rest}", seconds / 3600, seconds / 60 % 60)
}

/// Escapes a text. Line breaks of all kinds become those of the format, and other control characters are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' | '\r' => escaped.push_str("\\n"),
            '\t' => escaped.push(' '),
            character if character.is_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
