//! Determines which bookings of a batch could join a waiting list, because only for these the open entries of their accounts are
//! read.

use std::collections::{BTreeSet, HashMap, HashSet};

use rowlock_domain::ids::{AccountId, TypeKey};

use super::unit_of_work::{Tracked, UnitOfWork};
use crate::command::{Book, Command};

/// For each locked type, the number of tickets that late bookings may still request while no booking of the batch can join a
/// waiting list that others are already on. The number is `None` if nobody waits: the only open entry that an account can have
/// was then made in this batch and is in memory.
#[derive(Debug, Default)]
pub(super) struct LateBookingBudget {
    by_type: HashMap<TypeKey, Option<u32>>,
    /// The types whose bookings in this batch may join the waiting list.
    may_join: HashSet<TypeKey>,
}

impl LateBookingBudget {
    /// Computes the room that the commands of a batch leave, regardless of their order.
    pub(super) fn of(commands: &[&Command], work: &UnitOfWork) -> Self {
        let mut requested: HashMap<TypeKey, u32> = HashMap::new();
        // Returns, reservations that expire, and entries that take fewer tickets than before, can turn available tickets into
        // held ones. A change of the event can do anything.
        let (mut unsettled, mut changed) = (HashSet::new(), HashSet::new());
        for command in commands {
            match command {
                Command::Book(book) => {
                    let sum = requested.entry(book.key).or_default();
                    *sum = sum.saturating_add(book.quantity.get());
                }
                // The tickets can be of any of the types.
                Command::BookWish(wish) => {
                    for key in wish.keys() {
                        let sum = requested.entry(key).or_default();
                        *sum = sum.saturating_add(wish.quantity.get());
                    }
                }
                Command::CancelBooking(_) | Command::ChangeEntry(_) | Command::Expire(_) => _ = unsettled.insert(command.event()),
                Command::ChangeEvent(_) => _ = changed.insert(command.event()),
                // A transfer leaves the counters as they are.
                Command::OfferTransfer(_)
                | Command::AcceptTransfer(_)
                | Command::EndTransfer(_)
                | Command::Confirm(_)
                | Command::LeaveWaitlist(_)
                | Command::DeleteEvent(_)
                | Command::Reallocate(_) => {}
            }
        }
        let mut budget = Self::default();
        for (key, row) in &work.types {
            let stock = &row.get().stock;
            if stock.waiting == 0 && !changed.contains(&key.event) {
                budget.by_type.insert(*key, None);
                continue;
            }
            let certain = stock.held == 0 && !unsettled.contains(&key.event) && !changed.contains(&key.event);
            let requested = requested.get(key).copied().unwrap_or_default();
            let left = if certain { stock.available.checked_sub(requested) } else { None };
            if left.is_none() {
                budget.may_join.insert(*key);
            }
            budget.by_type.insert(*key, Some(left.unwrap_or_default()));
        }
        budget
    }

    /// Returns whether a late booking certainly does not join a waiting list that others are already on. If so, deducts its
    /// tickets from the room.
    pub(super) fn try_spend(&mut self, book: &Book) -> bool {
        match self.by_type.get_mut(&book.key) {
            None => false,
            Some(None) => true,
            Some(Some(left)) => match left.checked_sub(book.quantity.get()) {
                Some(less) => {
                    *left = less;
                    true
                }
                // A request that does not allow waiting is booked or rejected. It may take all the remaining tickets, so no room
                // is left for later bookings.
                None if !book.join_waitlist => {
                    *left = 0;
                    true
                }
                None => false,
            },
        }
    }

    /// Returns the types and accounts whose open entries must be read.
    pub(super) fn open_entries_to_read(&self, commands: &[&Command]) -> BTreeSet<(TypeKey, AccountId)> {
        let mut accounts = BTreeSet::new();
        for command in commands {
            match command {
                Command::Book(book) if book.join_waitlist => _ = accounts.insert((book.key, book.holder.account)),
                Command::BookWish(wish) if wish.join_waitlist => accounts.extend(wish.keys().map(|key| (key, wish.holder.account))),
                _ => {}
            }
        }
        accounts.retain(|(key, _)| self.may_join.contains(key));
        accounts
    }
}

/// Returns the types and accounts whose totals are needed to change the size of entries: those of all entries that the
/// commands may refer to.
pub(super) fn totals_of_changed_entries(commands: &[&Command], work: &UnitOfWork) -> BTreeSet<(TypeKey, AccountId)> {
    let changes: HashSet<_> = commands
        .iter()
        .filter_map(|command| if let Command::ChangeEntry(change) = command { Some((change.event, change.account)) } else { None })
        .collect();
    if changes.is_empty() {
        return BTreeSet::new();
    }
    let entries = work.entries.iter().map(Tracked::get);
    entries
        .filter(|entry| changes.contains(&(entry.key.event, entry.holder.account)))
        .map(|entry| (entry.key, entry.holder.account))
        .collect()
}
