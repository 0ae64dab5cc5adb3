//! Asks booking-service for the tickets that the mails of a batch carry.
//!
//! Drawing tickets takes far longer than anything else about a mail, so the number of tickets per batch is bounded. Deliveries above
//! that are released, and the next batch begins with those that are urgent.

use std::collections::{BTreeSet, HashMap, HashSet};

use reqwest::StatusCode;
use rowlock_domain::ids::{BookingId, EventId};
use rowlock_sealing::{MAILED_TICKETS, MailedBooking, MailedBookings, SealingKeys};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::delivery::{ClaimedDelivery, DeliveryKey, Kind, Outcome, TicketData};

/// Maximum number of tickets that the mails of a batch carry.
pub(crate) const MAX_TICKETS: u32 = 200;

/// Maximum number of bookings per request, which booking-service limits.
const MAX_BOOKINGS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct WantedBooking {
    event_id: EventId,
    id: BookingId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    bookings: &'a [WantedBooking],
    max_tickets: u32,
}

#[derive(Deserialize)]
struct Response {
    sealed: String,
}

/// The bookings whose tickets are attached in a batch.
#[derive(Debug, Default, PartialEq, Eq)]
struct Selection {
    wanted: BTreeSet<WantedBooking>,
    /// Deliveries for which there is no room.
    released: HashSet<DeliveryKey>,
}

impl Selection {
    /// Selects bookings in the order of the deliveries. The tickets of bookings with more than `max_per_mail` are not attached.
    fn of(deliveries: &[(Kind, &ClaimedDelivery, TicketData)], max_per_mail: u32) -> Self {
        let mut selection = Self::default();
        let mut room = MAX_TICKETS;
        for (kind, delivery, tickets) in deliveries {
            let Some(id) = delivery.booking.filter(|_| kind.brings_tickets()) else { continue };
            let count = if tickets.quantity > max_per_mail { 0 } else { tickets.quantity };
            match room.checked_sub(count) {
                Some(left) => {
                    room = left;
                    selection.wanted.insert(WantedBooking { event_id: tickets.event_id, id });
                }
                None => _ = selection.released.insert(delivery.key),
            }
        }
        selection
    }
}

/// The tickets that the mails of a batch carry.
#[derive(Debug)]
pub(crate) struct TicketsOfBatch {
    /// The tickets of confirmed bookings, `None` if none are attached, or the reason why they are not known.
    bookings: Result<Option<HashMap<BookingId, MailedBooking>>, String>,
    released: HashSet<DeliveryKey>,
}

impl Default for TicketsOfBatch {
    fn default() -> Self {
        Self { bookings: Ok(None), released: HashSet::new() }
    }
}

impl TicketsOfBatch {
    /// Returns the tickets that a mail carries, `None` if it carries none, or the reason why it is not sent now. `is_confirmed` tells
    /// whether its booking was confirmed when its state was read.
    pub(crate) fn of(&self, kind: Kind, delivery: &ClaimedDelivery, is_confirmed: bool) -> Result<Option<&MailedBooking>, Outcome> {
        let Some(id) = delivery.booking.filter(|_| kind.brings_tickets()) else { return Ok(None) };
        if self.released.contains(&delivery.key) {
            return Err(Outcome::Released);
        }
        let Some(bookings) = self.bookings.as_ref().map_err(|reason| Outcome::Postponed(reason.clone()))? else { return Ok(None) };
        match bookings.get(&id) {
            Some(booking) => Ok(Some(booking)),
            None if is_confirmed => Err(Outcome::Postponed("the booking was changed while the mail was written".to_owned())),
            None => Ok(None),
        }
    }
}

/// Client of booking-service. Clones share its connections.
#[derive(Clone)]
pub(crate) struct TicketReader {
    http: reqwest::Client,
    url: String,
    keys: SealingKeys,
    max_per_mail: u32,
}

impl TicketReader {
    /// Creates a client of the booking-service at `base`. The tickets of bookings with more than `max_per_mail` are not read.
    pub(crate) fn new(http: reqwest::Client, base: &Url, keys: SealingKeys, max_per_mail: u32) -> Self {
        Self { http, url: format!("{}/internal/tickets", base.as_str().trim_end_matches('/')), keys, max_per_mail }
    }

    /// Returns the tickets of the bookings that deliveries are about, as they are now.
    pub(crate) async fn look_up(&self, deliveries: &[(Kind, &ClaimedDelivery, TicketData)]) -> TicketsOfBatch {
        let Selection { wanted, released } = Selection::of(deliveries, self.max_per_mail);
        let wanted: Vec<_> = wanted.into_iter().collect();
        let bookings = self.read_all(&wanted).await;
        if let Err(reason) = &bookings {
            tracing::warn!(%reason, "mails with tickets are postponed");
        }
        TicketsOfBatch { bookings, released }
    }

    /// Reads the tickets of any number of bookings. The previous version of booking-service has none for mails.
    async fn read_all(&self, wanted: &[WantedBooking]) -> Result<Option<HashMap<BookingId, MailedBooking>>, String> {
        let mut bookings = HashMap::with_capacity(wanted.len());
        for wanted in wanted.chunks(MAX_BOOKINGS) {
            let failed = |error: reqwest::Error| format!("booking-service did not return the tickets of bookings: {error}");
            let Some(Response { sealed }) = self.read(wanted).await.map_err(failed)? else { return Ok(None) };
            let opened = self.keys.open::<MailedBookings>(MAILED_TICKETS, &sealed);
            let MailedBookings { items } = opened.map_err(|error| format!("the tickets of bookings cannot be opened: {error}"))?;
            bookings.extend(items.into_iter().map(|booking| (booking.booking_id, booking)));
        }
        Ok(Some(bookings))
    }

    async fn read(&self, bookings: &[WantedBooking]) -> Result<Option<Response>, reqwest::Error> {
        let request = Request { bookings, max_tickets: self.max_per_mail };
        let response = self.http.post(&self.url).json(&request).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        response.error_for_status()?.json().await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use rowlock_domain::ids::{AccountId, MessageId};
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn delivery(n: u128) -> ClaimedDelivery {
        ClaimedDelivery {
            key: DeliveryKey { message: MessageId::from_uuid(Uuid::from_u128(n)), recipient: AccountId::from_uuid(Uuid::from_u128(n)) },
            kind: String::new(),
            data: Value::Null,
            booking: Some(BookingId::from_uuid(Uuid::from_u128(n))),
            entry: None,
            attempts: 0,
            claimed_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn tickets(quantity: u32) -> TicketData {
        TicketData::of(EventId::from_uuid(Uuid::from_u128(7)), quantity)
    }

    #[test]
    fn a_batch_carries_a_bounded_number_of_tickets_and_releases_the_other_mails() {
        let deliveries: Vec<_> = (0..8).map(delivery).collect();
        let [confirmed, promoted, received, waitlisted] = [Kind::Confirmed, Kind::Promoted, Kind::TransferReceived, Kind::Waitlisted];
        // 90 tickets, none because there are more than 100, 90, no room for 21, 20, none again, no room for 1, and no tickets.
        let kinds = [confirmed, confirmed, promoted, received, confirmed, confirmed, promoted, waitlisted];
        let all: Vec<_> = kinds.into_iter().zip(&deliveries).zip([90, 101, 90, 21, 20, 999, 1, 50]).collect();
        let all: Vec<_> = all.into_iter().map(|((kind, delivery), quantity)| (kind, delivery, tickets(quantity))).collect();
        let Selection { wanted, released } = Selection::of(&all, 100);
        let numbers = |ids: Vec<Uuid>| ids.iter().map(Uuid::as_u128).collect::<BTreeSet<_>>();
        assert_eq!(numbers(wanted.iter().map(|wanted| wanted.id.as_uuid()).collect()), [0, 1, 2, 4, 5].into());
        assert_eq!(numbers(released.iter().map(|key| key.message.as_uuid()).collect()), [3, 6].into());
    }

    #[test]
    fn the_largest_mail_has_room_in_an_empty_batch() {
        let first = delivery(1);
        let selection = Selection::of(&[(Kind::Confirmed, &first, tickets(MAX_TICKETS))], MAX_TICKETS);
        assert!(selection.released.is_empty() && selection.wanted.len() == 1);
    }

    #[test]
    fn a_mail_waits_if_its_booking_was_changed_or_its_tickets_are_not_known() {
        let delivery = delivery(1);
        let mut batch = TicketsOfBatch { bookings: Ok(Some(HashMap::new())), released: HashSet::new() };
        assert!(matches!(batch.of(Kind::Confirmed, &delivery, true), Err(Outcome::Postponed(_))));
        assert_eq!(batch.of(Kind::Confirmed, &delivery, false), Ok(None));
        assert_eq!(batch.of(Kind::Reminder, &delivery, true), Ok(None));
        batch.released.insert(delivery.key);
        assert_eq!(batch.of(Kind::Confirmed, &delivery, true), Err(Outcome::Released));
        let away = TicketsOfBatch { bookings: Err("away".to_owned()), released: HashSet::new() };
        assert_eq!(away.of(Kind::Promoted, &delivery, true), Err(Outcome::Postponed("away".to_owned())));
        assert_eq!(TicketsOfBatch::default().of(Kind::Confirmed, &delivery, true), Ok(None));
    }
}
