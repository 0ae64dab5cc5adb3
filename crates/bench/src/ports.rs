//! The ports of the processes under test.

/// Ports of the services, relative to the first free port.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The first free port.
    pub first: u16,
}

impl Ports {
    /// Returns the port of booking-service.
    pub fn booking(self) -> u16 {
        self.first
    }

    /// Returns the port of auth-service.
    pub fn auth(self) -> u16 {
        self.first + 2
    }

    /// Returns the port of the booking-service that runs one transaction per request.
    pub fn single(self) -> u16 {
        self.first + 4
    }

    /// Returns the port that serves the event list from memory.
    pub fn hello_list(self) -> u16 {
        self.first + 10
    }

    /// Returns the port that serves a single event from memory.
    pub fn hello_event(self) -> u16 {
        self.first + 11
    }

    /// Returns the port of the web site.
    pub fn web(self) -> u16 {
        self.first + 13
    }

    /// Returns the port that serves a page of the web site from memory.
    pub fn hello_page(self) -> u16 {
        self.first + 15
    }

    /// Returns the port of the notifier, which takes those of workers that only other measurements start.
    pub fn notifier(self) -> u16 {
        self.first + 8
    }

    /// Returns the port of the worker with this index.
    pub fn worker(self, index: u16) -> u16 {
        self.first + 6 + index
    }

    /// Returns the port of Redis.
    pub fn redis(self) -> u16 {
        self.first + 17
    }

    /// Returns the port that serves the public key of the tokens.
    pub fn keys(self) -> u16 {
        self.first + 12
    }
}
