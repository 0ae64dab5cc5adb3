//! The plan of a [`System`]: how many instances of each service a test starts, and with which settings.

use std::net::SocketAddr;

use crate::system::System;

/// Configuration of a [`System`]: the number of replicas, additional settings and proxies. The default is one instance of
/// each service.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) bookings: usize,
    pub(crate) workers: usize,
    pub(crate) auth_settings: Vec<(String, String)>,
    pub(crate) booking_settings: Vec<(String, String)>,
    pub(crate) worker_settings: Vec<(String, String)>,
    pub(crate) booking_database: Option<String>,
    pub(crate) broker: Option<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            bookings: 1,
            workers: 1,
            auth_settings: Vec::new(),
            booking_settings: Vec::new(),
            worker_settings: Vec::new(),
            booking_database: None,
            broker: None,
        }
    }
}

impl Plan {
    /// Sets the number of booking-service replicas.
    pub fn bookings(mut self, count: usize) -> Self {
        self.bookings = count;
        self
    }

    /// Sets the number of workers.
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Adds a setting of auth-service, by its dotted name.
    pub fn auth_setting(mut self, name: &str, value: &str) -> Self {
        self.auth_settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a setting of every booking-service, by its dotted name.
    pub fn booking_setting(mut self, name: &str, value: &str) -> Self {
        self.booking_settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a setting of every worker, by its dotted name.
    pub fn worker_setting(mut self, name: &str, value: &str) -> Self {
        self.worker_settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Connects booking-service and the workers to PostgreSQL through the proxy at this address.
    pub fn database_through(mut self, address: SocketAddr) -> Self {
        self.booking_database = Some(address.to_string());
        self
    }

    /// Connects booking-service and the workers to the broker through the proxy at this address.
    pub fn broker_through(mut self, address: SocketAddr) -> Self {
        self.broker = Some(address.to_string());
        self
    }

    /// Starts everything and waits until every service is ready.
    pub async fn start(self) -> System {
        System::start(self).await
    }
}
