//! State that the routes and the background tasks share.

use std::sync::Arc;

use rowlock_domain::text::EmailDomains;
use rowlock_messaging::outbox::OutboxNotifier;
use rowlock_platform::clock::Clock;
use secrecy::SecretString;

use crate::booking_export::BookingExportClient;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::mail::MailSettings;
use crate::passwords::Passwords;
use crate::secrets::Secrets;
use crate::settings::TokenSettings;
use crate::store::Store;

/// State shared by the routes and the background tasks.
pub(crate) struct AuthState {
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) email_domains: EmailDomains,
    pub(crate) keys: Arc<Keys>,
    pub(crate) secrets: Secrets,
    pub(crate) tokens: TokenSettings,
    pub(crate) limits: Limits,
    pub(crate) mail: MailSettings,
    /// Wakes the outbox relay.
    pub(crate) notifier: OutboxNotifier,
    /// Client for the personal data that booking-service stores.
    pub(crate) booking_export: BookingExportClient,
    pub(crate) bootstrap_token: Option<SecretString>,
    pub(crate) clock: Clock,
}
