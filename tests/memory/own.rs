//! The memory of this process, read as a file.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::needle::{Found, Needles, OVERLAP};

/// How much is read at a time.
const CHUNK: usize = 256 << 10;

/// Everything that this process could have written to.
fn writable() -> Vec<(Range<usize>, String)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let region = |line: &str| {
        let mut fields = line.split_whitespace();
        let (range, allowed) = (fields.next()?, fields.next()?);
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|hex| usize::from_str_radix(hex, 16).unwrap());
        let name = fields.nth(3).unwrap_or("anonymous").to_owned();
        allowed.starts_with("rw").then_some((start..end, name))
    };
    maps.lines().filter_map(region).collect()
}

/// How many of the needles' pieces are in all memory that this process could have written to.
pub(crate) fn found(needles: &Needles) -> Found {
    let memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0_u8; CHUNK];
    // What was read is no second copy of what is looked for.
    let ours = buffer.as_ptr().addr()..buffer.as_ptr().addr() + CHUNK;
    let (mut all_found, mut heap_and_stack) = (Found::new(), 0);
    for (region, name) in writable() {
        heap_and_stack += usize::from(name == "[heap]" || name == "[stack]");
        let mut at = region.start;
        while at < region.end {
            if ours.contains(&at) {
                at = ours.end;
                continue;
            }
            let stop = if (at..region.end).contains(&ours.start) { ours.start } else { region.end };
            let length = CHUNK.min(stop - at);
            memory.read_exact_at(&mut buffer[..length], at as u64).unwrap();
            needles.find(&buffer[..length], |found, _| {
                *all_found.entry(found.to_owned()).or_default() += 1;
            });
            buffer.fill(0);
            let all = at + length == stop;
            at += if all { length } else { length - OVERLAP };
        }
    }
    assert_eq!(heap_and_stack, 2, "the heap and the stack are looked through");
    all_found
}
