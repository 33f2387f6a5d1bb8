//! The bcrypt hash of a secret.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use bcrypt::HashParts;
use secrecy::{ExposeSecret, SecretString};

/// The bcrypt cost of new API keys. Their secrets are random, so a higher cost adds no protection.
pub(crate) const DEFAULT_COST: u32 = 10;

/// The bcrypt cost of new passwords, which are easier to guess than keys.
pub(crate) const PASSWORD_COST: u32 = 12;

/// The allowed bcrypt costs: less does not protect, more occupies a core for seconds.
pub(crate) const COSTS: RangeInclusive<u32> = 4..=14;

/// Why a text is not a bcrypt hash. It does not contain the text, which may be a pasted key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HashSyntaxError {
    #[error("is not a bcrypt hash: expected `$2b$`, two digits of cost, `$` and 53 characters")]
    Malformed,
    #[error("has the bcrypt cost {0}, allowed are 4 to 14")]
    Cost(u32),
}

/// Why a secret could not be hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    #[error("the bcrypt cost {0} is outside of 4 to 14")]
    Cost(u32),
    #[error("cannot hash the secret: {0}")]
    Bcrypt(#[from] bcrypt::BcryptError),
}

/// A well-formed bcrypt hash of an allowed cost.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct SecretHash {
    text: Box<str>,
    cost: u32,
}

impl SecretHash {
    /// Parses a `$2a$`, `$2b$` or `$2y$` hash, without running bcrypt.
    pub(super) fn parse(text: &str) -> Result<Self, HashSyntaxError> {
        let known = ["$2a$", "$2b$", "$2y$"].iter().any(|version| text.starts_with(version));
        // The crate also accepts `$2b$+9$` and hashes with one digit too few.
        let two_digits =
            text.get(4..6).is_some_and(|cost| cost.bytes().all(|b| b.is_ascii_digit()));
        let parts = HashParts::from_str(text).map_err(|_| HashSyntaxError::Malformed)?;
        let cost = parts.get_cost();
        match (known && two_digits, COSTS.contains(&cost)) {
            (false, _) => Err(HashSyntaxError::Malformed),
            (true, false) => Err(HashSyntaxError::Cost(cost)),
            (true, true) => Ok(Self { text: text.into(), cost }),
        }
    }

    /// Hashes a secret.
    pub(super) fn new(secret: &SecretString, cost: u32) -> Result<Self, HashError> {
        if !COSTS.contains(&cost) {
            return Err(HashError::Cost(cost));
        }
        let text = bcrypt::non_truncating_hash(secret.expose_secret(), cost)?;
        Ok(Self { text: text.into(), cost })
    }

    /// A hash that no known secret matches. Comparing with it takes as long as comparing with a real one.
    pub(super) fn unmatchable(cost: u32) -> Self {
        Self { text: format!("$2b${cost:02}${}", ".".repeat(53)).into(), cost }
    }

    /// Runs one bcrypt, whatever the result.
    pub(super) fn matches(&self, secret: &SecretString) -> bool {
        let answer = bcrypt::non_truncating_verify(secret.expose_secret(), &self.text);
        #[cfg(test)]
        if answer.is_ok() {
            HASHED.with_borrow_mut(|hashed| hashed.push(self.cost));
        }
        answer.unwrap_or(false)
    }

    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
thread_local! {
    /// The cost of every comparison in this thread: measuring time is unreliable on busy machines.
    pub(super) static HASHED: std::cell::RefCell<Vec<u32>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretHash(cost {})", self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the test suite of jBCrypt: the empty password.
    const TAIL: &str = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

    #[test]
    fn the_three_versions_in_use_are_read() {
        for version in ["2a", "2b", "2y"] {
            let hash = SecretHash::parse(&format!("${version}$06${TAIL}")).unwrap();
            assert_eq!(hash.cost(), 6);
            assert!(hash.matches(&"".into()));
            assert!(!hash.matches(&"x".into()));
        }
    }

    #[test]
    fn malformed_hashes_and_costs_out_of_bounds_are_told_apart() {
        for bad in [
            String::new(),
            format!("$2x$06${TAIL}"),
            format!("$2$06${TAIL}"),
            format!("$2b$6${TAIL}"),
            format!("$2b$6${TAIL}."),
            format!("$2b$+6${TAIL}"),
            format!("$2b$06${}", &TAIL[1..]),
            format!("$2b$06${TAIL}."),
            format!("$2b$06${}", TAIL.replace('q', "=")),
            format!("$2b$06${}ä", &TAIL[..51]),
        ] {
            assert_eq!(SecretHash::parse(&bad), Err(HashSyntaxError::Malformed), "{bad}");
        }
        for cost in [0, 3, 15, 31, 99] {
            let bad = format!("$2b${cost:02}${TAIL}");
            assert_eq!(SecretHash::parse(&bad), Err(HashSyntaxError::Cost(cost)));
        }
    }

    #[test]
    fn the_unmatchable_hash_is_well_formed_and_matches_no_key() {
        let unmatchable = SecretHash::unmatchable(4);
        assert_eq!(SecretHash::parse(unmatchable.as_str()).unwrap(), unmatchable);
        assert!(!unmatchable.matches(&"0".repeat(43).into()));
    }

    #[test]
    fn costs_out_of_bounds_are_not_hashed() {
        for cost in [3, 15] {
            assert!(matches!(SecretHash::new(&"x".into(), cost), Err(HashError::Cost(_))));
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_hash() {
        let hash = SecretHash::new(&"x".into(), 4).unwrap();
        assert!(!format!("{hash:?}").contains(&hash.as_str()[7..20]));
    }
}
