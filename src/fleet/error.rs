//! What may go wrong between a process and its fleet.

use std::time::Duration;

use super::names::{Place, pattern_of};
use super::sealing::MAY_BE_THE_KEY;
use crate::transport::clipped;

/// Why the fleet's server could not do what it was asked. No text of it shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The URL of the server cannot be read.
    #[error("the URL of the fleet's server {reason}")]
    Url {
        /// What is wrong with it, and what to do; never a part of it.
        reason: &'static str,
    },
    /// A name that the program gave cannot be used: a prefix, the name of a sealing key, or a client
    /// id, a user or a scope of a [`TokenKey`](crate::auth::TokenKey).
    ///
    /// | name | how long, in UTF-8 | which characters |
    /// |---|---|---|
    /// | the prefix | 1 to 128 bytes | all but braces, white space and control characters |
    /// | of a sealing key | 1 to 32 bytes | any |
    /// | a client id, a user, a scope | up to 1,024 bytes | any; `é` as one character and as two are different names |
    ///
    /// An empty user is another one than none.
    #[error("{what} {reason}")]
    Name {
        /// Which name, as in "the prefix of a fleet".
        what: &'static str,
        /// What is wrong with it, and what is allowed; never a client id or a user.
        reason: String,
    },
    /// A setting cannot be used.
    #[error("{reason}")]
    Config {
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// No server could be reached. Transient.
    #[error(
        "no server of the fleet could be reached: {reason}; see whether it runs, and whether its URL has the \
         right host and port"
    )]
    Unreachable {
        /// What the system said.
        reason: String,
    },
    /// The server did not respond in time. Transient.
    #[error(
        "the server of the fleet did not respond within {limit:?}; see whether it is overloaded, and whether \
         the network to it is well"
    )]
    TimedOut {
        /// The limit of the call.
        limit: Duration,
    },
    /// The server does not accept the user name or the password.
    #[error(
        "the server of the fleet does not accept the user name or the password; set them in its URL, or \
         take them out where the server has none"
    )]
    WrongPassword,
    /// The certificate that the server shows is not one to be trusted.
    #[error(
        "the certificate of the fleet's server is not trusted: {reason}; one of an authority of your own is \
         trusted with `with_certificates`, and it has to be for the host in the URL"
    )]
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
    /// The user of the server may not run a command.
    #[error(
        "the user of the fleet's server may not run a command: {}; grant {}; what was missing stands before that list, or in \
         the server's `ACL LOG`", reason.trim_end_matches('.'), grants(prefix.as_deref())
    )]
    NoPermission {
        /// What the server said.
        reason: String,
        /// The fleet's prefix: known where the command was about one of its names, and where it was one of the fleet's
        /// that has none, such as `SCAN`, `WAIT` or `EVAL`.
        prefix: Option<String>,
    },
    /// The server is a replica: it takes no writes, and nothing is read from it, since it may lag
    /// behind. A server that was the master a moment ago, and one that Sentinels or a cluster name, is
    /// a failover under way instead: [`Server`](Self::Server), which is transient.
    #[error(
        "the fleet's server is a replica, which takes no writes; name its master in the URL, or have it found \
         by `redis+sentinel://` or `redis+cluster://`"
    )]
    Replica,
    /// The server runs in protected mode, in which it serves its own machine only.
    #[error(
        "the fleet's server runs in protected mode, and serves nobody on another machine; set a password there \
         (`requirepass`) and in the URL, or `protected-mode no` where nobody else can reach it"
    )]
    Protected,
    /// The server cannot write its data to disk, and takes no writes until it can. Transient: it tries
    /// that again by itself.
    #[error(
        "the fleet's server takes no writes, as it cannot save its data to disk: {reason}; see its log, make \
         room on the disk, and let it write to its `dir`"
    )]
    NotPersisted {
        /// What the server said.
        reason: String,
    },
    /// The server has no room left. Transient: what it has may end, or its limit be raised while it
    /// runs.
    #[error("the server of the fleet has no memory left; raise its `maxmemory`")]
    OutOfMemory,
    /// The server is older than Redis 5.
    #[error(
        "the server of the fleet has version {version}; Redis 5 or Valkey is needed, so update it"
    )]
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
    /// A record is sealed with a key that this process does not have. It is left as it is.
    #[error(
        "the login under `{place}` in the fleet's server is sealed with the key {id:?}, which this process does \
         not have; add that key to `with_sealing_keys`: as the only one, or behind the one that is to seal"
    )]
    UnknownKey {
        /// Where it stands: a key of the server, which shows neither the app nor the user.
        place: String,
        /// The name of the key: see [`SealingKey::new`](super::SealingKey::new).
        id: String,
    },
    /// A login was saved before there were sealing keys. It is left as it is.
    #[error(
        "the login under `{place}` in the fleet's server was saved without a seal, and there are sealing keys \
         now; take such logins over with `adopt_unsealed`, or have `remove_user` remove it"
    )]
    Unsealed {
        /// Where it stands: a key of the server, with all logins of one user.
        place: String,
    },
    /// A login stands under a name that was made with another name key, where none looks for it. It is
    /// left as it is.
    #[error(
        "the login under `{place}` in the fleet's server has a name that was made with another name key; give \
         `with_sealing_keys` the name key that logins were saved with, as with another one none of them is found; \
         where others are, this one alone was saved with a wrong one: set that process right, remove this by \
         `DEL`, and its user logs in again"
    )]
    OtherNameKey {
        /// Where it stands: a key of the server, with all logins of one user under that name key.
        place: String,
    },
    /// A record cannot be opened: it was sealed with another key of the same name, altered, or moved
    /// from another place. It is left as it is.
    #[error(
        "the login under `{place}` in the fleet's server cannot be opened: it {reason}; {}this one alone is lost, \
         and stays until `remove_user` removes it, or `DEL` does",
        keys_first(reason)
    )]
    Sealed {
        /// Where it stands: a key of the server, with all logins of one user.
        place: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A login is too long to be kept, with its tokens and names.
    #[error(
        "the login for `{place}` in the fleet's server has {bytes} bytes, and is not saved; 65,536 are allowed"
    )]
    TooLong {
        /// Where it was to stand: a key of the server.
        place: String,
        /// How long its record would be.
        bytes: usize,
    },
    /// What stands under one of the fleet's names was written by something else. It is left as it is.
    #[error(
        "what stands under `{place}` in the fleet's server was written by something else, or by another version; \
         use another prefix (`with_prefix`), or remove it"
    )]
    Layout {
        /// Where it stands: a key of the server.
        place: String,
    },
    /// A number, a moment or a revision that belongs to a login is none that the fleet writes, or is missing. What
    /// stands there is left as it is.
    #[error(
        "what stands under `{place}` in the fleet's server was altered: a field of it is none that the fleet \
         writes, or is missing; have `remove_user` remove it, or `DEL`, and its user logs in again; see what else writes to the \
         server, and keep it away from these keys"
    )]
    Altered {
        /// Where it stands: a key of the server, with all logins of one user.
        place: String,
    },
    /// What was saved stands in the server, but too few of its replicas confirmed it in time: it is
    /// lost if the server fails before they have it. Transient.
    #[error(
        "{confirmed} of the {wanted} replicas that `with_replicas` asks for confirmed what was written, which stands; see whether \
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

    /// What else may write to the server gives keys any names.
    pub(super) fn layout(place: &str) -> Self {
        Self::Layout { place: clipped(place) }
    }

    pub(super) fn altered(place: &str) -> Self {
        Self::Altered { place: clipped(place) }
    }

    /// Of a command of the fleet that names none of its keys, such as `SCAN`.
    pub(super) fn of_prefix(self, prefix: &str) -> Self {
        match self {
            Self::NoPermission { reason, prefix: None } => {
                Self::NoPermission { reason, prefix: Some(prefix.to_owned()) }
            }
            error => error,
        }
    }

    /// Whether a script had keys of several servers.
    pub(super) fn is_of_slots(&self) -> bool {
        let Self::Server { reason } = self else { return false };
        let reason = reason.to_ascii_lowercase();
        reason.contains("crossslot") || reason.contains("same slot")
    }

    pub(super) fn sealed(place: &Place, reason: &'static str) -> Self {
        Self::Sealed { place: clipped(&place.logins), reason }
    }

    pub(super) fn unknown_key(place: &Place, id: &[u8]) -> Self {
        let id = clipped(&String::from_utf8_lossy(id));
        Self::UnknownKey { place: clipped(&place.logins), id }
    }

    pub(super) fn unsealed(place: &Place) -> Self {
        Self::Unsealed { place: clipped(&place.logins) }
    }

    pub(super) fn other_name_key(place: &Place) -> Self {
        Self::OtherNameKey { place: clipped(&place.logins) }
    }

    pub(super) fn too_long(place: &Place, bytes: usize) -> Self {
        Self::TooLong { place: clipped(&place.logins), bytes }
    }

    /// Whether the same call may well succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::NotReplicated { .. }
                | Self::NotPersisted { .. }
                | Self::OutOfMemory
                | Self::Server { .. }
        )
    }
}

/// What is to be looked at before a login that does not open is given up: keys, where they may be the reason.
fn keys_first(reason: &str) -> &'static str {
    match reason == MAY_BE_THE_KEY {
        true => {
            "see that each key of `with_sealing_keys` is the one that logins were saved with under its name, as with \
             another one none of them opens; where others open, "
        }
        false => "",
    }
}

/// What the fleet needs of a server's access list, with the default prefix where none is known.
fn grants(prefix: Option<&str>) -> String {
    match prefix {
        Some(prefix) => format!("`~{}:1:* {GRANTS}`", pattern_of(prefix)),
        None => format!(
            "`~spotify-web:1:* {GRANTS}`, with the prefix of `with_prefix` in place of `spotify-web`"
        ),
    }
}

const GRANTS: &str = "+evalsha +eval +script|load +hget +hmget +hset +hdel +hkeys \
                      +hlen +hstrlen +getrange +set +del +pexpire +pttl +time +scan +wait +info +zadd +zscore \
                      +zcard +zrange +zremrangebyscore +select +cluster|slots +asking";
