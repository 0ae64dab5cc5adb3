//! The set-based statements of the transaction. Each one has a fixed text and takes its rows as arrays, so it is prepared once per
//! connection and costs one round trip however many commands there are.

mod locks;
mod reads;
mod transfers;
mod writes;

pub(super) use self::locks::*;
pub(super) use self::reads::*;
pub(super) use self::transfers::*;
pub(super) use self::writes::*;
