//! The tickets of bookings, sealed for the service that attaches them to e-mail.

use std::fmt;

use rowlock_domain::Timestamp;
use rowlock_domain::ids::BookingId;
use serde::{Deserialize, Serialize};

/// The tickets of some confirmed bookings, sealed for [`MAILED_TICKETS`](crate::MAILED_TICKETS): whoever reaches the internal routes of
/// booking-service cannot use them without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedBookings {
    /// The bookings.
    pub items: Vec<MailedBooking>,
}

/// The tickets of a confirmed booking, and the entry for a calendar.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailedBooking {
    /// The booking.
    pub booking_id: BookingId,
    /// The number of its tickets.
    pub quantity: u32,
    /// The name of the event.
    pub event_name: String,
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The time zone of the event.
    pub time_zone: String,
    /// The venue of the event.
    pub venue: Option<String>,
    /// The name of the holder.
    pub holder_name: String,
    /// The name of the ticket type.
    pub ticket_type: String,
    /// The tickets that are not void, or `None` if there are more than were asked for.
    pub tickets: Option<Vec<MailedTicket>>,
    /// The calendar file, or `None` if the event has no date yet.
    pub calendar: Option<String>,
}

/// A ticket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedTicket {
    /// The short name of the ticket for people.
    pub reference: String,
    /// The code, which admits somebody.
    pub code: String,
}

impl fmt::Debug for MailedBooking {
    /// Leaves out the codes and the personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailedBooking").field("booking_id", &self.booking_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for MailedTicket {
    /// Leaves out the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailedTicket").field("reference", &self.reference).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn both_services_agree_on_the_json_and_logs_contain_no_codes() {
        let ticket = MailedTicket { reference: "9-0".into(), code: "secret".into() };
        let booking = MailedBooking {
            booking_id: BookingId::from_uuid(Uuid::from_u128(9)),
            quantity: 1,
            event_name: "Chess".into(),
            starts_at: None,
            time_zone: "UTC".into(),
            venue: None,
            holder_name: "Ada".into(),
            ticket_type: "Standing".into(),
            tickets: Some(vec![ticket]),
            calendar: None,
        };
        let bookings = MailedBookings { items: vec![booking] };
        let json = json!({"items": [{
            "bookingId": Uuid::from_u128(9), "quantity": 1, "eventName": "Chess", "startsAt": null, "timeZone": "UTC", "venue": null,
            "holderName": "Ada", "ticketType": "Standing", "tickets": [{"reference": "9-0", "code": "secret"}], "calendar": null,
        }]});
        assert_eq!(serde_json::to_value(&bookings).unwrap(), json);
        assert_eq!(serde_json::from_value::<MailedBookings>(json).unwrap(), bookings);
        let shown = format!("{bookings:?} {:?}", bookings.items[0].tickets);
        assert!(!shown.contains("secret") && !shown.contains("Ada"), "{shown}");
    }
}
