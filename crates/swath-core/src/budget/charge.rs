//! Memory that others allocate, on the books.
//!
//! It allocates nothing and checks nobody: whoever charges says in a comment where the figure comes from.

use std::fmt;
use std::sync::Arc;

use super::account::Account;
use crate::{Bytes, Result};

/// Memory that somebody else allocated, booked on a lease; dropped together with what it stands for.
pub struct Charge {
    account: Arc<Account>,
    bytes: u64,
}

impl Charge {
    /// Over `bytes` that `account` has booked as used.
    pub(super) fn new(account: Arc<Account>, bytes: u64) -> Charge {
        Charge { account, bytes }
    }

    /// How much is booked.
    pub fn bytes(&self) -> Bytes {
        Bytes(self.bytes)
    }

    /// Books more or less.
    ///
    /// # Errors
    /// [`crate::Error::Pressure`] when the lease has less left, or is gone; the charge is then as it was.
    pub fn resize(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.0 > self.bytes {
            self.account.take(bytes.0 - self.bytes)?;
        } else {
            self.account.give(self.bytes - bytes.0, None);
        }
        self.bytes = bytes.0;
        Ok(())
    }

    /// Makes it memory that outlives its task: whoever holds it should be a registered [`super::Reclaim`].
    pub fn keep(mut self) -> Charge {
        let bytes = std::mem::take(&mut self.bytes);
        Charge { account: self.account.split_used(bytes), bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.give(self.bytes, None);
        }
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge({})", self.bytes())
    }
}
