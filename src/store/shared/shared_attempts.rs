//! Failed attempts, counted together by all replicas.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use redis::{Cmd, cmd};
use tokio::{sync::oneshot, time::timeout};

use crate::store::{
    attempts::network,
    shared::{redis_connection::RedisConnection, redis_log::RedisLog},
};

/// Before what is counted. The time that a key has left is what it owes, so that no clock but that of Redis matters, and
/// that one only in its differences.
const FAILED: &str = "hallpass:failed:";

/// Counts one for each key, if all of them may take one; else returns how many milliseconds to wait.
///
/// ARGV: milliseconds between two, how many at once.
const TAKE: &str = r"
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, #KEYS do
  local wait = redis.call('PTTL', KEYS[i]) - interval * (burst - 1)
  if wait > 0 then return wait end
end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], '', 'PX', math.max(redis.call('PTTL', KEYS[i]), 0) + interval)
end
return 0
";

/// Takes one back for each key. ARGV: milliseconds between two.
const GIVE_BACK: &str = r"
for i = 1, #KEYS do
  local left = redis.call('PTTL', KEYS[i]) - tonumber(ARGV[1])
  if left > 0 then redis.call('PEXPIRE', KEYS[i], left) else redis.call('DEL', KEYS[i]) end
end
return 0
";

/// Limits failed attempts at all replicas together, as [`Attempts`](crate::store::attempts::Attempts) does at one.
#[derive(Debug)]
pub(crate) struct SharedAttempts {
    redis: RedisLog,
    burst: NonZeroU32,
    interval: Duration,
}

/// An attempt that counts as failed only if [`SharedAttempt::fail`] says so.
pub(crate) struct SharedAttempt {
    redis: RedisLog,
    connection: Arc<RedisConnection>,
    /// None once it has failed.
    give_back: Option<Cmd>,
}

impl SharedAttempts {
    /// Allows so many failures in this time.
    pub(crate) fn new(redis: RedisLog, failures: NonZeroU32, per: Duration) -> Self {
        Self { redis, burst: failures, interval: per / failures.get() }
    }

    /// Begins an attempt of `peer`, with the password of the user `name` where one is given. None where Redis is out of
    /// reach, or does not answer within `time`.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) async fn begin(
        &self,
        peer: Option<IpAddr>,
        name: Option<&str>,
        time: Duration,
    ) -> Result<Option<SharedAttempt>, Duration> {
        let Ok(connection) = self.redis.connection() else { return Ok(None) };
        let keys = keys(peer, name);
        let mut take = cmd("EVAL");
        take.arg(TAKE).arg(keys.len()).arg(&keys).arg(self.milliseconds()).arg(self.burst.get());
        let mut give_back = cmd("EVAL");
        give_back.arg(GIVE_BACK).arg(keys.len()).arg(&keys).arg(self.milliseconds());
        let (answer, answered) = oneshot::channel();
        let redis = self.redis.clone();
        // Not ended by a caller that hangs up or waits no longer: what was counted then is given back.
        self.redis.spawn(async move {
            let _ = answer.send(match connection.ask::<u64>(&take).await {
                Ok(0) => Ok(Some(SharedAttempt { redis, connection, give_back: Some(give_back) })),
                Ok(wait) => Err(Duration::from_millis(wait)),
                Err(_) => Ok(None),
            });
        });
        timeout(time, answered).await.ok().and_then(Result::ok).unwrap_or(Ok(None))
    }

    fn milliseconds(&self) -> u64 {
        self.interval.as_millis().try_into().unwrap_or(u64::MAX).max(1)
    }
}

impl SharedAttempt {
    /// It has failed.
    pub(crate) fn fail(mut self) {
        self.give_back = None;
    }
}

impl Drop for SharedAttempt {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            let connection = Arc::clone(&self.connection);
            // If that fails, it counts until it is paid off.
            self.redis.spawn(async move { drop(connection.ask::<()>(&give_back).await) });
        }
    }
}

/// Names are hashed, so that long ones take no memory, and nobody reads there who tries to log in.
fn keys(peer: Option<IpAddr>, name: Option<&str>) -> Vec<String> {
    let address = network(peer).map_or("none".to_owned(), |address| address.to_string());
    let mut keys = vec![format!("{FAILED}address:{address}")];
    keys.extend(name.map(|name| {
        let hash = digest(&SHA256, name.as_bytes());
        let hash: String =
            hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{FAILED}name:{hash}")
    }));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_has_the_same_key_at_every_replica() {
        let peer = Some("2001:db8::1:2:3:4".parse().unwrap());
        assert_eq!(
            keys(peer, Some("alice")),
            [
                "hallpass:failed:address:2001:db8::",
                "hallpass:failed:name:2bd806c97f0e00af1a1fc3328fa763a9"
            ]
        );
        assert_eq!(keys(None, None), ["hallpass:failed:address:none"]);
    }
}
