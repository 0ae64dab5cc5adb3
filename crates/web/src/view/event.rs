//! An event as lists and pages show it.

use rowlock_domain::Timestamp;
use rowlock_locale::Locale;

use crate::api::models::{Event, Image};
use crate::view::state::{SaleState, StateWords, from_now};

/// Number of color pairs of generated pictures; see `.tone-…` in the stylesheet.
const TONES: u32 = 8;

/// Width of small pictures. A picture that is narrower has one size only.
const SMALL_WIDTH: u32 = 600;

/// An event with its texts.
pub(crate) struct EventView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) venue: Option<String>,
    pub(crate) picture: Option<Picture>,
    pub(crate) date: DateBlock,
    /// Day and time in words, such as `Friday, 14 August 2026, 20:00 Berlin time`.
    pub(crate) when: String,
    /// Time of day and zone, such as `20:00 Berlin time`.
    pub(crate) time: String,
    /// Month for grouping, such as `August 2026`.
    pub(crate) month: String,
    pub(crate) state: StateWords,
    /// Time until sales open, such as `in 3 hours`.
    pub(crate) opens_in: Option<String>,
    /// Number of the color pair of the generated picture.
    pub(crate) tone: u32,
}

/// The picture of an event, as `picture.html` shows it.
pub(crate) struct Picture {
    pub(crate) image: Image,
    pub(crate) small_width: u32,
}

impl Picture {
    fn new(image: Image) -> Self {
        Self { small_width: image.width.min(SMALL_WIDTH), image }
    }
}

/// Weekday, day and month in a small block.
pub(crate) struct DateBlock {
    pub(crate) weekday: String,
    pub(crate) day: String,
    pub(crate) month: String,
    /// Start as browsers read it.
    pub(crate) iso: Option<String>,
}

impl EventView {
    pub(crate) fn new(event: &Event, locale: &Locale, now: Timestamp) -> Self {
        let zone = event.zone();
        let state = SaleState::of(event, now).words(locale, zone, now);
        let opens_in = state.opens.map(|at| from_now(locale, at, now));
        let name_of_zone = locale.zone_name(zone);
        let time_of = |at| format!("{}\u{a0}{name_of_zone}", locale.time(at, zone));
        let unknown = || locale.text("date-unknown");
        Self {
            id: event.id.to_string(),
            name: event.name.clone(),
            venue: event.venue.clone().filter(|venue| !venue.is_empty()),
            picture: event.image.clone().map(Picture::new),
            date: DateBlock::new(event.starts_at, locale, event),
            when: event.starts_at.map_or_else(unknown, |at| format!("{}, {}", locale.date(at, zone), time_of(at))),
            time: event.starts_at.map_or_else(unknown, time_of),
            month: event.starts_at.map_or_else(unknown, |at| locale.month(at, zone)),
            state,
            opens_in,
            tone: tone(&event.id.to_string()),
        }
    }
}

impl DateBlock {
    fn new(at: Option<Timestamp>, locale: &Locale, event: &Event) -> Self {
        let zone = event.zone();
        let Some(at) = at else {
            return Self { weekday: String::new(), day: "?".to_owned(), month: String::new(), iso: None };
        };
        Self {
            weekday: locale.short_weekday(at, zone),
            day: at.with_timezone(&zone).format("%-d").to_string(),
            month: locale.short_month(at, zone),
            iso: Some(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        }
    }
}

/// Returns a number that is always the same for one id.
fn tone(id: &str) -> u32 {
    // FNV-1a, of which the higher bits are mixed better.
    (id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) >> 16) % TONES
}
