//! Codes of an authenticator app, for tests of the second factor.

#![allow(clippy::expect_used, reason = "a test with a wrong secret cannot continue and reports the cause by panicking")]

use rowlock_platform::clock::Clock;
use totp_rs::{Builder, Secret};

/// Returns the code of a time step of 30 s relative to the present one, for a secret in Base32.
///
/// A test that uses several codes begins with step 0 and continues with step 1: both are right, in this order, whether or not a step
/// ends during the test.
///
/// # Panics
///
/// Panics if the secret is not Base32.
pub fn code(secret: &str, step: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("the secret is Base32");
    let totp = Builder::new().with_secret(secret).build().expect("the secret is long enough");
    totp.generate(u64::try_from(Clock::system().now().timestamp() + 30 * step).expect("it is after 1970")).to_string()
}
