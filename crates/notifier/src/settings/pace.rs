//! Settings of the pace at which messages about bookings and waiting lists are taken.

use rowlock_platform::settings::SettingsReader;

/// How fast the notifier takes messages about bookings and waiting lists.
#[derive(Debug, Clone, Copy)]
pub struct PaceSettings {
    /// Number of unsent mails about bookings and waiting lists at which no further messages are taken.
    pub max_backlog: u32,
    /// Number of arriving messages per second above which the box office is busy; 0 for never.
    pub busy_from: u32,
    /// Number of messages per second that are taken meanwhile.
    pub busy_rate: u32,
}

impl PaceSettings {
    pub(super) fn read(reader: &mut SettingsReader) -> Option<Self> {
        let max_backlog = reader.number("notifier.max_backlog", 1..=1_000_000);
        let busy_from = reader.number("notifier.busy_from", 0..=1_000_000);
        let busy_rate = reader.number("notifier.busy_rate", 1..=1_000_000);
        Some(Self { max_backlog: max_backlog?, busy_from: busy_from?, busy_rate: busy_rate? })
    }
}
