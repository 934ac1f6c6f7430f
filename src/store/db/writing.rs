//! Who has a write transaction open, so that a call to the outside can refuse to be made inside of one (I13).

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use tokio::task;

use super::tx::Tx;

/// Where a transaction was opened: in a task, or, outside of all tasks, on the thread that drives the whole program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Task(task::Id),
    Thread(ThreadId),
}

impl Place {
    fn here() -> Self {
        task::try_id().map_or_else(|| Self::Thread(thread::current().id()), Self::Task)
    }
}

static OPEN: LazyLock<Mutex<HashMap<Place, u32>>> = LazyLock::new(Mutex::default);

fn open() -> MutexGuard<'static, HashMap<Place, u32>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held by a write transaction for as long as it is open.
#[derive(Debug)]
pub(super) struct Writing(Place);

impl Writing {
    pub(super) fn begins() -> Self {
        let place = Place::here();
        *open().entry(place).or_insert(0) += 1;
        Self(place)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut open = open();
        if let Some(count) = open.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.0);
            }
        }
    }
}

impl Tx {
    /// Whether a write transaction that was opened by this task (or, outside of all tasks, on this thread) is still open. Who is
    /// about to call somebody outside asserts that none is (I13): the rows it locks would be locked for as long as they take
    /// to answer, and a transaction that is run again would call them again.
    ///
    /// It cannot see a transaction that another task opened, not even on behalf of this one.
    #[must_use]
    pub fn write_is_open_here() -> bool {
        open().contains_key(&Place::here())
    }
}
