//! Rate limits: so many requests a minute from one client, told in the fields that clients understand.
//!
//! A bucket per client (GCRA, by `governor`): the whole minute's quota may come at once and is given back evenly. The
//! buckets are kept in a bounded cache, so that a flood of clients costs no memory; one that is pushed out of it begins
//! anew. Each process counts for itself.

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

/// How many clients are remembered, per limit; some 200 bytes each.
const REMEMBERED: usize = 50_000;

/// The fields of draft-ietf-httpapi-ratelimit-headers-10.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// A limit on the requests of each client.
pub struct RateLimit<K> {
    name: &'static str,
    /// None for no limit at all.
    quota: Option<NonZeroU32>,
    clients: Cache<K, Arc<Bucket>>,
    clock: DefaultClock,
}

impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("name", &self.name).field("quota", &self.quota).finish_non_exhaustive()
    }
}

/// How a client stands with a limit, after a request.
#[derive(Debug, Clone, Copy)]
struct Standing {
    name: &'static str,
    quota: u32,
    remaining: u32,
    /// Until all of the quota is there again, or after a refusal until one request is.
    seconds: u64,
}

/// The standings that the answer to a request tells.
#[derive(Debug, Default)]
struct Standings(Vec<Standing>);

/// Reads a limit: requests per minute, 0 for no limit.
pub fn per_minute(reader: &mut SettingsReader, name: &str) -> Option<u32> {
    reader.number(name, 0..=1_000_000)
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// A limit of so many requests per minute and client; 0 for none.
    pub fn per_minute(name: &'static str, count: u32) -> Self {
        Self { name, quota: NonZeroU32::new(count), clients: Cache::new(REMEMBERED), clock: DefaultClock::default() }
    }

    /// Counts a request of a client, or refuses it with 429 and the time after which the next one passes. `what` says what
    /// there is too much of, as in «Too many log-ins».
    pub fn check(&self, request: &HttpRequest, client: &K, what: &str) -> Result<(), Problem> {
        let Some(quota) = self.quota else { return Ok(()) };
        let bucket = match self.clients.get(client) {
            Some(bucket) => bucket,
            None => self.enter(client, quota),
        };
        let (standing, refused) = match bucket.check() {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                (self.standing(quota, remaining, refill(quota, quota.get().saturating_sub(remaining))), None)
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                (self.standing(quota, 0, whole_seconds(wait)), Some(whole_seconds(wait)))
            }
        };
        let mut extensions = request.extensions_mut();
        if !extensions.contains::<Standings>() {
            extensions.insert(Standings::default());
        }
        if let Some(standings) = extensions.get_mut::<Standings>() {
            standings.0.push(standing);
        }
        match refused {
            None => Ok(()),
            Some(seconds) => {
                let detail = format!("Too many {what}. Please try again in {seconds} s.");
                Err(Problem::new(ProblemCode::RateLimited, detail).retry_after(Duration::from_secs(seconds)))
            }
        }
    }

    fn enter(&self, client: &K, quota: NonZeroU32) -> Arc<Bucket> {
        let make = || Ok::<_, std::convert::Infallible>(Arc::new(RateLimiter::direct(Quota::per_minute(quota)).with_middleware()));
        match self.clients.get_or_insert_with(client, make) {
            Ok(bucket) => bucket,
        }
    }

    const fn standing(&self, quota: NonZeroU32, remaining: u32, seconds: u64) -> Standing {
        Standing { name: self.name, quota: quota.get(), remaining, seconds }
    }
}

/// The time in which so many requests of a minute's quota come back, in whole seconds.
fn refill(quota: NonZeroU32, used: u32) -> u64 {
    (u64::from(used) * 60).div_ceil(u64::from(quota.get()))
}

/// At least one, so that nobody is told to try again at once.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Adds the fields to an answer, if a limit was asked.
pub(crate) fn show(request: &HttpRequest, headers: &mut HeaderMap) {
    let extensions = request.extensions();
    let Some(Standings(standings)) = extensions.get::<Standings>() else { return };
    let list = |item: fn(&Standing) -> String| standings.iter().map(item).collect::<Vec<_>>().join(", ");
    let policy = list(|standing| format!("\"{}\";q={};w=60", standing.name, standing.quota));
    let now = list(|standing| format!("\"{}\";r={};t={}", standing.name, standing.remaining, standing.seconds));
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

    fn shown(request: &HttpRequest) -> (String, String) {
        let mut headers = HeaderMap::new();
        show(request, &mut headers);
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        (text(&RATE_LIMIT_POLICY), text(&RATE_LIMIT))
    }

    #[test]
    fn a_client_has_its_quota_and_is_told_how_it_stands() {
        let limit = RateLimit::per_minute("log-in", 3);
        for remaining in [2, 1, 0] {
            let request = TestRequest::default().to_http_request();
            limit.check(&request, &"ada", "log-ins").unwrap();
            let (policy, now) = shown(&request);
            assert_eq!(policy, "\"log-in\";q=3;w=60");
            assert_eq!(now, format!("\"log-in\";r={remaining};t={}", (3 - remaining) * 20));
        }
        let request = TestRequest::default().to_http_request();
        let refusal = limit.check(&request, &"ada", "log-ins").unwrap_err();
        assert_eq!(refusal.code(), ProblemCode::RateLimited);
        assert_eq!(refusal.error_response().headers().get(RETRY_AFTER).unwrap(), "20");
        assert_eq!(shown(&request).1, "\"log-in\";r=0;t=20");
        assert!(limit.check(&request, &"bob", "log-ins").is_ok(), "others have their own");
    }

    #[test]
    fn no_limit_says_nothing() {
        let limit = RateLimit::per_minute("log-in", 0);
        let request = TestRequest::default().to_http_request();
        for _ in 0..1_000 {
            limit.check(&request, &"ada", "log-ins").unwrap();
        }
        assert_eq!(shown(&request), (String::new(), String::new()));
    }

    #[test]
    fn several_limits_are_told_together() {
        let request = TestRequest::default().to_http_request();
        RateLimit::per_minute("address", 60).check(&request, &1, "log-ins").unwrap();
        RateLimit::per_minute("account", 30).check(&request, &2, "log-ins").unwrap();
        assert_eq!(shown(&request).1, "\"address\";r=59;t=1, \"account\";r=29;t=2");
    }

    #[test]
    fn more_clients_than_are_remembered_cost_no_more_memory() {
        let limit = RateLimit::per_minute("address", 1);
        let request = TestRequest::default().to_http_request();
        for client in 0..60_000 {
            limit.check(&request, &client, "requests").unwrap();
        }
        assert!(limit.clients.len() <= REMEMBERED);
    }
}
