//! Responses to commands.

use serde::Serialize;
use utoipa::ToSchema;

use super::booking::BookingResource;
use super::waitlist_entry::WaitlistEntryResource;

/// The request was fulfilled: the tickets are booked, or reserved until the booking is confirmed.
#[derive(Serialize, ToSchema)]
#[schema(as = Booked)]
pub(crate) struct BookedResponse {
    /// The status of the booking: `reserved` if the event has `checkoutMinutes`, `confirmed` otherwise.
    #[schema(pattern = "^(confirmed|reserved)$")]
    pub(crate) status: &'static str,
    pub(crate) booking: BookingResource,
}

/// The booking after it was confirmed.
#[derive(Serialize, ToSchema)]
#[schema(as = ConfirmedBooking)]
pub(crate) struct ConfirmedResponse {
    pub(crate) booking: BookingResource,
}

/// The request was placed on the waiting list.
#[derive(Serialize, ToSchema)]
#[schema(as = Waitlisted)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitlistedResponse {
    /// Always `waitlisted`.
    #[schema(pattern = "^waitlisted$")]
    pub(crate) status: &'static str,
    pub(crate) waitlist_entry: WaitlistEntryResource,
    /// The entries of the wish in the order of preference, of which `waitlistEntry` is the first. Omitted if the request was not about a
    /// whole wish.
    #[schema(required = false)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waitlist_entries: Vec<WaitlistEntryResource>,
}

/// The booking after tickets were returned.
#[derive(Serialize, ToSchema)]
#[schema(as = Returned)]
pub(crate) struct ReturnedResponse {
    pub(crate) booking: BookingResource,
}

/// The waiting-list entry after it was left.
#[derive(Serialize, ToSchema)]
#[schema(as = Left)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeftResponse {
    pub(crate) waitlist_entry: WaitlistEntryResource,
    /// The entries of the wish in the order of preference, of which `waitlistEntry` is the first. Omitted if the request was not about a
    /// whole wish.
    #[schema(required = false)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waitlist_entries: Vec<WaitlistEntryResource>,
}

/// The waiting-list entry after its quantity was changed.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedEntry)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedEntryResponse {
    pub(crate) waitlist_entry: WaitlistEntryResource,
    /// The entries of the wish in the order of preference, of which `waitlistEntry` is the first. Omitted if the request was not about a
    /// whole wish.
    #[schema(required = false)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waitlist_entries: Vec<WaitlistEntryResource>,
}
