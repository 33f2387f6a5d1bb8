//! The targets of the fuzzer in `fuzz/`: each takes any bytes and panics where the code breaks a promise.

use crate::{
    policy::fuzz_policy,
    roster::fuzz_roster,
    server::fuzz_requests,
    tokens::{external::fuzz_external, fuzz_tokens},
};

/// A function of any bytes.
pub type Target = fn(&[u8]);

/// Every target, and the name of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("api_key", fuzz_roster::api_key),
    ("authorization", fuzz_requests::authorization),
    ("cookies", fuzz_requests::cookies),
    ("document", fuzz_policy::document),
    ("external_token", fuzz_external::external_token),
    ("forwarded", fuzz_requests::forwarded),
    ("jwk_set", fuzz_external::jwk_set),
    ("path", fuzz_policy::path),
    ("query", fuzz_requests::query),
    ("roster", fuzz_roster::roster),
    ("token", fuzz_tokens::token),
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::TARGETS;

    #[test]
    fn every_input_of_the_corpus_keeps_the_promises() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        if !fuzz.exists() {
            return; // The published package has no corpus.
        }
        for (name, target) in TARGETS {
            let folder = fuzz.join("corpus").join(name);
            let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut count = 0;
            for input in inputs {
                target(&fs::read(input.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count >= 5, "{name} has only {count} inputs");
        }
    }
}
