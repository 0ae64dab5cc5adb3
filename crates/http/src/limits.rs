//! Rate limits: a number of requests per minute and client, reported in the response headers `RateLimit` and `RateLimit-Policy`.
//!
//! Each client has a bucket (GCRA, from the crate `governor`): it may use its whole quota at once, and the quota refills evenly.
//! The buckets are in a bounded cache, so that many clients cannot exhaust the memory; an evicted client starts with a full
//! quota again. Each process counts on its own.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;
use rowlock_domain::problem::ProblemCode;

use crate::problem::Problem;
use rowlock_platform::settings::SettingsReader;

/// Maximum number of clients that are tracked per limit. Each takes about 200 bytes.
const MAX_TRACKED_CLIENTS: usize = 50_000;

/// Header of draft-ietf-httpapi-ratelimit-headers-10 with the remaining quota.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// A limit on the requests of each client.
pub struct RateLimit<K> {
    name: &'static str,
    /// Requests per minute, or `None` for no limit.
    quota: Option<NonZeroU32>,
    clients: Cache<K, Arc<Bucket>>,
    clock: DefaultClock,
}

impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("name", &self.name).field("quota", &self.quota).finish_non_exhaustive()
    }
}

/// The state of a client's quota after a request.
#[derive(Debug, Clone, Copy)]
struct QuotaState {
    name: &'static str,
    quota: u32,
    remaining: u32,
    /// Seconds until the whole quota is available again or, after a rejection, until one request is.
    seconds: u64,
}

/// The states of all limits that apply to a request, for the headers of its response.
#[derive(Debug, Default)]
struct QuotaStates(Vec<QuotaState>);

/// Reads a setting with a number of requests per minute. 0 means no limit.
pub fn per_minute(reader: &mut SettingsReader, name: &str) -> Option<u32> {
    reader.number(name, 0..=1_000_000)
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// Creates a limit of `count` requests per minute and client. 0 means no limit.
    pub fn per_minute(name: &'static str, count: u32) -> Self {
        Self { name, quota: NonZeroU32::new(count), clients: Cache::new(MAX_TRACKED_CLIENTS), clock: DefaultClock::default() }
    }

    /// Counts a request of a client. `what` names the requests in the error message, as in "Too many logins".
    ///
    /// # Errors
    ///
    /// Returns a 429 problem with the time until the next request is allowed if the quota is exhausted.
    pub fn check(&self, request: &HttpRequest, client: &K, what: &str) -> Result<(), Problem> {
        let Some(quota) = self.quota else { return Ok(()) };
        let bucket = match self.clients.get(client) {
            Some(bucket) => bucket,
            None => self.add_client(client, quota),
        };
        let (state, retry_after) = match bucket.check() {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                (self.state(quota, remaining, refill(quota, quota.get().saturating_sub(remaining))), None)
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                (self.state(quota, 0, whole_seconds(wait)), Some(whole_seconds(wait)))
            }
        };
        let mut extensions = request.extensions_mut();
        if !extensions.contains::<QuotaStates>() {
            extensions.insert(QuotaStates::default());
        }
        if let Some(states) = extensions.get_mut::<QuotaStates>() {
            states.0.push(state);
        }
        match retry_after {
            None => Ok(()),
            Some(seconds) => {
                let detail = format!("Too many {what}. Retry in {seconds} s.");
                Err(Problem::new(ProblemCode::RateLimited, detail).retry_after(Duration::from_secs(seconds)))
            }
        }
    }

    /// Adds a client with a full quota, unless a concurrent request has added it.
    fn add_client(&self, client: &K, quota: NonZeroU32) -> Arc<Bucket> {
        let make = || Ok::<_, std::convert::Infallible>(Arc::new(RateLimiter::direct(Quota::per_minute(quota)).with_middleware()));
        match self.clients.get_or_insert_with(client, make) {
            Ok(bucket) => bucket,
        }
    }

    const fn state(&self, quota: NonZeroU32, remaining: u32, seconds: u64) -> QuotaState {
        QuotaState { name: self.name, quota: quota.get(), remaining, seconds }
    }
}

/// Returns the time in which `used` requests of the quota are refilled, in whole seconds.
fn refill(quota: NonZeroU32, used: u32) -> u64 {
    (u64::from(used) * 60).div_ceil(u64::from(quota.get()))
}

/// Rounds up to whole seconds, at least one, so that no client is told to retry at once.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Adds the rate-limit headers to a response if any limit applied to its request.
pub(crate) fn add_headers(request: &HttpRequest, headers: &mut HeaderMap) {
    let extensions = request.extensions();
    let Some(QuotaStates(states)) = extensions.get::<QuotaStates>() else { return };
    let list = |item: fn(&QuotaState) -> String| states.iter().map(item).collect::<Vec<_>>().join(", ");
    let policy = list(|state| format!("\"{}\";q={};w=60", state.name, state.quota));
    let now = list(|state| format!("\"{}\";r={};t={}", state.name, state.remaining, state.seconds));
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, now)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::http::header::RETRY_AFTER;
    use actix_web::test::TestRequest;

    use super::*;

    fn header_values(request: &HttpRequest) -> (String, String) {
        let mut headers = HeaderMap::new();
        add_headers(request, &mut headers);
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        (text(&RATE_LIMIT_POLICY), text(&RATE_LIMIT))
    }

    #[test]
    fn a_client_has_a_quota_and_its_responses_report_the_rest() {
        let limit = RateLimit::per_minute("log-in", 3);
        for remaining in [2, 1, 0] {
            let request = TestRequest::default().to_http_request();
            limit.check(&request, &"ada", "logins").unwrap();
            let (policy, now) = header_values(&request);
            assert_eq!(policy, "\"log-in\";q=3;w=60");
            assert_eq!(now, format!("\"log-in\";r={remaining};t={}", (3 - remaining) * 20));
        }
        let request = TestRequest::default().to_http_request();
        let refusal = limit.check(&request, &"ada", "logins").unwrap_err();
        assert_eq!(refusal.code(), ProblemCode::RateLimited);
        assert_eq!(refusal.error_response().headers().get(RETRY_AFTER).unwrap(), "20");
        assert_eq!(header_values(&request).1, "\"log-in\";r=0;t=20");
        assert!(limit.check(&request, &"bob", "logins").is_ok(), "other clients have their own quota");
    }

    #[test]
    fn without_a_limit_there_are_no_headers() {
        let limit = RateLimit::per_minute("log-in", 0);
        let request = TestRequest::default().to_http_request();
        for _ in 0..1_000 {
            limit.check(&request, &"ada", "logins").unwrap();
        }
        assert_eq!(header_values(&request), (String::new(), String::new()));
    }

    #[test]
    fn several_limits_share_the_headers() {
        let request = TestRequest::default().to_http_request();
        RateLimit::per_minute("address", 60).check(&request, &1, "logins").unwrap();
        RateLimit::per_minute("account", 30).check(&request, &2, "logins").unwrap();
        assert_eq!(header_values(&request).1, "\"address\";r=59;t=1, \"account\";r=29;t=2");
    }

    #[test]
    fn the_number_of_tracked_clients_is_bounded() {
        let limit = RateLimit::per_minute("address", 1);
        let request = TestRequest::default().to_http_request();
        for client in 0..60_000 {
            limit.check(&request, &client, "requests").unwrap();
        }
        assert!(limit.clients.len() <= MAX_TRACKED_CLIENTS);
    }
}
