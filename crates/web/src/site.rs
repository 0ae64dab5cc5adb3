//! State shared by all requests.

use std::sync::Arc;

use rowlock_locale::Texts;
use rowlock_platform::clock::Clock;

use crate::api::Api;
use crate::assets::Assets;
use crate::cache::Caches;
use crate::csrf::FormTokens;
use crate::live::{EventFeeds, Live};
use crate::session::renewal::Renewals;
use crate::session::seal::Seal;
use crate::settings::{SessionSettings, SiteSettings};

/// State shared by all requests.
pub(crate) struct Site {
    pub(crate) settings: SiteSettings,
    pub(crate) session: SessionSettings,
    pub(crate) api: Api,
    pub(crate) seal: Seal,
    pub(crate) renewals: Renewals,
    pub(crate) form_tokens: FormTokens,
    pub(crate) texts: Arc<Texts>,
    pub(crate) assets: Assets,
    pub(crate) caches: Caches,
    pub(crate) clock: Clock,
    /// Admits live streams.
    pub(crate) live: Live,
    /// The events that visitors follow.
    pub(crate) feeds: EventFeeds,
}
