//! The kinds of deliveries.

/// The kind of a delivery. It decides which text is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tickets were booked.
    Confirmed,
    /// The account waits for tickets.
    Waitlisted,
    /// The account got tickets from the waiting list.
    Promoted,
    /// The account was offered tickets from the waiting list.
    Offered,
    /// An offer was not accepted in time.
    OfferLapsed,
    /// Tickets were returned, or their event was called off.
    Returned,
    /// Reserved tickets were returned, or their event was called off.
    Withdrawn,
    /// The waiting list was closed, or its event was called off.
    WaitlistClosed,
    /// The event was changed.
    EventChanged,
    /// The event starts soon.
    Reminder,
    /// Tickets are offered to somebody, who may have no account. The recipient is the account that offers them.
    TransferOffered,
    /// Somebody accepted the tickets that the account offered.
    TransferAccepted,
    /// Somebody declined the tickets that the account offered.
    TransferDeclined,
    /// The account accepted tickets that somebody offered.
    TransferReceived,
    /// An administrator wants the link of a guest with tickets to be sent again.
    GuestLink,
    /// An administrator wants the link of a guest who waits to be sent again.
    WaitingGuestLink,
    /// A notice about the account.
    AccountNotice,
    /// A webhook of the account was switched off.
    WebhookDisabled,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Self; 18] = [
        Self::Confirmed,
        Self::Waitlisted,
        Self::Promoted,
        Self::Offered,
        Self::OfferLapsed,
        Self::Returned,
        Self::Withdrawn,
        Self::WaitlistClosed,
        Self::EventChanged,
        Self::Reminder,
        Self::TransferOffered,
        Self::TransferAccepted,
        Self::TransferDeclined,
        Self::TransferReceived,
        Self::GuestLink,
        Self::WaitingGuestLink,
        Self::AccountNotice,
        Self::WebhookDisabled,
    ];

    /// Returns the name in the column `kind`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Waitlisted => "waitlisted",
            Self::Promoted => "promoted",
            Self::Offered => "offered",
            Self::OfferLapsed => "offer-lapsed",
            Self::Returned => "returned",
            Self::Withdrawn => "withdrawn",
            Self::WaitlistClosed => "waitlist-closed",
            Self::EventChanged => "event-changed",
            Self::Reminder => "reminder",
            Self::TransferOffered => "transfer-offered",
            Self::TransferAccepted => "transfer-accepted",
            Self::TransferDeclined => "transfer-declined",
            Self::TransferReceived => "transfer-received",
            Self::GuestLink => "guest-link",
            Self::WaitingGuestLink => "waiting-guest-link",
            Self::AccountNotice => "account-notice",
            Self::WebhookDisabled => "webhook-disabled",
        }
    }

    /// Returns the kind with this name, or `None` if this build does not know it.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns whether the account has tickets that it did not have before, which the mail therefore carries.
    pub(crate) const fn brings_tickets(self) -> bool {
        matches!(self, Self::Confirmed | Self::Promoted | Self::TransferReceived)
    }

    /// Returns whether deliveries of this kind are sent before all others, because somebody waits for them.
    pub(crate) const fn is_urgent(self) -> bool {
        matches!(
            self,
            Self::AccountNotice | Self::Promoted | Self::Offered | Self::TransferOffered | Self::GuestLink | Self::WaitingGuestLink
        )
    }
}
