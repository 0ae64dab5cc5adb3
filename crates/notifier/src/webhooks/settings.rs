//! Settings of the section `webhooks`.

use std::time::Duration;

use rowlock_platform::settings::SettingsReader;

use super::target::TargetPolicy;

/// Settings of the section `webhooks`.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Which targets are permitted.
    pub(crate) targets: TargetPolicy,
    /// Maximum number of webhooks.
    pub(crate) max: u16,
    /// Maximum number of requests to one webhook at a time.
    pub(crate) concurrency: u16,
    /// Maximum time to connect.
    pub(crate) connect_timeout: Duration,
    /// Maximum time for a request with its response.
    pub(crate) timeout: Duration,
    /// The delays after the first attempts. The last one is repeated.
    pub(crate) retry_delays: Vec<Duration>,
    /// Time after which a delivery fails.
    pub(crate) give_up_after: Duration,
    /// How long deliveries are kept once they are delivered or have failed.
    pub(crate) keep: Duration,
    /// Maximum number of changing requests of one account per minute; 0 for no limit.
    pub(crate) changes_per_account: u32,
}

impl WebhookSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut SettingsReader) -> Option<Self> {
        let allow_private = reader.value("webhooks.allow_private_targets");
        let max = reader.number("webhooks.max", 0..=1_000);
        let concurrency = reader.number("webhooks.concurrency", 1..=100);
        let connect_timeout = reader.millis("webhooks.connect_timeout_ms", 10..=60_000);
        let timeout = reader.millis("webhooks.timeout_ms", 10..=60_000);
        let retry_delays = reader.millis_list("webhooks.retry_delays_ms", 1..=86_400_000);
        let give_up_after = reader.millis("webhooks.give_up_after_ms", 0..=604_800_000);
        let keep = reader.number("webhooks.keep_days", 1..=3_650_u64).map(|days| Duration::from_secs(days.saturating_mul(86_400)));
        let changes_per_account = rowlock_http::per_minute(reader, "limits.webhooks_per_account");
        Some(Self {
            targets: TargetPolicy { allow_private: allow_private? },
            max: max?,
            concurrency: concurrency?,
            connect_timeout: connect_timeout?,
            timeout: timeout?,
            retry_delays: retry_delays?,
            give_up_after: give_up_after?,
            keep: keep?,
            changes_per_account: changes_per_account?,
        })
    }

    /// Returns how long a claimed delivery may take before its notifier counts as killed.
    pub(crate) fn lease(&self) -> Duration {
        self.timeout.saturating_mul(2).saturating_add(Duration::from_secs(30))
    }

    /// Returns how long a webhook must have failed to be switched off with a delivery that fails. That is a little shorter than the time
    /// after which a delivery fails, because its first attempt ends after it is stored.
    pub(crate) fn failing_for(&self) -> Duration {
        self.give_up_after.saturating_sub(self.lease())
    }

    /// Returns the delay after this number of attempts, which is at least 1.
    pub(crate) fn delay_after(&self, attempts: u32) -> Duration {
        let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        self.retry_delays.get(index).or(self.retry_delays.last()).copied().unwrap_or(Duration::from_secs(60))
    }

    /// Returns how long nothing is sent to a webhook after this number of failed attempts in a row, or `None` for the first ones: a
    /// receiver may have refused a single message.
    pub(crate) fn pause_after(&self, failures: u32) -> Option<Duration> {
        let failures = failures.checked_sub(FAILURES_BEFORE_PAUSE)?;
        Some(self.delay_after(failures.saturating_add(1)).min(MAX_PAUSE))
    }
}

/// Number of failed attempts in a row that lead to a pause.
pub(crate) const FAILURES_BEFORE_PAUSE: u32 = 5;

/// Maximum duration of a pause, so that a receiver that is back gets messages soon.
const MAX_PAUSE: Duration = Duration::from_secs(300);
