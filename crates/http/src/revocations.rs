//! Who is not let in any more although their token has not expired: a short list that services fetch now and then.
//!
//! Nobody asks `auth-service` on the way of a request. When the list has been out of reach for too long, users go on
//! being served, as they would be with any token, but administrators are not: what they can do is too much.

use std::collections::HashSet;
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
    /// Accounts that were disabled or erased.
    pub accounts: Vec<AccountId>,
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
    sessions: HashSet<SessionId>,
    /// When it was asked for.
    as_of: Instant,
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
        let known = Known { accounts: HashSet::new(), sessions: HashSet::new(), as_of: Instant::now() };
        Self { known: ArcSwap::from_pointee(known), fetch, settings }
    }

    /// Whether a token's account or session is on the list.
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let known = self.known.load();
        known.sessions.contains(&claims.sid) || known.accounts.contains(&claims.sub)
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
            Ok(RevocationList { accounts, sessions }) => {
                let known = Known { accounts: accounts.into_iter().collect(), sessions: sessions.into_iter().collect(), as_of };
                self.known.store(known.into());
            }
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
        }
    }

    fn revocations(published: &Arc<Mutex<Result<RevocationList, String>>>, max_age: Duration) -> Revocations {
        let published = published.clone();
        let fetch: Fetch<RevocationList> = Box::new(move || Box::pin(std::future::ready(published.lock().unwrap().clone())));
        Revocations::new(RevocationSettings { interval: Duration::from_secs(20), max_age }, fetch)
    }

    #[tokio::test]
    async fn what_is_on_the_list_is_revoked_until_it_is_off_it() {
        let (disabled, ended, other) = (claims(), claims(), claims());
        let published = Arc::new(Mutex::new(Ok(RevocationList { accounts: vec![disabled.sub], sessions: vec![ended.sid] })));
        let revocations = revocations(&published, Duration::from_secs(60));
        assert!(!revocations.is_revoked(&disabled), "nothing was fetched yet");
        revocations.load().await;
        assert_eq!([&disabled, &ended, &other].map(|claims| revocations.is_revoked(claims)), [true, true, false]);
        *published.lock().unwrap() = Err("away".to_owned());
        revocations.load().await;
        assert!(revocations.is_revoked(&disabled), "a list that cannot be fetched takes nothing back");
        *published.lock().unwrap() = Ok(RevocationList::default());
        revocations.load().await;
        assert!(!revocations.is_revoked(&disabled));
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
