//! State shared by all routes.

use std::sync::Arc;

use rowlock_domain::ids::AccountId;
use rowlock_domain::text::EmailDomains;
use rowlock_http::RateLimit;
use rowlock_inventory::Inventory;
use rowlock_messaging::outbox::OutboxNotifier;
use rowlock_platform::clock::Clock;
use rowlock_postgres::{Pool, Reader};
use rowlock_sealing::SealingKeys;

use crate::account_directory::AccountDirectory;
use crate::chances::Chances;
use crate::event_cache::PublicEventCache;
use crate::lanes::Lanes;
use crate::live::Live;
use crate::pictures::PictureIntake;
use crate::ticket_keys::TicketKeys;
use crate::ticket_printer::TicketPrinter;

/// CloudEvents `source` of the messages that this service publishes.
pub(crate) const SOURCE: &str = "/rowlock/booking-service";

/// State shared by all routes.
pub(crate) struct AppState {
    /// Runs the commands of users and administrators.
    pub(crate) lanes: Lanes,
    /// Runs commands in the background of a request, outside the lanes.
    pub(crate) inventory: Inventory,
    /// Cached reads of public events.
    pub(crate) event_cache: PublicEventCache,
    /// Estimates of the chances of waiting-list entries.
    pub(crate) chances: Chances,
    /// Admission of uploaded pictures.
    pub(crate) pictures: PictureIntake,
    /// Signs and verifies the codes of tickets.
    pub(crate) ticket_keys: TicketKeys,
    /// Seals the links of transfers for the service that sends e-mail.
    pub(crate) sealing: SealingKeys,
    /// Makes PDF files of tickets.
    pub(crate) printer: TicketPrinter,
    /// Looks up accounts for administrators who book for somebody.
    pub(crate) accounts: AccountDirectory,
    /// Uncached reads.
    pub(crate) reader: Reader,
    /// Connections for creating events and recording account states.
    pub(crate) pool: Pool,
    /// Clock and source of new ids.
    pub(crate) clock: Clock,
    /// Wakes the outbox relay after messages were written outside a command.
    pub(crate) notifier: OutboxNotifier,
    /// Maximum number of bookings cancelled and entries closed per transaction when an event is cancelled.
    pub(crate) cancel_chunk: usize,
    /// Which domains the e-mail addresses of guests may have.
    pub(crate) email_domains: EmailDomains,
    /// Live streams.
    pub(crate) live: Arc<Live>,
    /// Rate limit of changing requests per account.
    pub(crate) per_account: RateLimit<AccountId>,
}
