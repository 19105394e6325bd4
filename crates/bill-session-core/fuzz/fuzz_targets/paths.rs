#![no_main]

use bill_session_core::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzzing::paths(data, std::time::Instant::now()));
