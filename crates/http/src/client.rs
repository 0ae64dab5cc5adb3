//! The HTTP client with which the services call each other.

use std::time::Duration;

/// How long an idle connection is kept. A request fails if it is sent while the other side closes the connection. The services close
/// idle connections after 5 s, so the client does it earlier, as the gateway does.
const IDLE_LIMIT: Duration = Duration::from_secs(4);

/// Returns the builder of a client for requests to another service, which take at most `timeout`. The client follows no redirects,
/// because the services send none to each other.
pub fn service_client(timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder().timeout(timeout).pool_idle_timeout(IDLE_LIMIT).redirect(reqwest::redirect::Policy::none())
}
