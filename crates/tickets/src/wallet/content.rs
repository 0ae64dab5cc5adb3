//! The content of a pass, as Apple's documentation «Wallet Passes» describes it.

use chrono::SecondsFormat;
use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::TicketId;
use rowlock_locale::Locale;
use serde_json::{Value, json};

/// The ticket that a pass shows.
#[derive(Debug, Clone)]
pub struct PassTicket {
    /// The ticket, which identifies the pass: a later pass of the same ticket replaces it on the phone.
    pub ticket: TicketId,
    /// The code.
    pub code: String,
    /// The name of the event.
    pub event_name: String,
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The time zone of the event.
    pub zone: Tz,
    /// The venue of the event.
    pub venue: Option<String>,
    /// The name of the holder.
    pub holder_name: String,
    /// The name of the ticket type.
    pub ticket_type: String,
}

impl PassTicket {
    pub(super) fn content(&self, pass_type: &str, team: &str, organization: &str, locale: &Locale) -> Value {
        let TicketId { booking, number, .. } = self.ticket;
        let field = |key: &str, label: &str, value: &str| {
            let is_empty = value.is_empty();
            (!is_empty).then(|| json!({"key": key, "label": locale.text(label), "value": value}))
        };
        let when = self.starts_at.map_or_else(
            || locale.text("ticket-date-open"),
            |start| format!("{}, {}", locale.date(start, self.zone), locale.time(start, self.zone)),
        );
        let zone = self.starts_at.map(|_| locale.zone_name(self.zone));
        let fields = |list: &[Option<Value>]| list.iter().flatten().cloned().collect::<Value>();
        let venue = self.venue.as_deref().unwrap_or_default();
        let mut content = json!({
            "formatVersion": 1,
            "passTypeIdentifier": pass_type,
            "teamIdentifier": team,
            "organizationName": organization,
            "serialNumber": format!("{booking}-{number}"),
            "description": format!("{}: {}", locale.text("ticket-reference"), self.event_name),
            "logoText": organization,
            "sharingProhibited": true,
            "backgroundColor": "rgb(255, 255, 255)",
            "foregroundColor": "rgb(20, 26, 36)",
            "labelColor": "rgb(85, 95, 110)",
            "barcodes": [{
                "format": "PKBarcodeFormatQR",
                "message": self.code,
                "messageEncoding": "iso-8859-1",
                "altText": self.ticket.reference(),
            }],
            "eventTicket": {
                "primaryFields": [{"key": "event", "label": "", "value": self.event_name}],
                "secondaryFields": fields(&[field("when", "ticket-when", &when), field("where", "ticket-where", venue)]),
                "auxiliaryFields": fields(&[field("type", "ticket-type", &self.ticket_type), field("holder", "ticket-holder", &self.holder_name)]),
                "backFields": fields(&[
                    field("reference", "ticket-reference", &self.ticket.reference()),
                    field("zone", "ticket-zone", zone.as_deref().unwrap_or_default()),
                    field("hint", "ticket-use", &locale.text("ticket-hint")),
                ]),
            },
        });
        if let (Some(start), Some(content)) = (self.starts_at, content.as_object_mut()) {
            // The lock screen shows the pass around this time.
            content.insert("relevantDate".to_owned(), start.with_timezone(&self.zone).to_rfc3339_opts(SecondsFormat::Secs, true).into());
        }
        content
    }
}
