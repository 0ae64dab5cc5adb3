//! Who is not let in any more although their token has not expired: a short list that services fetch now and then.
//!
//! An account that was disabled is listed with the lowest version that its tokens may have, so that a log-in after it was
//! enabled again works at once, even while a service still holds the list from before. An erased account is listed by its
//! id, for no token of it will ever be valid again.
//!
//! Nobody asks `auth-service` on the way of a request. When the list has been out of reach for too long, users go on
//! being served, as they would be with any token, but administrators are not: what they can do is too much.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use rowlock_domain::ids::{AccountId, SessionId};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::tokens::{Claims, Fetch};
use rowlock_platform::settings::SettingsReader;

/// The document that `auth-service` shows to services at `/internal/revocations`: what ended so lately that a token of it
/// may still be unexpired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationList {
    /// Accounts of which no token is valid: those that were erased. An auth-service of the previous version also lists
    /// those that are disabled.
    pub accounts: Vec<AccountId>,
    /// The lowest valid version of the tokens of accounts that were disabled, whether or not they were enabled again. An
    /// auth-service of the previous version does not send it.
    #[serde(default)]
    pub account_versions: HashMap<AccountId, i64>,
    /// Sessions that were ended.
    pub sessions: Vec<SessionId>,
}

/// How often the list is fetched, and how old it may be for administrators.
#[derive(Debug, Clone, Copy)]
pub struct RevocationSettings {
    /// The time between two fetches.
    pub interval: Duration,
    /// With a list older than this administrators are not served.
    pub max_age: Duration,
}

impl RevocationSettings {
    /// Reads `tokens.revocations_interval_ms` and `tokens.revocations_max_age_ms`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let interval = reader.millis("tokens.revocations_interval_ms", 10..=600_000);
        let max_age = reader.millis("tokens.revocations_max_age_ms", 100..=3_600_000);
        Some(Self { interval: interval?, max_age: max_age? })
    }
}

struct Known {
    accounts: HashSet<AccountId>,
    account_versions: HashMap<AccountId, i64>,
    sessions: HashSet<SessionId>,
    /// When it was asked for.
    as_of: Instant,
}

impl Known {
    fn new(list: RevocationList, as_of: Instant) -> Self {
        let RevocationList { accounts, account_versions, sessions } = list;
        Self { accounts: accounts.into_iter().collect(), account_versions, sessions: sessions.into_iter().collect(), as_of }
    }
}

/// The list of the moment.
pub struct Revocations {
    known: ArcSwap<Known>,
    fetch: Fetch<RevocationList>,
    settings: RevocationSettings,
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Revocations {
    /// An empty list, as of now.
    pub fn new(settings: RevocationSettings, fetch: Fetch<RevocationList>) -> Self {
        let known = Known::new(RevocationList::default(), Instant::now());
        Self { known: ArcSwap::from_pointee(known), fetch, settings }
    }

    /// Whether the list revokes a token: by its session, by its account, or by the version of its account.
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let known = self.known.load();
        known.sessions.contains(&claims.sid)
            || known.accounts.contains(&claims.sub)
            || known.account_versions.get(&claims.sub).is_some_and(|lowest| claims.ver < *lowest)
    }

    /// How old the list is.
    pub fn age(&self) -> Duration {
        self.known.load().as_of.elapsed()
    }

    /// Whether the list is too old for administrators.
    pub fn is_stale(&self) -> bool {
        self.age() > self.settings.max_age
    }

    /// Fetches the list now and then until told to stop.
    pub async fn keep_fresh(&self, stop: CancellationToken) {
        loop {
            self.load().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.settings.interval) => {}
            }
        }
    }

    async fn load(&self) {
        let as_of = Instant::now();
        match (self.fetch)().await {
            Ok(list) => self.known.store(Known::new(list, as_of).into()),
            Err(error) => tracing::warn!(%error, age = ?self.age(), "the list of what was revoked could not be fetched"),
        }
    }
}

impl Collector for Revocations {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Age of the list of what was revoked; administrators are not served when it is too old";
        let age = ConstGauge::new(self.age().as_secs_f64());
        age.encode(encoder.encode_descriptor("revocations_age_seconds", help, None, MetricType::Gauge)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use rowlock_domain::states::Role;

    use super::*;
    use rowlock_platform::clock::Clock;

    fn claims() -> Claims {
        let clock = Clock::system();
        Claims {
            sub: AccountId::from_uuid(clock.uuid()),
            name: "Ada".to_owned(),
            email: "ada@example.org".to_owned(),
            role: Role::User,
            iss: "us".to_owned(),
            aud: "here".to_owned(),
            iat: 0,
            exp: 0,
            jti: clock.uuid(),
            sid: SessionId::from_uuid(clock.uuid()),
            ver: 1,
        }
    }

    fn revocations(published: &Arc<Mutex<Result<RevocationList, String>>>, max_age: Duration) -> Revocations {
        let published = published.clone();
        let fetch: Fetch<RevocationList> = Box::new(move || Box::pin(std::future::ready(published.lock().unwrap().clone())));
        Revocations::new(RevocationSettings { interval: Duration::from_secs(20), max_age }, fetch)
    }

    #[tokio::test]
    async fn what_is_on_the_list_is_revoked_until_it_is_off_it() {
        let (erased, ended, other) = (claims(), claims(), claims());
        let list = RevocationList { accounts: vec![erased.sub], sessions: vec![ended.sid], ..RevocationList::default() };
        let published = Arc::new(Mutex::new(Ok(list)));
        let revocations = revocations(&published, Duration::from_secs(60));
        assert!(!revocations.is_revoked(&erased), "nothing was fetched yet");
        revocations.load().await;
        assert_eq!([&erased, &ended, &other].map(|claims| revocations.is_revoked(claims)), [true, true, false]);
        *published.lock().unwrap() = Err("away".to_owned());
        revocations.load().await;
        assert!(revocations.is_revoked(&erased), "a list that cannot be fetched takes nothing back");
        *published.lock().unwrap() = Ok(RevocationList::default());
        revocations.load().await;
        assert!(!revocations.is_revoked(&erased));
    }

    #[tokio::test]
    async fn tokens_below_the_lowest_version_of_their_account_are_revoked_and_later_ones_are_not() {
        let before = claims();
        let list = RevocationList { account_versions: HashMap::from([(before.sub, 2)]), ..RevocationList::default() };
        let revocations = revocations(&Arc::new(Mutex::new(Ok(list))), Duration::from_secs(60));
        revocations.load().await;
        let version = |ver| revocations.is_revoked(&Claims { ver, ..before.clone() });
        assert_eq!([0, 1, 2, 3].map(version), [true, true, false, false], "version 0 stands for a token without a version");
        assert!(!revocations.is_revoked(&claims()), "of another account");
    }

    #[test]
    fn lists_are_read_with_and_without_versions_of_accounts() {
        let id = claims().sub;
        let old: RevocationList = serde_json::from_value(serde_json::json!({"accounts": [id], "sessions": []})).unwrap();
        assert_eq!(old, RevocationList { accounts: vec![id], ..RevocationList::default() });
        let new = RevocationList { account_versions: HashMap::from([(id, 7)]), ..old };
        let written = serde_json::to_value(&new).unwrap();
        assert_eq!(written["account_versions"], serde_json::json!({id.to_string(): 7}));
        assert_eq!(serde_json::from_value::<RevocationList>(written).unwrap(), new);
    }

    #[tokio::test]
    async fn a_list_grows_old_while_it_cannot_be_fetched() {
        let published = Arc::new(Mutex::new(Err("away".to_owned())));
        let revocations = revocations(&published, Duration::ZERO);
        revocations.load().await;
        assert!(revocations.is_stale());
        let patient = self::revocations(&published, Duration::from_secs(60));
        patient.load().await;
        assert!(!patient.is_stale(), "the minute begins with the process");
    }
}
