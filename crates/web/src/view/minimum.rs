//! The choice of the smallest number of tickets that a party takes.

use rowlock_locale::Locale;

/// One of the choices.
pub(crate) struct MinimumChoice {
    /// The smallest number of tickets.
    pub(crate) value: i64,
    pub(crate) text: String,
    pub(crate) is_chosen: bool,
}

/// Returns the choices of a party of this size, from all tickets to a single one. There are none for a single ticket.
pub(crate) fn choices(locale: &Locale, quantity: i64, chosen: i64) -> Vec<MinimumChoice> {
    let choice = |value: i64| MinimumChoice {
        value,
        text: if value == quantity {
            locale.with("minimum-all", [("count", quantity.into())])
        } else {
            locale.with("minimum-fewer", [("count", value.into())])
        },
        is_chosen: value == chosen,
    };
    if quantity > 1 { (1..=quantity).rev().map(choice).collect() } else { Vec::new() }
}

/// Returns how many tickets a party waits for, such as `2 to 4 tickets`.
pub(crate) fn size(locale: &Locale, quantity: i64, min_quantity: i64) -> String {
    if min_quantity < quantity {
        locale.with("ticket-range", [("least", min_quantity.into()), ("most", quantity.into())])
    } else {
        locale.with("ticket-count", [("count", quantity.into())])
    }
}
