//! The letter about a change of an event: its details, and the previous values of those that changed.

use rowlock_locale::Locale;

use super::letter::{Letter, when};
use super::single_line;
use crate::broadcast::PreviousDetails;
use crate::delivery::{Kind, TicketData};
use crate::events::Event;
use crate::settings::SiteSettings;

impl Letter {
    /// Writes the letter about a change. Details that are as the recipient knows them are shown like in other letters.
    pub(super) fn about_change(
        locale: &Locale,
        site: &SiteSettings,
        previous: &PreviousDetails,
        tickets: TicketData,
        event: &Event,
    ) -> Self {
        let letter = Self::about_tickets(locale, site, Kind::EventChanged, tickets, event);
        let mut facts = Vec::with_capacity(letter.facts.len() + 3);
        let unknown = || locale.text("not-known");
        let text = |text: Option<&str>| text.map_or_else(unknown, single_line);
        let mut add = |name: &str, new: Option<String>, old: Option<String>| match old {
            None => facts.extend(new.map(|new| (locale.text(&format!("label-{name}")), new))),
            Some(old) => {
                facts.push((locale.text(&format!("label-new-{name}")), new.unwrap_or_else(unknown)));
                facts.push((locale.text(&format!("label-old-{name}")), old));
            }
        };
        let old_name = previous.name.as_ref().filter(|name| **name != event.name);
        add("event", Some(single_line(&event.name)), old_name.map(|name| single_line(name)));
        let (old_start, old_zone) = previous.time(event);
        let shown = |at: Option<_>, zone| at.map(|at| when(locale, at, zone));
        let is_moved = (old_start, old_zone) != (event.starts_at, event.zone());
        let old_time = is_moved.then(|| shown(old_start, old_zone).unwrap_or_else(unknown));
        add("when", shown(event.starts_at, event.zone()), old_time);
        let old_venue = previous.venue.as_ref().filter(|venue| **venue != event.venue);
        add("where", event.venue.as_deref().map(single_line), old_venue.map(|venue| text(venue.as_deref())));
        // The last fact is the number of tickets.
        facts.extend(letter.facts.last().cloned());
        Self { facts, ..letter }
    }
}
