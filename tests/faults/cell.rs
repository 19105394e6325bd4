//! The cells of the matrix, and how they are run over both adapters.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bill_conformance::Adapter;

/// Cells that run at once: most of the time they wait for a client's limit.
const AT_ONCE: usize = 16;

/// One fault in one place, with what both adapters have to make of it.
pub(crate) struct Cell {
    name: String,
    run: Box<dyn Fn(Adapter) + Send + Sync>,
}

impl Cell {
    /// A cell fails by panicking; what it says is put behind its name and the adapter's.
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn(Adapter) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn failure(&self, adapter: Adapter) -> Option<String> {
        let panic = catch_unwind(AssertUnwindSafe(|| (self.run)(adapter))).err()?;
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Some(format!("{} over {adapter:?}: {text}", self.name))
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Runs every cell over both adapters, and fails with all that failed.
pub(crate) fn assert_all(cells: &[Cell]) {
    let runs: Vec<_> =
        cells.iter().flat_map(|cell| [(cell, Adapter::Async), (cell, Adapter::Blocking)]).collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((cell, adapter)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(failure) = cell.failure(*adapter) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let (failed, all) = (failures.len(), runs.len());
    assert!(failures.is_empty(), "{failed} of {all} failed:\n{}", failures.join("\n"));
}

/// How many cells there are; no two have one name.
pub(crate) fn count(cells: &[Cell]) -> usize {
    let names: BTreeSet<_> = cells.iter().map(Cell::name).collect();
    assert_eq!(names.len(), cells.len(), "two cells have one name");
    names.len()
}
