//! libFuzzer around one target of `hallpass::fuzzing`, named by `FUZZ_TARGET`. `fuzz/run` builds and starts it.

#![no_main]

use std::sync::LazyLock;

use hallpass::fuzzing::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("FUZZ_TARGET must be one of: {}", names.join(" "))).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
