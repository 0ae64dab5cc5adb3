//! The revocation list: sessions and accounts that ended although access tokens of them may not have expired.
//!
//! A disabled account is listed with the lowest version that its tokens may have, so that a login after it was enabled again works
//! at once, even in a service whose list is not current. An erased account is listed by its id, because no token of it will ever be
//! valid again.
//!
//! Services fetch the list periodically; no request waits for `auth-service`. When the list is stale, requests of users are still
//! accepted, but those of administrators are rejected, because they can do more harm.

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

/// The document `/internal/revocations` of `auth-service`: sessions and accounts that ended so recently that an access token of
/// them may not have expired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationList {
    /// Erased accounts, of which no token is valid. An auth-service of the previous version also lists disabled accounts here.
    pub accounts: Vec<AccountId>,
    /// The lowest valid version of the tokens of accounts that were disabled, whether or not they were enabled again. An
    /// auth-service of the previous version does not send it.
    #[serde(default)]
    pub account_versions: HashMap<AccountId, i64>,
    /// Sessions that were ended.
    pub sessions: Vec<SessionId>,
}

/// Fetch interval of the list, and its maximum age for requests of administrators.
#[derive(Debug, Clone, Copy)]
pub struct RevocationSettings {
    /// Time between two fetches.
    pub interval: Duration,
    /// Age above which requests of administrators are rejected.
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

struct CurrentList {
    accounts: HashSet<AccountId>,
    account_versions: HashMap<AccountId, i64>,
    sessions: HashSet<SessionId>,
    /// When the list was requested.
    as_of: Instant,
}

impl CurrentList {
    fn new(list: RevocationList, as_of: Instant) -> Self {
        let RevocationList { accounts, account_versions, sessions } = list;
        Self { accounts: accounts.into_iter().collect(), account_versions, sessions: sessions.into_iter().collect(), as_of }
    }
}

/// The copy of the revocation list in this process.
pub struct Revocations {
    current: ArcSwap<CurrentList>,
    fetch: Fetch<RevocationList>,
    settings: RevocationSettings,
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Revocations {
    /// Creates an empty list that counts as fetched now.
    pub fn new(settings: RevocationSettings, fetch: Fetch<RevocationList>) -> Self {
        let current = CurrentList::new(RevocationList::default(), Instant::now());
        Self { current: ArcSwap::from_pointee(current), fetch, settings }
    }

    /// Returns whether a token is revoked, by its session, its account or the version of its account.
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let current = self.current.load();
        current.sessions.contains(&claims.sid)
            || current.accounts.contains(&claims.sub)
            || current.account_versions.get(&claims.sub).is_some_and(|lowest| claims.ver < *lowest)
    }

    /// Returns the age of the list.
    pub fn age(&self) -> Duration {
        self.current.load().as_of.elapsed()
    }

    /// Returns whether the list is too old for requests of administrators.
    pub fn is_stale(&self) -> bool {
        self.age() > self.settings.max_age
    }

    /// Fetches the list periodically until `stop` is cancelled.
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
            Ok(list) => self.current.store(CurrentList::new(list, as_of).into()),
            Err(error) => {
                tracing::warn!(%error, age = ?self.age(), "cannot fetch the revocation list; the list that was fetched last stays in use");
            }
        }
    }
}

impl Collector for Revocations {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Age of the revocation list; requests of administrators are rejected when it is too old";
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
            admin_role: None,
            iss: "issuer".to_owned(),
            aud: "audience".to_owned(),
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
    async fn a_token_is_revoked_as_long_as_it_is_listed() {
        let (erased, ended, other) = (claims(), claims(), claims());
        let list = RevocationList { accounts: vec![erased.sub], sessions: vec![ended.sid], ..RevocationList::default() };
        let published = Arc::new(Mutex::new(Ok(list)));
        let revocations = revocations(&published, Duration::from_secs(60));
        assert!(!revocations.is_revoked(&erased), "no list has been fetched yet");
        revocations.load().await;
        assert_eq!([&erased, &ended, &other].map(|claims| revocations.is_revoked(claims)), [true, true, false]);
        *published.lock().unwrap() = Err("unavailable".to_owned());
        revocations.load().await;
        assert!(revocations.is_revoked(&erased), "a failed fetch removes no entry");
        *published.lock().unwrap() = Ok(RevocationList::default());
        revocations.load().await;
        assert!(!revocations.is_revoked(&erased));
    }

    #[tokio::test]
    async fn only_tokens_below_the_lowest_version_of_their_account_are_revoked() {
        let before = claims();
        let list = RevocationList { account_versions: HashMap::from([(before.sub, 2)]), ..RevocationList::default() };
        let revocations = revocations(&Arc::new(Mutex::new(Ok(list))), Duration::from_secs(60));
        revocations.load().await;
        let version = |ver| revocations.is_revoked(&Claims { ver, ..before.clone() });
        assert_eq!([0, 1, 2, 3].map(version), [true, true, false, false], "version 0 stands for a token without a version");
        assert!(!revocations.is_revoked(&claims()), "a token of another account");
    }

    #[test]
    fn the_list_of_the_previous_version_can_be_read() {
        let id = claims().sub;
        let old: RevocationList = serde_json::from_value(serde_json::json!({"accounts": [id], "sessions": []})).unwrap();
        assert_eq!(old, RevocationList { accounts: vec![id], ..RevocationList::default() });
        let new = RevocationList { account_versions: HashMap::from([(id, 7)]), ..old };
        let written = serde_json::to_value(&new).unwrap();
        assert_eq!(written["account_versions"], serde_json::json!({id.to_string(): 7}));
        assert_eq!(serde_json::from_value::<RevocationList>(written).unwrap(), new);
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_fetched_becomes_stale() {
        let published = Arc::new(Mutex::new(Err("unavailable".to_owned())));
        let revocations = revocations(&published, Duration::ZERO);
        revocations.load().await;
        assert!(revocations.is_stale());
        let tolerant = self::revocations(&published, Duration::from_secs(60));
        tolerant.load().await;
        assert!(!tolerant.is_stale(), "the age is measured from the creation");
    }
}
