//! Which bookings of a batch could join a waiting list, so that the open entries of their accounts are read only then.

use std::collections::{BTreeSet, HashMap, HashSet};

use rowlock_domain::ids::{AccountId, TypeKey};

use super::ledger::{Ledger, Tracked};
use crate::command::{Book, Command};

/// For each locked type, how many more tickets can be asked for in the batch while it is certain that none of the bookings
/// joins a waiting list on which others already wait. `None` where nobody waits: an account can only have an open entry
/// that was made in this batch, which is in memory.
#[derive(Debug, Default)]
pub(super) struct JoinFreeRoom {
    by_type: HashMap<TypeKey, Option<u32>>,
    /// Types whose bookings in this batch may have to join.
    may_join: HashSet<TypeKey>,
}

impl JoinFreeRoom {
    /// Computes the room that the commands of a batch leave. The commands are looked at as a whole, not in their order.
    pub(super) fn of(commands: &[&Command], ledger: &Ledger) -> Self {
        let mut asked: HashMap<TypeKey, u32> = HashMap::new();
        // Returns, and a waiting party that shrinks, turn what is available into held tickets; a change can do anything.
        let (mut unsettled, mut changed) = (HashSet::new(), HashSet::new());
        for command in commands {
            match command {
                Command::Book(book) => {
                    let sum = asked.entry(book.key).or_default();
                    *sum = sum.saturating_add(book.quantity.get());
                }
                Command::Cancel(_) | Command::ChangeEntry(_) => _ = unsettled.insert(command.event()),
                Command::Change(_) => _ = changed.insert(command.event()),
                Command::Leave(_) | Command::Delete(_) | Command::Reallocate(_) => {}
            }
        }
        let mut room = Self::default();
        for (key, row) in &ledger.types {
            let stock = &row.get().stock;
            if stock.waiting == 0 && !changed.contains(&key.event) {
                room.by_type.insert(*key, None);
                continue;
            }
            let certain = stock.held == 0 && !unsettled.contains(&key.event) && !changed.contains(&key.event);
            let asked = asked.get(key).copied().unwrap_or_default();
            let left = if certain { stock.available.checked_sub(asked) } else { None };
            if left.is_none() {
                room.may_join.insert(*key);
            }
            room.by_type.insert(*key, Some(left.unwrap_or_default()));
        }
        room
    }

    /// Whether a booking that comes late into the batch cannot join a list on which others already wait; takes its tickets
    /// from the room then.
    pub(super) fn take_for_late(&mut self, book: &Book) -> bool {
        match self.by_type.get_mut(&book.key) {
            None => false,
            Some(None) => true,
            Some(Some(left)) => match left.checked_sub(book.quantity.get()) {
                Some(less) => {
                    *left = less;
                    true
                }
                // Without waiting it is sold or refused, and leaves nothing for those that count on the room.
                None if !book.join_waitlist => {
                    *left = 0;
                    true
                }
                None => false,
            },
        }
    }

    /// The accounts whose open entries have to be read.
    pub(super) fn open_entries_wanted(&self, commands: &[&Command]) -> BTreeSet<(TypeKey, AccountId)> {
        let books = commands.iter().filter_map(|command| if let Command::Book(book) = command { Some(book) } else { None });
        books.filter(|book| book.join_waitlist && self.may_join.contains(&book.key)).map(|book| (book.key, book.holder.account)).collect()
    }
}

/// Whose totals a change of an entry needs: those of the entries that it can mean.
pub(super) fn totals_of_changed_entries(commands: &[&Command], ledger: &Ledger) -> BTreeSet<(TypeKey, AccountId)> {
    let changes: HashSet<_> = commands
        .iter()
        .filter_map(|command| if let Command::ChangeEntry(change) = command { Some((change.event, change.account)) } else { None })
        .collect();
    if changes.is_empty() {
        return BTreeSet::new();
    }
    let entries = ledger.entries.iter().map(Tracked::get);
    entries
        .filter(|entry| changes.contains(&(entry.key.event, entry.holder.account)))
        .map(|entry| (entry.key, entry.holder.account))
        .collect()
}
