//! The body of `POST /admin/initialize`.

use std::collections::HashSet;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AuditEntryId, EventId, MessageId, TicketTypeId};
use rowlock_domain::states::{EventStatus, WaitlistUntil};
use rowlock_domain::text::{Description, InvalidValue, Title};
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_domain::values::{AccountLimit, Capacity, CheckoutMinutes, Currency, OfferMinutes, Price, Quantity};
use rowlock_http::{Administrator, BoundedVec, InvalidBody, JsonBody, WholeNumber};
use rowlock_inventory::create::{NewEvent, NewTicketType};
use rowlock_inventory::event_times::EventTimes;
use rowlock_platform::clock::Clock;
use utoipa::ToSchema;

use super::command::CommandBody;
use super::event_fields::{MAX_TYPES, NewCapacity, NewPrice, WaitlistEnd, word_field};
use crate::state::AppState;

/// Name of the ticket type of an event that was created with `totalTickets` alone.
const ONLY_TYPE: &str = "General admission";

/// Currency of an event in which everything is free of charge.
const DEFAULT_CURRENCY: &str = "EUR";

/// Maximum number of tickets in one booking, if the ticket type states none.
const DEFAULT_MAX_PER_BOOKING: i64 = 10;

/// Fields of the only ticket type. With `ticketTypes`, the items have them.
const FIELDS_OF_ONLY_TYPE: [&str; 3] = ["price", "maxPerBooking", "maxPerAccount"];

/// A new event. With `totalTickets` it gets one ticket type, with `ticketTypes` it gets those.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct InitializeEvent {
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Title,
    /// Empty, or at least one visible character. Line breaks are allowed, other control characters are not.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    description: Option<Description>,
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    venue: Option<Title>,
    /// Name of the IANA time zone in which people read the times, such as `Europe/Berlin`. `UTC` if omitted. Times are
    /// instants, and the zone does not change them.
    #[deserr(default)]
    #[schema(value_type = Option<String>, example = "Europe/Berlin")]
    time_zone: Option<TimeZoneName>,
    /// Start of the event. From then on no entry is promoted from the waiting list, and tickets cannot be returned.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// End of the event. Must come after `startsAt`.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
    /// Start of sales; immediately if omitted. Must come before the end of sales.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    sales_start_at: Option<Timestamp>,
    /// End of sales; the start of the event if omitted. Must not come after the end of the event.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    sales_end_at: Option<Timestamp>,
    /// End of the waiting list: `start` (the default) serves it until the event starts, `salesEnd` until sales end. A
    /// pause in sales (`salesStartAt` in the future) does not end it.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = "^(start|salesEnd)$")]
    waitlist_until: Option<WaitlistEnd>,
    /// Last moment at which holders can return tickets; the start of the event if omitted. Must not come after it.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    cancel_until: Option<Timestamp>,
    /// Minutes for which a booking is reserved. Until then, its holder must confirm it, or it expires. If omitted, bookings are
    /// confirmed at once.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1440)]
    checkout_minutes: Option<CheckoutMinutes>,
    /// Minutes for which a promoted waiting-list entry is offered its tickets. Until then, its holder must confirm the booking, or
    /// the tickets go to the next in line. If omitted, promoted entries are confirmed at once.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10080)]
    offer_minutes: Option<OfferMinutes>,
    /// `draft` or `published`; `published` if omitted.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = "^(draft|published)$")]
    status: Option<InitialStatus>,
    /// Number of tickets. Required without `ticketTypes`; with them it must be the sum of theirs.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 500_000_000)]
    total_tickets: Option<WholeNumber>,
    /// The ticket types. Required without `totalTickets`. Their names must differ.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<InitializeTicketType>>, min_items = 1, max_items = 50)]
    ticket_types: Option<BoundedVec<InitializeTicketType, MAX_TYPES>>,
    /// Price of the only ticket type; free of charge if omitted. Not allowed together with `ticketTypes`.
    #[deserr(default)]
    price: Option<NewPrice>,
    /// Maximum number of tickets in one booking; 10 if omitted. Not allowed together with `ticketTypes`.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    max_per_booking: Option<Quantity>,
    /// Maximum number of tickets that one account may have booked, reserved and requested on the waiting list, taken together; no
    /// limit if omitted. Not allowed together with `ticketTypes`.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10_000_000)]
    max_per_account: Option<AccountLimit>,
}

/// A ticket type of a new event.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct InitializeTicketType {
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Title,
    #[schema(value_type = i64, minimum = 1, maximum = 10_000_000)]
    total_tickets: NewCapacity,
    /// Price of a ticket; free of charge if omitted.
    #[deserr(default)]
    price: Option<NewPrice>,
    /// Maximum number of tickets in one booking; 10 if omitted.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    max_per_booking: Option<Quantity>,
    /// Maximum number of tickets that one account may have booked, reserved and requested on the waiting list, taken together; no
    /// limit if omitted.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10_000_000)]
    max_per_account: Option<AccountLimit>,
}

/// The status of a new event: `draft` or `published`.
#[derive(Debug, Clone, Copy)]
struct InitialStatus(EventStatus);

impl Deserr<InvalidBody> for InitialStatus {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        word_field(&value, location, "must be draft or published", |word| match word.parse() {
            Ok(status @ (EventStatus::Draft | EventStatus::Published)) => Some(Self(status)),
            _ => None,
        })
    }
}

impl CommandBody for InitializeEvent {
    fn check_rules(body: &mut JsonBody<Self>, _: &AppState) {
        for wrong in peek_times(body).iter().flat_map(EventTimes::check) {
            body.add_error(wrong.field, wrong.reason);
        }
        if body.has("ticketTypes") { check_listed_types(body) } else { check_only_type(body) }
    }
}

/// Returns the times, or `None` if one of them is invalid.
fn peek_times(body: &JsonBody<InitializeEvent>) -> Option<EventTimes> {
    Some(EventTimes {
        starts_at: body.peek("startsAt")?,
        ends_at: body.peek("endsAt")?,
        sales_start_at: body.peek("salesStartAt")?,
        sales_end_at: body.peek("salesEndAt")?,
        cancel_until: body.peek("cancelUntil")?,
    })
}

/// Checks the number of tickets of an event with one ticket type.
fn check_only_type(body: &mut JsonBody<InitializeEvent>) {
    match body.peek::<Option<WholeNumber>>("totalTickets") {
        Some(None) => {
            body.add_error("totalTickets", "is required, or ticketTypes");
            body.add_error("ticketTypes", "is required, or totalTickets");
        }
        Some(Some(WholeNumber(number))) => {
            if let Err(error) = NewCapacity::new(number) {
                body.add_error("totalTickets", error.to_string());
            }
        }
        None => {}
    }
}

/// Checks the rules that concern several ticket types. Records no error for types of which one is invalid.
fn check_listed_types(body: &mut JsonBody<InitializeEvent>) {
    for field in FIELDS_OF_ONLY_TYPE {
        body.forbid(field, "is not allowed together with ticketTypes");
    }
    let max_total = i64::from(Capacity::MAX) * i64::try_from(MAX_TYPES).unwrap_or(1);
    let total = body.peek::<Option<WholeNumber>>("totalTickets").flatten().map(|WholeNumber(total)| total);
    let is_total_valid = total.is_none_or(|total| (1..=max_total).contains(&total));
    if !is_total_valid {
        body.add_error("totalTickets", format!("must be from 1 to {max_total}"));
    }
    let Some(Some(BoundedVec(types))) = body.peek::<Option<BoundedVec<InitializeTicketType, MAX_TYPES>>>("ticketTypes") else { return };
    if types.is_empty() {
        body.add_error("ticketTypes", "must have at least one item");
        return;
    }
    let mut currencies = types.iter().filter_map(|ticket_type| ticket_type.price.as_ref()).map(|price| &price.currency);
    if let Some(currency) = currencies.next()
        && !currencies.all(|other| other == currency)
    {
        body.add_error("ticketTypes", "must have prices in one currency");
    }
    let mut names = HashSet::new();
    if !types.iter().all(|ticket_type| names.insert(ticket_type.name.as_str().to_lowercase())) {
        body.add_error("ticketTypes", "must have different names");
    }
    let sum: i64 = types.iter().map(|ticket_type| i64::from(ticket_type.total_tickets.0.get())).sum();
    if is_total_valid && total.is_some_and(|total| total != sum) {
        body.add_error("totalTickets", format!("must be {sum}, the sum of the ticket types, or be left out"));
    }
}

impl InitializeEvent {
    /// Returns the event to create, with ids from the clock. The rules of the body must have been checked.
    ///
    /// # Errors
    ///
    /// Returns an error if they have not been checked.
    pub(super) fn into_new_event(self, admin: &Administrator, clock: &Clock) -> Result<NewEvent, InvalidValue> {
        let types = match self.ticket_types {
            Some(BoundedVec(types)) => types,
            None => vec![InitializeTicketType {
                name: ONLY_TYPE.parse()?,
                total_tickets: NewCapacity::new(self.total_tickets.map_or(0, |WholeNumber(total)| total))?,
                price: self.price,
                max_per_booking: self.max_per_booking,
                max_per_account: self.max_per_account,
            }],
        };
        // A ticket type that is free of charge gets the currency of the others.
        let currency = types.iter().find_map(|ticket_type| ticket_type.price.as_ref()).map(|price| price.currency.clone());
        let currency = currency.map_or_else(|| DEFAULT_CURRENCY.parse(), Ok)?;
        let types = types.into_iter().map(|ticket_type| ticket_type.into_new_type(&currency, clock)).collect::<Result<_, _>>()?;
        Ok(NewEvent {
            id: EventId::from_uuid(clock.uuid()),
            name: self.name,
            description: self.description,
            venue: self.venue,
            time_zone: self.time_zone.unwrap_or(TimeZoneName::UTC),
            times: EventTimes {
                starts_at: self.starts_at,
                ends_at: self.ends_at,
                sales_start_at: self.sales_start_at,
                sales_end_at: self.sales_end_at,
                cancel_until: self.cancel_until,
            },
            waitlist_until: self.waitlist_until.map_or(WaitlistUntil::Start, |WaitlistEnd(end)| end),
            checkout_minutes: self.checkout_minutes,
            offer_minutes: self.offer_minutes,
            publish: self.status.is_none_or(|InitialStatus(status)| status != EventStatus::Draft),
            created_by: admin.sub,
            types,
            message: MessageId::from_uuid(clock.uuid()),
            audit: (AuditEntryId::from_uuid(clock.uuid()), admin.actor()),
        })
    }
}

impl InitializeTicketType {
    fn into_new_type(self, currency: &Currency, clock: &Clock) -> Result<NewTicketType, InvalidValue> {
        Ok(NewTicketType {
            id: TicketTypeId::from_uuid(clock.uuid()),
            name: self.name,
            price: self.price.map_or_else(|| Price { amount_minor: 0, currency: currency.clone() }, Price::from),
            capacity: self.total_tickets.0,
            max_per_booking: self.max_per_booking.map_or_else(|| Quantity::new(DEFAULT_MAX_PER_BOOKING), Ok)?,
            max_per_account: self.max_per_account,
        })
    }
}
