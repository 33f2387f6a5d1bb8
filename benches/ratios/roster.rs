//! API keys, and rosters of any size that hold them.

use std::{fmt::Write, sync::LazyLock, thread};

use aws_lc_rs::digest::{SHA256, digest};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The bcrypt cost that `hallpass key add` uses.
pub(crate) const COST: u32 = 10;

/// Ten keys of that cost, made once a run.
pub(crate) static TEN_KEYS: LazyLock<KeyHashes> = LazyLock::new(|| KeyHashes::new(10, COST));

/// As above, and further clients of the lowest cost, because one client gets at most 50 tokens a second.
pub(crate) static LOGIN_KEYS: LazyLock<KeyHashes> = LazyLock::new(|| TEN_KEYS.and_cheap(1000));

/// The hashes of the keys of a roster's first clients.
#[derive(Clone)]
pub(crate) struct KeyHashes {
    hashes: Vec<String>,
}

impl KeyHashes {
    /// Hashes `count` keys with this bcrypt cost, on all cores.
    pub(crate) fn new(count: usize, cost: u32) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let clients: Vec<_> = (0..count).collect();
        let hash = |client: &usize| bcrypt::hash(secret(*client), cost).expect("the cost is valid");
        let part = |clients: &[usize]| clients.iter().map(hash).collect::<Vec<_>>();
        let hashes = thread::scope(|scope| {
            let parts = clients.chunks(count.div_ceil(threads));
            let parts: Vec<_> = parts.map(|clients| scope.spawn(move || part(clients))).collect();
            parts.into_iter().flat_map(|part| part.join().expect("the thread hashes")).collect()
        });
        Self { hashes }
    }

    /// These and those of more clients, `count` in all, with the lowest cost.
    fn and_cheap(&self, count: usize) -> Self {
        let cheap = Self::new(count, 4).hashes.split_off(self.count());
        Self { hashes: [self.hashes.clone(), cheap].concat() }
    }

    pub(crate) fn count(&self) -> usize {
        self.hashes.len()
    }

    /// A roster of `clients` clients with one key each. Clients beyond [`Self::count`] get distinct hashes that no
    /// secret has.
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
            .expect("a string takes any text");
        }
        roster
    }
}

/// The API key of a client, whether or not a roster holds it.
pub(crate) fn key(client: usize) -> String {
    let body = format!("hp_{}_{}", id(client), secret(client));
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut checksum = [0; 6];
    for digit in checksum.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    body + std::str::from_utf8(&checksum).expect("digits are ASCII")
}

/// The first bytes of the secret's SHA-256, each modulo 62.
fn id(client: usize) -> String {
    let digest = digest(&SHA256, secret(client).as_bytes());
    digest.as_ref()[..12].iter().map(|byte| char::from(DIGITS[usize::from(*byte) % 62])).collect()
}

fn secret(client: usize) -> String {
    format!("secretOfTheHallpassBenchmark00{client:0>13}")
}
