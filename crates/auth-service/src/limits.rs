//! Rate limits for login and registration that slow down password guessing without locking out the account owner.
//!
//! Logins and registrations are limited per address and per account. An address from which somebody has recently logged in to an
//! account has a separate quota for that account, so guesses from other addresses use up only their own quota and delay only
//! their own logins.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use quick_cache::sync::Cache;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::EmailLookupKeys;
use rowlock_http::problem::Problem;
use rowlock_http::{RateLimit, client_address, per_minute};
use rowlock_platform::settings::SettingsReader;
use tokio::sync::Semaphore;

/// Number of wrong passwords in a row that cause no delay.
const ATTEMPTS_WITHOUT_DELAY: u32 = 3;
/// Delay after the first wrong password beyond the free ones. Each further wrong password doubles it.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// Time without a wrong password after which the count starts again.
const WRONG_PASSWORDS_TTL: Duration = Duration::from_secs(15 * 60);
/// Maximum number of account and address pairs in each cache.
const CACHE_CAPACITY: usize = 50_000;
/// Maximum number of logins that are delayed at the same time.
const MAX_DELAYED_LOGINS: usize = 500;

/// Limits per minute (0 for no limit) and the maximum delay.
#[derive(Debug, Clone, Copy)]
pub struct LimitSettings {
    /// Logins from one address.
    pub log_in_per_address: u32,
    /// Logins to one account.
    pub log_in_per_account: u32,
    /// Registrations from one address.
    pub create_account_per_address: u32,
    /// Registrations with one e-mail address.
    pub create_account_per_email: u32,
    /// Requests for e-mail, and uses of links, from one address.
    pub mail_per_address: u32,
    /// Requests for e-mail to one e-mail address.
    pub mail_per_email: u32,
    /// Maximum delay of a login after repeated wrong passwords; zero disables the delay.
    pub longest_wait: Duration,
}

impl LimitSettings {
    /// Reads the section `limits`. Returns `None` if a value is invalid; the reader has recorded the error.
    pub(crate) fn read(reader: &mut SettingsReader) -> Option<Self> {
        let log_in_per_address = per_minute(reader, "limits.log_in_per_address");
        let log_in_per_account = per_minute(reader, "limits.log_in_per_account");
        let create_account_per_address = per_minute(reader, "limits.create_account_per_address");
        let create_account_per_email = per_minute(reader, "limits.create_account_per_email");
        let mail_per_address = per_minute(reader, "limits.mail_per_address");
        let mail_per_email = per_minute(reader, "limits.mail_per_email");
        let longest_wait = reader.millis("limits.wrong_password_wait_ms", 0..=60_000);
        Some(Self {
            log_in_per_address: log_in_per_address?,
            log_in_per_account: log_in_per_account?,
            create_account_per_address: create_account_per_address?,
            create_account_per_email: create_account_per_email?,
            mail_per_address: mail_per_address?,
            mail_per_email: mail_per_email?,
            longest_wait: longest_wait?,
        })
    }
}

/// Key of the limits per account: the e-mail address in its comparison form, and the client's address if it is known for that
/// account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LoginKey {
    email: String,
    known_address: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy)]
struct WrongPasswords {
    count: u32,
    last: Instant,
}

/// State of the limits of a process.
#[derive(Debug)]
pub(crate) struct Limits {
    log_in_per_address: RateLimit<IpAddr>,
    log_in_per_account: RateLimit<LoginKey>,
    create_account_per_address: RateLimit<IpAddr>,
    create_account_per_email: RateLimit<String>,
    mail_per_address: RateLimit<IpAddr>,
    mail_per_email: RateLimit<String>,
    longest_wait: Duration,
    /// Pairs of an account and an address from which somebody has logged in to it.
    known: Cache<(String, IpAddr), ()>,
    wrong: Cache<LoginKey, WrongPasswords>,
    delayed: Semaphore,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        Self {
            log_in_per_address: RateLimit::per_minute("log-in-address", settings.log_in_per_address),
            log_in_per_account: RateLimit::per_minute("log-in-account", settings.log_in_per_account),
            create_account_per_address: RateLimit::per_minute("create-account-address", settings.create_account_per_address),
            create_account_per_email: RateLimit::per_minute("create-account-email", settings.create_account_per_email),
            mail_per_address: RateLimit::per_minute("mail-address", settings.mail_per_address),
            mail_per_email: RateLimit::per_minute("mail-email", settings.mail_per_email),
            longest_wait: settings.longest_wait,
            known: Cache::new(CACHE_CAPACITY),
            wrong: Cache::new(CACHE_CAPACITY),
            delayed: Semaphore::new(MAX_DELAYED_LOGINS),
        }
    }

    /// Counts a registration. Fails with 429 above a limit.
    pub(crate) fn check_registration(&self, request: &HttpRequest, email: &EmailLookupKeys) -> Result<(), Problem> {
        if let Some(address) = client_address(request) {
            self.create_account_per_address.check(request, &address, "registrations from your IP address")?;
        }
        self.create_account_per_email.check(request, &email.key, "attempts to create this account")
    }

    /// Counts a request for e-mail. Fails with 429 above a limit. Does not depend on whether the account exists.
    pub(crate) fn check_mail(&self, request: &HttpRequest, email: &EmailLookupKeys) -> Result<(), Problem> {
        self.check_link(request)?;
        self.mail_per_email.check(request, &email.key, "requests for e-mail to this address")
    }

    /// Counts the use of a link. Fails with 429 above a limit.
    pub(crate) fn check_link(&self, request: &HttpRequest) -> Result<(), Problem> {
        match client_address(request) {
            Some(address) => self.mail_per_address.check(request, &address, "requests about e-mail from your IP address"),
            None => Ok(()),
        }
    }

    /// Counts a login and delays it if the password was wrong too often. Returns a handle on which the result has to be
    /// reported. Fails with 429 above a limit and with 503 if too many logins are delayed. Does not depend on whether the
    /// account exists.
    pub(crate) async fn admit_login(&self, request: &HttpRequest, email: &EmailLookupKeys) -> Result<LoginAttempt<'_>, Problem> {
        let (email, address) = (email.key.clone(), client_address(request));
        if let Some(address) = address {
            self.log_in_per_address.check(request, &address, "logins from your IP address")?;
        }
        let known_address = address.filter(|address| self.known.get(&(email.clone(), *address)).is_some());
        let key = LoginKey { email, known_address };
        self.log_in_per_account.check(request, &key, "logins to this account")?;
        let delay = self.delay_of(&key);
        if !delay.is_zero() {
            let full = || Problem::new(ProblemCode::Overloaded, "Too many logins are in progress. Try again later.");
            let _permit = self.delayed.try_acquire().map_err(|_| full())?;
            tokio::time::sleep(delay).await;
        }
        Ok(LoginAttempt { limits: self, key, address })
    }

    /// Returns the number of wrong passwords in a row; 0 if the last one was long ago.
    fn wrong_passwords(&self, key: &LoginKey) -> u32 {
        self.wrong.get(key).filter(|wrong| wrong.last.elapsed() < WRONG_PASSWORDS_TTL).map_or(0, |wrong| wrong.count)
    }

    fn delay_of(&self, key: &LoginKey) -> Duration {
        match self.wrong_passwords(key).checked_sub(ATTEMPTS_WITHOUT_DELAY + 1) {
            Some(doublings) => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(doublings)).min(self.longest_wait),
            None => Duration::ZERO,
        }
    }
}

/// A counted login whose password is about to be checked.
#[derive(Debug)]
#[must_use = "report the result with `succeeded` or `failed`"]
pub(crate) struct LoginAttempt<'a> {
    limits: &'a Limits,
    key: LoginKey,
    address: Option<IpAddr>,
}

impl LoginAttempt<'_> {
    /// Reports that the password was right: the address is known for the account from now on, and its wrong passwords are
    /// forgotten.
    pub(crate) fn succeeded(self) {
        self.limits.wrong.remove(&self.key);
        if let Some(address) = self.address {
            self.limits.known.insert((self.key.email, address), ());
        }
    }

    /// Reports that the password was wrong.
    pub(crate) fn failed(self) {
        let before = self.limits.wrong_passwords(&self.key);
        self.limits.wrong.insert(self.key, WrongPasswords { count: before.saturating_add(1), last: Instant::now() });
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn limits(log_in_per_account: u32) -> Limits {
        Limits::new(LimitSettings {
            log_in_per_address: 0,
            log_in_per_account,
            create_account_per_address: 0,
            create_account_per_email: 0,
            mail_per_address: 0,
            mail_per_email: 0,
            longest_wait: Duration::from_secs(2),
        })
    }

    fn from(address: &str) -> HttpRequest {
        TestRequest::default().peer_addr(format!("{address}:1").parse().unwrap()).to_http_request()
    }

    fn ada() -> EmailLookupKeys {
        EmailLookupKeys::of("Ada@example.org")
    }

    #[tokio::test(start_paused = true)]
    async fn each_wrong_password_doubles_the_delay_up_to_a_limit() {
        let limits = limits(0);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let before = tokio::time::Instant::now();
            limits.admit_login(&from("192.0.2.1"), &ada()).await.unwrap().failed();
            waits.push(before.elapsed().as_millis());
        }
        assert_eq!(waits, [0, 0, 0, 0, 250, 500, 1000, 2000, 2000]);
        limits.admit_login(&from("192.0.2.1"), &ada()).await.unwrap().succeeded();
        let before = tokio::time::Instant::now();
        limits.admit_login(&from("192.0.2.1"), &ada()).await.unwrap().failed();
        assert!(before.elapsed().is_zero(), "the right password resets the count");
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_from_other_addresses_do_not_lock_out_the_owner() {
        let limits = limits(6);
        limits.admit_login(&from("192.0.2.1"), &ada()).await.unwrap().succeeded();
        for _ in 0..5 {
            limits.admit_login(&from("198.51.100.9"), &ada()).await.unwrap().failed();
        }
        assert_eq!(
            limits.admit_login(&from("203.0.113.5"), &ada()).await.unwrap_err().code(),
            ProblemCode::RateLimited,
            "unknown addresses share a quota"
        );
        let before = tokio::time::Instant::now();
        limits.admit_login(&from("192.0.2.1"), &ada()).await.unwrap().succeeded();
        assert!(before.elapsed().is_zero(), "the owner's address is known");
    }
}
