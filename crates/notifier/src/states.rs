//! Asks booking-service what became of bookings, waiting-list entries and holders. A mail can wait for hours while the SMTP server is
//! away, and the message about a later change can still be in a queue, so a mail that tells of tickets is sent only if they exist.

use std::collections::{BTreeSet, HashMap};

use reqwest::StatusCode;
use rowlock_domain::ids::{AccountId, BookingId, EventId, WaitlistEntryId};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::delivery::{ClaimedDelivery, Kind, TicketData};

/// Maximum number of deliveries per request, so that its body is not too large for booking-service.
const MAX_DELIVERIES: usize = 400;

/// The status of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BookingStatus {
    Reserved,
    Confirmed,
    Cancelled,
    Expired,
    /// A newer booking-service has more statuses.
    #[serde(other)]
    Unknown,
}

/// The status of a waiting-list entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryStatus {
    Waiting,
    Promoted,
    Left,
    Closed,
    Expired,
    /// A newer booking-service has more statuses.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct BookingState {
    id: BookingId,
    status: BookingStatus,
    quantity: u32,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct EntryState {
    id: WaitlistEntryId,
    status: EntryStatus,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HolderState {
    event_id: EventId,
    account_id: AccountId,
    quantity: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    bookings: Vec<BookingState>,
    waitlist_entries: Vec<EntryState>,
    holders: Vec<HolderState>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<T> {
    event_id: EventId,
    id: T,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Holder {
    event_id: EventId,
    account_id: AccountId,
}

/// The rows that the mails of some deliveries depend on.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    bookings: BTreeSet<Row<BookingId>>,
    waitlist_entries: BTreeSet<Row<WaitlistEntryId>>,
    holders: BTreeSet<Holder>,
}

impl Request {
    fn of(deliveries: &[(Kind, &ClaimedDelivery, TicketData)]) -> Self {
        let mut request = Self::default();
        for (kind, delivery, TicketData { event_id, .. }) in deliveries {
            let event_id = *event_id;
            match Subject::of(*kind, delivery) {
                Some(Subject::Booking(id)) => _ = request.bookings.insert(Row { event_id, id }),
                Some(Subject::Entry(id)) => _ = request.waitlist_entries.insert(Row { event_id, id }),
                Some(Subject::Holder(account_id)) => _ = request.holders.insert(Holder { event_id, account_id }),
                None => {}
            }
        }
        request
    }

    fn is_empty(&self) -> bool {
        self.bookings.is_empty() && self.waitlist_entries.is_empty() && self.holders.is_empty()
    }
}

/// The row whose state decides whether a mail is still true.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Booking(BookingId),
    Entry(WaitlistEntryId),
    Holder(AccountId),
}

impl Subject {
    /// Returns the subject of a delivery, or `None` if it reports an end, which stays true.
    fn of(kind: Kind, delivery: &ClaimedDelivery) -> Option<Self> {
        match kind {
            Kind::Confirmed | Kind::Promoted | Kind::Offered | Kind::TransferReceived => delivery.booking.map(Self::Booking),
            Kind::Waitlisted | Kind::WaitlistClosed => delivery.entry.map(Self::Entry),
            Kind::EventChanged | Kind::Reminder => Some(Self::Holder(delivery.key.recipient)),
            // The pages behind the links of transfers and of guests show the present state.
            Kind::TransferOffered
            | Kind::GuestLink
            | Kind::WaitingGuestLink
            | Kind::TransferAccepted
            | Kind::TransferDeclined
            | Kind::OfferLapsed
            | Kind::Returned
            | Kind::Withdrawn
            | Kind::AccountNotice
            | Kind::WebhookDisabled => None,
        }
    }
}

/// The current states of the subjects of a batch.
#[derive(Debug, Default)]
pub(crate) struct States {
    bookings: HashMap<BookingId, BookingState>,
    entries: HashMap<WaitlistEntryId, EntryStatus>,
    /// The tickets of accounts, or `None` if booking-service does not tell.
    holders: Option<HashMap<(EventId, AccountId), u32>>,
}

impl States {
    /// Returns the tickets as they are now, or the reason why the mail about them is not sent.
    pub(crate) fn current(&self, kind: Kind, delivery: &ClaimedDelivery, tickets: TicketData) -> Result<TicketData, &'static str> {
        let with = |quantity| TicketData { quantity, remaining: quantity, ..tickets };
        match Subject::of(kind, delivery) {
            Some(Subject::Booking(id)) => match self.bookings.get(&id).map(|booking| (booking.status, booking.quantity)) {
                Some((BookingStatus::Cancelled, _)) if kind == Kind::Offered => {
                    Err("the offer was declined or withdrawn before the mail was sent")
                }
                Some((BookingStatus::Cancelled, _)) => Err("the booking was cancelled before the mail was sent"),
                Some((BookingStatus::Expired, _)) => Err("the booking expired before the mail was sent"),
                Some((BookingStatus::Confirmed, _)) if kind == Kind::Offered => Err("the offer was accepted before the mail was sent"),
                Some((BookingStatus::Reserved | BookingStatus::Confirmed, quantity)) => Ok(with(quantity)),
                Some((BookingStatus::Unknown, _)) | None => Ok(tickets),
            },
            Some(Subject::Entry(id)) => match (kind, self.entries.get(&id)) {
                (_, None | Some(EntryStatus::Unknown)) | (Kind::Waitlisted, Some(EntryStatus::Waiting)) => Ok(tickets),
                (Kind::Waitlisted, Some(_)) => Err("the account no longer waited when the mail was sent"),
                (_, Some(EntryStatus::Waiting | EntryStatus::Promoted)) => {
                    Err("the waiting list was opened again before the mail was sent")
                }
                (_, Some(_)) => Ok(tickets),
            },
            Some(Subject::Holder(account)) => match &self.holders {
                Some(holders) => {
                    let quantity = holders.get(&(tickets.event_id, account)).copied();
                    quantity.map(with).ok_or("the account no longer had tickets when the mail was sent")
                }
                None => Ok(tickets),
            },
            None => Ok(tickets),
        }
    }

    /// Returns whether the booking that a delivery is about is confirmed.
    pub(crate) fn is_confirmed(&self, delivery: &ClaimedDelivery) -> bool {
        let booking = delivery.booking.and_then(|id| self.bookings.get(&id));
        booking.is_some_and(|booking| booking.status == BookingStatus::Confirmed)
    }

    fn extend(&mut self, response: Response) {
        let Response { bookings, waitlist_entries, holders } = response;
        self.bookings.extend(bookings.into_iter().map(|booking| (booking.id, booking)));
        self.entries.extend(waitlist_entries.into_iter().map(|entry| (entry.id, entry.status)));
        let holders = holders.into_iter().map(|holder| ((holder.event_id, holder.account_id), holder.quantity));
        self.holders.get_or_insert_default().extend(holders);
    }
}

/// Client of booking-service. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct StateReader {
    http: reqwest::Client,
    url: String,
}

impl StateReader {
    /// Creates a client of the booking-service at `base`.
    pub(crate) fn new(http: reqwest::Client, base: &Url) -> Self {
        Self { http, url: format!("{}/internal/states", base.as_str().trim_end_matches('/')) }
    }

    /// Returns what became of the subjects of deliveries. The previous version of booking-service does not tell; then nothing is known.
    pub(crate) async fn look_up(&self, deliveries: &[(Kind, &ClaimedDelivery, TicketData)]) -> Result<States, String> {
        let mut states = States::default();
        for deliveries in deliveries.chunks(MAX_DELIVERIES) {
            let request = Request::of(deliveries);
            if request.is_empty() {
                continue;
            }
            let failed = |error: reqwest::Error| format!("booking-service did not return the states of bookings: {error}");
            match self.read(&request).await.map_err(failed)? {
                Some(response) => states.extend(response),
                None => return Ok(States::default()),
            }
        }
        Ok(states)
    }

    async fn read(&self, request: &Request) -> Result<Option<Response>, reqwest::Error> {
        let response = self.http.post(&self.url).json(request).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        response.error_for_status()?.json().await.map(Some)
    }
}
