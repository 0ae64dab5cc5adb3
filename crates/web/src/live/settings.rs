//! Settings of the section `live`.

use std::time::Duration;

use rowlock_platform::settings::SettingsReader;

/// Limits of the live pages.
#[derive(Debug, Clone, Copy)]
pub struct LiveSettings {
    /// Maximum number of open streams to browsers.
    pub max_streams: usize,
    /// Interval of the comments that show that a stream is alive.
    pub heartbeat: Duration,
}

impl LiveSettings {
    /// Reads the section `live`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let max_streams = reader.number("live.max_streams", 0..=1_000_000);
        let heartbeat = reader.millis("live.heartbeat_ms", 100..=600_000);
        Some(Self { max_streams: max_streams?, heartbeat: heartbeat? })
    }
}
