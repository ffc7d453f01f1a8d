//! The flag that asks all work to end soon.
//!
//! It does not catch signals: whoever owns the process does, and raises it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// A flag shared by all workers of a run; once raised it stays raised.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that is down.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// A flag over an atomic that somebody else (a signal handler) raises.
    pub fn over(flag: Arc<AtomicBool>) -> Stop {
        Stop(flag)
    }

    /// Asks all work to end.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is up.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// An error once the flag is up; long loops call it now and then.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn check(&self) -> Result<()> {
        if self.is_raised() { Err(Error::Stopped { resumable: true }) } else { Ok(()) }
    }
}
