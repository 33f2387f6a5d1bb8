//! API keys that work, and rosters of any size that hold them.
//!
//! Must not know who reads the roster.

use std::{fmt::Write, sync::LazyLock, thread};

/// The cost of the API keys that `hallpass key add` makes.
pub(crate) const COST: u32 = 10;

/// A few keys of that cost, made once a run.
pub(crate) static FEW: LazyLock<Keys> = LazyLock::new(|| Keys::make(10, COST));

/// The keys of the first clients of a roster, each with a secret of its own.
#[derive(Clone)]
pub(crate) struct Keys {
    hashes: Vec<String>,
}

impl Keys {
    /// Makes `count` keys of this bcrypt cost, on all cores.
    pub(crate) fn make(count: usize, cost: u32) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let numbers: Vec<_> = (0..count).collect();
        let hash = |client: &usize| bcrypt::hash(secret(*client), cost).expect("a hash");
        let part = |part: &[usize]| part.iter().map(hash).collect::<Vec<_>>();
        let hashes = thread::scope(|scope| {
            let parts = numbers.chunks(count.div_ceil(threads));
            let parts: Vec<_> = parts.map(|numbers| scope.spawn(move || part(numbers))).collect();
            parts.into_iter().flat_map(|part| part.join().expect("hashes")).collect()
        });
        Self { hashes }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.hashes.len()
    }

    /// A roster of so many clients with a key each. Those beyond the keys have hashes of no secret, no two alike.
    pub(crate) fn roster(&self, clients: usize) -> String {
        let (start, end) = (&self.hashes[0][..45], &self.hashes[0][59..]);
        let mut roster = String::new();
        for client in 0..clients {
            let hash = self.hashes.get(client).cloned();
            let hash = hash.unwrap_or_else(|| format!("{start}{client:0>14}{end}"));
            writeln!(
                roster,
                "[clients.client{client}]\nroles = ['reader']\nscopes = ['invoices:read']\n\
                 [[clients.client{client}.keys]]\nid = '{}'\nhash = '{hash}'\ncreated = 2026-01-01T00:00:00Z\n",
                id(client)
            )
            .expect("memory");
        }
        roster
    }
}

/// The API key of a client, whether a roster knows it or not.
pub(crate) fn key(client: usize) -> String {
    let body = format!("hp_{}_{}", id(client), secret(client));
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut sum = [0; 6];
    for digit in sum.iter_mut().rev() {
        *digit = digits[rest % 62];
        rest /= 62;
    }
    body + std::str::from_utf8(&sum).expect("digits")
}

fn id(client: usize) -> String {
    format!("{client:0>12}")
}

fn secret(client: usize) -> String {
    format!("ofThisBenchmarkAndOfNobodyElse{client:0>13}")
}
