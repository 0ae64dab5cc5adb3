//! Settings of announcements to all holders of an event.

use std::time::Duration;

use rowlock_platform::settings::SettingsReader;

use crate::broadcast::ReminderTimes;

/// Settings of the section `broadcasts`.
#[derive(Debug, Clone, Copy)]
pub struct BroadcastSettings {
    /// Time between a change of an event and the first mails about it.
    pub change_delay: Duration,
    /// When holders are reminded.
    pub(crate) reminders: ReminderTimes,
    /// Interval at which events that start soon are looked for.
    pub interval: Duration,
    /// How long a claimed page may take before another notifier takes over.
    pub lease: Duration,
    /// Number of deliveries that are due and not urgent at which no further ones are written.
    pub max_backlog: u32,
}

impl BroadcastSettings {
    pub(super) fn read(reader: &mut SettingsReader) -> Option<Self> {
        let hours = |hours: u64| Duration::from_secs(hours.saturating_mul(3_600));
        let change_delay = reader.millis("broadcasts.change_delay_ms", 0..=3_600_000);
        let before = reader.number("broadcasts.remind_hours", 0..=336).map(hours);
        let at_least = reader.number("broadcasts.remind_at_least_hours", 0..=336).map(hours);
        let interval = reader.millis("broadcasts.interval_ms", 10..=3_600_000);
        let lease = reader.millis("broadcasts.lease_ms", 1_000..=3_600_000);
        let max_backlog = reader.number("broadcasts.max_backlog", 1..=1_000_000);
        let reminders = ReminderTimes { before: before?, at_least: at_least? };
        Some(Self { change_delay: change_delay?, reminders, interval: interval?, lease: lease?, max_backlog: max_backlog? })
    }
}
