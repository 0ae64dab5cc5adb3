//! The handle to the booking database, which all operations that move tickets go through.

use std::fmt;
use std::sync::Arc;

use rowlock_postgres::Pool;

use crate::config::InventoryConfig;

/// The booking system. Cloning it is cheap.
#[derive(Clone)]
pub struct Inventory(Arc<InventoryConfig>);

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory").field("messages", &self.0.messages).finish_non_exhaustive()
    }
}

impl Inventory {
    /// Creates an inventory from its parts.
    pub fn new(config: InventoryConfig) -> Self {
        Self(Arc::new(config))
    }

    pub(crate) fn config(&self) -> &InventoryConfig {
        &self.0
    }

    /// Returns the connection pool.
    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }
}
