//! Prints what each operation on the path asks the allocator for; see
//! [`bill_bench_rivals::allocations`].

use std::alloc::System;
use std::error::Error;
use std::io::{self, Write};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Box<dyn Error>> {
    let mut stdout = io::stdout().lock();
    for row in bill_bench_rivals::allocations::rows()? {
        serde_json::to_writer(&mut stdout, &row)?;
        writeln!(stdout)?;
    }
    Ok(())
}
