use chrono::{NaiveDate, TimeZone};
use icalendar::{Calendar, CalendarComponent, Component};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn entry(zone: Tz, starts_at: &str) -> CalendarEntry {
    CalendarEntry {
        booking: BookingId::from_uuid(Uuid::from_u128(1)),
        sequence: 3,
        changed_at: "2026-05-01T08:00:00Z".parse().unwrap(),
        name: "Jazz, Blues; & more".to_owned(),
        venue: Some("Großer Saal\nHamburg".to_owned()),
        description: "2 × Standard".to_owned(),
        starts_at: starts_at.parse().unwrap(),
        ends_at: None,
        zone,
        status: EntryStatus::Confirmed,
    }
}

/// Returns the properties of the event, as a reader of the format gets them.
fn read(file: &str) -> impl Fn(&str) -> Option<String> + use<> {
    let calendar: Calendar = file.parse().unwrap();
    let events: Vec<_> = calendar.components.iter().filter_map(CalendarComponent::as_event).cloned().collect();
    assert_eq!(events.len(), 1, "{file}");
    move |name: &str| events[0].property_value(name).map(ToOwned::to_owned)
}

/// Returns the lines of a file after unfolding.
fn unfolded(file: &str) -> Vec<String> {
    file.replace("\r\n ", "").lines().map(ToOwned::to_owned).collect()
}

#[test]
fn an_entry_is_in_the_zone_of_the_event_with_its_rules() {
    let file = calendar_file(&CalendarEntry {
        ends_at: Some("2026-08-14T20:30:00Z".parse().unwrap()),
        ..entry(Tz::Europe__Berlin, "2026-08-14T18:00:00Z")
    });
    let lines = unfolded(&file);
    for line in [
        "UID:00000000-0000-0000-0000-000000000001@rowlock",
        "SEQUENCE:3",
        "DTSTAMP:20260501T080000Z",
        "DTSTART;TZID=Europe/Berlin:20260814T200000",
        "DTEND;TZID=Europe/Berlin:20260814T223000",
        "SUMMARY:Jazz\\, Blues\\; & more",
        "LOCATION:Großer Saal\\nHamburg",
        "STATUS:CONFIRMED",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} is missing in {file}");
    }
    let rules = "BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nTZNAME:CEST\r\nEND:DAYLIGHT\r\n";
    assert!(file.contains(&format!("TZID:Europe/Berlin\r\n{rules}END:VTIMEZONE")), "{file}");
    let property = read(&file);
    assert_eq!(property("SUMMARY").unwrap(), "Jazz, Blues; & more");
    assert_eq!(property("LOCATION").unwrap(), "Großer Saal\nHamburg");
}

#[test]
fn an_event_over_the_change_of_the_clocks_has_both_rules() {
    let night =
        CalendarEntry { ends_at: Some("2026-10-25T05:00:00Z".parse().unwrap()), ..entry(Tz::Europe__Berlin, "2026-10-24T20:00:00Z") };
    let file = calendar_file(&night);
    let rules = "END:DAYLIGHT\r\nBEGIN:STANDARD\r\nDTSTART:20261025T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nTZNAME:CET\r\n";
    assert!(file.contains(rules), "{file}");
    assert!(file.contains("DTEND;TZID=Europe/Berlin:20261025T060000"), "{file}");
}

#[test]
fn a_zone_without_daylight_saving_time_has_one_rule_and_utc_none() {
    let file = calendar_file(&entry(Tz::Asia__Kolkata, "2026-08-14T18:00:00Z"));
    assert_eq!(file.matches("BEGIN:STANDARD").count(), 1);
    assert!(file.contains("TZOFFSETFROM:+0530\r\nTZOFFSETTO:+0530\r\nTZNAME:IST\r\n"), "{file}");
    let file = calendar_file(&entry(Tz::UTC, "2026-08-14T18:00:00Z"));
    assert!(file.contains("DTSTART:20260814T180000Z") && !file.contains("VTIMEZONE") && !file.contains("DTEND"), "{file}");
}

#[test]
fn an_end_before_the_start_is_left_out() {
    let ends_at = Some("2026-08-14T17:00:00Z".parse().unwrap());
    let file =
        calendar_file(&CalendarEntry { ends_at, status: EntryStatus::Cancelled, ..entry(Tz::Europe__Berlin, "2026-08-14T18:00:00Z") });
    assert!(!file.contains("DTEND") && file.contains("STATUS:CANCELLED"), "{file}");
}

fn zones() -> impl Strategy<Value = Tz> {
    (0..chrono_tz::TZ_VARIANTS.len()).prop_map(|index| chrono_tz::TZ_VARIANTS[index])
}

proptest! {
    #[test]
    fn every_text_arrives_unchanged_and_adds_no_property(name in "\\PC{0,200}", line in "[a-zé\\\\;,:=\"]{0,20}", emoji in "[🎷🎺é]{0,40}") {
        let name = format!("{name}\n{line}END:VEVENT{emoji}");
        let file = calendar_file(&CalendarEntry { name: name.clone(), ..entry(Tz::Europe__Berlin, "2026-08-14T18:00:00Z") });
        prop_assert!(file.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{}", file);
        prop_assert_eq!(unfolded(&file).len(), unfolded(&calendar_file(&entry(Tz::Europe__Berlin, "2026-08-14T18:00:00Z"))).len());
        prop_assert_eq!(read(&file)("SUMMARY").unwrap(), name);
    }

    #[test]
    fn the_rules_give_the_offset_of_every_zone(zone in zones(), days in 0..4_000i64, hours in 0..60i64) {
        let from = Utc.from_utc_datetime(&NaiveDate::from_ymd_opt(2024, 1, 1).unwrap().and_hms_opt(0, 30, 0).unwrap());
        let from = from + chrono::TimeDelta::days(days);
        let to = from + chrono::TimeDelta::hours(hours);
        let observances = observances(zone, from, to);
        for at in [from, to] {
            // The offset that began last is the one in effect.
            let begun = observances.iter().rfind(|observance| {
                observance.starts_at - chrono::TimeDelta::seconds(observance.seconds_before.into()) <= at.naive_utc()
            });
            let expected = at.with_timezone(&zone).naive_local() - at.naive_utc();
            prop_assert_eq!(begun.map(|observance| i64::from(observance.seconds)), Some(expected.num_seconds()));
        }
    }
}
