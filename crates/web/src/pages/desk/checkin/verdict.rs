//! The verdict on a scanned ticket, in words that are read at arm's length.

use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_locale::Locale;
use serde_json::{Map, Value};

/// Status of a scan that admitted somebody.
pub(super) const CHECKED_IN: &str = "checked-in";

/// Problems that are a verdict on the ticket. All others concern the request.
const VERDICTS: [&str; 7] =
    ["already-checked-in", "ticket-invalid", "ticket-cancelled", "ticket-void", "ticket-not-found", "booking-not-found", "invalid-input"];

/// Returns whether a problem is a verdict on the ticket.
pub(super) fn is_verdict(code: &str) -> bool {
    VERDICTS.contains(&code)
}

/// Kinds of verdicts, each with a color, a sign and a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Admitted,
    /// The ticket was used before.
    Again,
    Refused,
    /// The scan waits for the network.
    Queued,
}

/// A verdict as the page shows it.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) word: String,
    pub(super) name: String,
    pub(super) ticket_type: String,
    pub(super) detail: String,
    /// Id of the check-in that can be undone.
    pub(super) checkin: Option<String>,
    /// When the ticket was checked in, as browsers read it.
    pub(super) at: String,
    pub(super) door: String,
}

impl Verdict {
    pub(super) fn new(kind: Kind) -> Self {
        let empty = String::new;
        Self { kind, word: empty(), name: empty(), ticket_type: empty(), detail: empty(), checkin: None, at: empty(), door: empty() }
    }

    /// Returns the verdict for a status or the code of a problem, and the members of its document.
    pub(super) fn of(locale: &Locale, zone: Tz, now: Timestamp, status: &str, members: &Map<String, Value>) -> Self {
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = match status {
            CHECKED_IN => Kind::Admitted,
            "already-checked-in" => Kind::Again,
            _ => Kind::Refused,
        };
        let (at, door) = (text("checkedInAt"), text("door"));
        let when = at.parse::<Timestamp>().ok().map(|at| moment(locale, zone, now, at));
        let mut details = Vec::new();
        match (&when, door.is_empty()) {
            (Some(when), true) => details.push(locale.with("checkin-at", [("when", when.clone().into())])),
            (Some(when), false) => {
                details.push(locale.with("checkin-at-door", [("when", when.clone().into()), ("door", door.clone().into())]));
            }
            (None, _) => {}
        }
        if kind == Kind::Refused {
            let reason = format!("verdict-{status}-{}-explained", text("reason"));
            let explained = locale.optional(&reason).or_else(|| locale.optional(&format!("verdict-{status}-explained")));
            details.push(explained.unwrap_or_else(|| locale.text("problem-other")));
        }
        let word = locale.optional(&format!("verdict-{status}-{}", text("reason")));
        let word = word.or_else(|| locale.optional(&format!("verdict-{status}")));
        Self {
            word: word.unwrap_or_else(|| locale.text("verdict-refused")),
            name: text("holderName"),
            ticket_type: text("ticketType"),
            detail: details.join(" · "),
            checkin: (kind == Kind::Admitted).then(|| text("id")).filter(|id| !id.is_empty()),
            at,
            door,
            ..Self::new(kind)
        }
    }

    /// Returns the class and the name of the sound.
    pub(super) fn class(&self) -> &'static str {
        match self.kind {
            Kind::Admitted => "admitted",
            Kind::Again => "again",
            Kind::Refused => "refused",
            Kind::Queued => "queued",
        }
    }

    /// Returns the sign beside the word.
    pub(super) fn sign(&self) -> &'static str {
        match self.kind {
            Kind::Admitted => "✓",
            Kind::Again => "!",
            Kind::Refused => "✕",
            Kind::Queued => "…",
        }
    }
}

/// Returns the time of day, with the date if it is another day than today in the zone of the event.
pub(super) fn moment(locale: &Locale, zone: Tz, now: Timestamp, at: Timestamp) -> String {
    let is_today = at.with_timezone(&zone).date_naive() == now.with_timezone(&zone).date_naive();
    if is_today { locale.time(at, zone) } else { locale.date_time(at, zone) }
}
