//! What may go wrong between a process and its fleet.

use std::time::Duration;

/// Why the fleet's server could not do what it was asked. No text of it shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The URL of the server cannot be read.
    #[error("the URL of the fleet's server {reason}")]
    Url {
        /// What is wrong with it; never a part of it.
        reason: &'static str,
    },
    /// A sealing key or the prefix cannot be used.
    #[error("{reason}")]
    Config {
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// No server could be reached. Transient.
    #[error("no server of the fleet could be reached: {reason}")]
    Unreachable {
        /// What the system said.
        reason: String,
    },
    /// The server did not respond in time. Transient.
    #[error("the server of the fleet did not respond within {limit:?}")]
    TimedOut {
        /// The limit of the call.
        limit: Duration,
    },
    /// The server does not accept the user name or the password.
    #[error(
        "the server of the fleet does not accept the user name or the password; set them in its URL"
    )]
    WrongPassword,
    /// The user of the server may not run a command.
    #[error("the user of the fleet's server may not run a command: {reason}; grant `{GRANTS}`")]
    NoPermission {
        /// What the server said.
        reason: String,
    },
    /// The server has no room left.
    #[error("the server of the fleet has no memory left; raise its `maxmemory`")]
    OutOfMemory,
    /// The server is older than Redis 5.
    #[error("the server of the fleet has version {version}; Redis 5 or Valkey is needed")]
    TooOld {
        /// What it said.
        version: String,
    },
    /// The server may evict logins.
    #[error(
        "the server of the fleet may evict logins (`maxmemory-policy` is `{policy}`); set it to `noeviction`, since every login has an end"
    )]
    Evicts {
        /// The policy.
        policy: String,
    },
    /// A record cannot be opened: it was sealed with another key, altered, or moved from another
    /// place. It is left as it is.
    #[error("a record of the fleet cannot be opened: {reason}")]
    Sealed {
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// What stands under one of the fleet's names was written by something else. It is left as it is.
    #[error(
        "what stands under a name of the fleet was written by something else, or by another version; use \
         another prefix (`with_prefix`), or remove it"
    )]
    Layout,
    /// What was saved stands in the server, but too few of its replicas confirmed it in time: it is
    /// lost if the server fails before they have it. Transient.
    #[error(
        "{confirmed} of the {wanted} replicas that `with_replicas` asks for confirmed a save; see whether \
         they are connected to the fleet's server, or ask for fewer"
    )]
    NotReplicated {
        /// How many are to confirm.
        wanted: u32,
        /// How many did.
        confirmed: u32,
    },
    /// The server failed in another way.
    #[error("the server of the fleet failed: {reason}")]
    Server {
        /// What it said.
        reason: String,
    },
}

impl FleetError {
    pub(super) fn url(reason: &'static str) -> Self {
        Self::Url { reason }
    }

    /// Whether the same call may well succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::NotReplicated { .. }
                | Self::Server { .. }
        )
    }
}

/// What the fleet needs of a server's access list, with the default prefix.
const GRANTS: &str = "~spotify-web:1:* +evalsha +eval +script|load +hget +hmget +hset +hdel +hkeys \
                      +hlen +hstrlen +get +set +del +pexpire +pttl +time +scan +wait +info +zadd +zscore \
                      +zcard +zrange +zremrangebyscore +select +cluster|slots";
