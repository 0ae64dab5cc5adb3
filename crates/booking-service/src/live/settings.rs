//! Settings of the section `live`.

use std::time::Duration;

use rowlock_platform::settings::SettingsReader;

/// Limits and intervals of the live streams.
#[derive(Debug, Clone, Copy)]
pub struct LiveSettings {
    /// Maximum number of open streams of this process.
    pub max_streams: usize,
    /// Minimum time between two updates about an event or an account.
    pub min_interval: Duration,
    /// Interval of the comments that show that a stream is alive.
    pub heartbeat: Duration,
    /// How long a client may accept no data before it is disconnected (`http.send_timeout_ms`).
    pub send_timeout: Duration,
}

impl LiveSettings {
    /// Reads the section `live`. `send_timeout` is the setting of the HTTP server.
    pub fn read(reader: &mut SettingsReader, send_timeout: Option<Duration>) -> Option<Self> {
        let max_streams = reader.number("live.max_streams", 0..=1_000_000);
        let min_interval = reader.millis("live.min_interval_ms", 10..=60_000);
        let heartbeat = reader.millis("live.heartbeat_ms", 100..=600_000);
        Some(Self { max_streams: max_streams?, min_interval: min_interval?, heartbeat: heartbeat?, send_timeout: send_timeout? })
    }
}
