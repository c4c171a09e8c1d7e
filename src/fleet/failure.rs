//! Why a call to the server failed, by what follows from it.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::FleetError;
use super::connecting::STEP_LIMIT;
use super::names::prefix_of;
use super::scripts::ALTERED;
use crate::transport::clipped;

pub(super) enum Failure {
    /// The script is to be sent along.
    NoScript,
    /// Something else stands under the key.
    Layout,
    /// No script has written what stands under the key.
    Altered,
    /// The connection is of no use any more.
    Closed(FleetError),
    /// The server is no master any more.
    Demoted(FleetError),
    Error(FleetError),
}

impl Failure {
    pub(super) fn of(error: &RedisError) -> Self {
        let reason = clipped(&error.to_string());
        // Before Redis 7, the error of what a script calls stands within one of the script.
        let says = |code| error.code() == Some(code) || reason.contains(&format!(": -{code} "));
        match (error.kind(), error.code()) {
            (ErrorKind::Server(ServerErrorKind::NoScript), _) => Self::NoScript,
            (ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown), _) => {
                Self::Demoted(FleetError::Server { reason })
            }
            (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
                Self::Error(FleetError::NoPermission { reason, prefix: None })
            }
            (ErrorKind::Server(ServerErrorKind::ClusterDown), _) => {
                Self::Error(FleetError::Server { reason: format!("{reason}; {WITHOUT_A_MASTER}") })
            }
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
                Self::Error(FleetError::WrongPassword)
            }
            _ if ["can't run this command", "no permissions to run"]
                .iter()
                .any(|text| reason.contains(text)) =>
            {
                Self::Error(FleetError::NoPermission { reason, prefix: None })
            }
            // By rustls and by OpenSSL. No new connection shows another certificate.
            _ if ["CertificateRequired", "certificate required"]
                .iter()
                .any(|text| reason.contains(text)) =>
            {
                Self::of_url(WANTS_CERTIFICATE)
            }
            _ if ["HandshakeFailure", "handshake failure"]
                .iter()
                .any(|text| reason.contains(text)) =>
            {
                Self::of_url(NO_HANDSHAKE)
            }
            _ if reason.contains("CaUsedAsEndEntity") => {
                Self::Error(FleetError::Certificate { reason: IS_AUTHORITY.into() })
            }
            _ if ["invalid peer certificate", "certificate verify failed"]
                .iter()
                .any(|text| reason.contains(text)) =>
            {
                Self::Error(FleetError::Certificate { reason })
            }
            // What the URL says of the server is not so, and will not become so.
            _ if reason.contains("cluster support disabled") => Self::of_url(NO_CLUSTER),
            _ if reason.contains("does not point to a sentinel") => Self::of_url(NO_SENTINEL),
            _ if reason.contains("DB index") => Self::of_url(NO_DATABASE),
            _ if reason.contains("not allowed in cluster mode") => Self::of_url(IS_CLUSTER),
            // What it says to a long command of who has not logged in.
            _ if reason.contains("unauthenticated") => Self::Error(FleetError::WrongPassword),
            _ if reason.contains(ALTERED) => Self::Altered,
            (_, Some("WRONGTYPE" | "LAYOUT")) => Self::Layout,
            _ if reason.contains("WRONGTYPE") => Self::Layout,
            _ if reason.contains("after non deterministic commands") => {
                Self::Error(FleetError::TooOld { version: "4 or older".into() })
            }
            _ if reason.contains("unknown command") => {
                Self::Error(FleetError::NoPermission { reason, prefix: None })
            }
            _ if says("OOM") => Self::Error(FleetError::OutOfMemory),
            _ if says("MISCONF") => Self::Error(FleetError::NotPersisted { reason }),
            _ if says("READONLY") => Self::Demoted(FleetError::Server { reason }),
            // Of the driver, in a step of connecting.
            _ if error.is_timeout() => Self::Error(FleetError::TimedOut { limit: STEP_LIMIT }),
            // Of the driver as well, whose text says nothing to who reads it.
            (ErrorKind::Parse, _) => {
                Self::Closed(FleetError::Server { reason: NO_PROTOCOL.into() })
            }
            _ if error.is_connection_refusal() => Self::Error(FleetError::Unreachable { reason }),
            _ if error.is_io_error() || error.is_unrecoverable_error() => {
                Self::Closed(FleetError::Unreachable { reason })
            }
            _ => Self::Error(FleetError::Server { reason }),
        }
    }

    pub(super) fn of_url(reason: &'static str) -> Self {
        Self::Error(FleetError::Config { reason })
    }

    /// The same where there is one server: one that sends elsewhere is a node of a cluster.
    pub(super) fn of_single(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
                Self::of_url(IS_CLUSTER)
            }
            _ => Self::of(error),
        }
    }

    pub(super) fn error(&self) -> Option<&FleetError> {
        match self {
            Self::NoScript | Self::Layout | Self::Altered => None,
            Self::Closed(error) | Self::Demoted(error) | Self::Error(error) => Some(error),
        }
    }

    /// Of a call on `key`, if on any of the fleet's.
    pub(super) fn on(self, key: &str) -> Self {
        match (self, prefix_of(key)) {
            (Self::Error(error), Some(prefix)) => Self::Error(error.of_prefix(prefix)),
            (failure, _) => failure,
        }
    }

    /// Of a script on `key`.
    pub(super) fn into_error_of(self, key: &str) -> FleetError {
        match self {
            Self::Layout => FleetError::layout(key),
            Self::Altered => FleetError::altered(key),
            failure => failure.into_error(),
        }
    }

    pub(super) fn into_error(self) -> FleetError {
        match self {
            Self::Layout | Self::Altered => odd_response(),
            Self::NoScript => FleetError::Server { reason: "it forgets scripts at once".into() },
            Self::Closed(error) | Self::Demoted(error) | Self::Error(error) => error,
        }
    }
}

/// To a command that depends on no key of the fleet's.
pub(super) fn odd_response() -> FleetError {
    FleetError::Server { reason: "its response is none of Redis or Valkey".into() }
}

pub(super) const HAS_TLS: &str = "the fleet's server speaks TLS; write `rediss` in place of `redis` in its URL, as in \
    `rediss://`";
pub(super) const NO_TLS: &str = "the fleet's server does not speak TLS on this port; name the port that does, or write \
    `redis` in place of `rediss` in its URL, as in `redis://`";
/// Of a server that was the master until now.
pub(super) const DEMOTED: &str =
    "it has become a replica, and its URL does not lead to another yet";
pub(super) const IS_LOADING: &str = "it is loading its data, and serves when it has";
pub(super) const IS_CLUSTER: &str = "the fleet's server is a node of a cluster; write `redis+cluster://` in place of \
    `redis://` in its URL";
const WANTS_CERTIFICATE: &str = "the fleet's server wants client certificates, which are not supported; set \
    `tls-auth-clients no` there, and a password";
/// What TLS 1.2 has for it, and for other things.
const NO_HANDSHAKE: &str = "the fleet's server breaks off the TLS handshake; it may want client certificates, which are \
    not supported: set `tls-auth-clients no` there, and a password; or it allows no version or cipher of TLS that this \
    program has";
const IS_AUTHORITY: &str = "it is marked as an authority, as `openssl req -x509` marks it, and no server may show such a one; \
    sign another with it, or make it with `basicConstraints=CA:FALSE`";
pub(super) const NO_SLOTS: &str = "its cluster has no slots; see what `CLUSTER SLOTS` says in one of its nodes, and give each \
    slot to a master";
pub(super) const TWO_MAPS: &str = "its URL leads to nodes that know maps of a cluster with no master in common, and as many know the \
    one as the other: where its hosts are of two clusters, name those of one; where a node was cut off, it learns better \
    when it is not any more";
pub(super) const NO_OWNER: &str = "no node of its cluster has the slot; see what `CLUSTER SLOTS` says in one of them, and give \
    each slot to a master";
pub(super) const NO_AGREEMENT: &str = "the nodes of its cluster send each other's callers to and fro; they settle that by \
    themselves after a failover, else see what `CLUSTER SLOTS` says in each of them";
pub(super) const IS_SENTINEL: &str = "the fleet's server is a Sentinel, which keeps nothing; write `redis+sentinel://` in place of \
    `redis://` in its URL, with the name of the master as its path";
pub(super) const NO_REDIS: &str = "what listens where the URL of the fleet's server leads is neither Redis nor Valkey; \
    see whether the URL has the right host and port";
pub(super) const NO_PASSWORD: &str = "the fleet's server has no password set; take the one in its URL out, or set it there (`requirepass`)";
pub(super) const USER_ALONE: &str = "the fleet's server wants a password, and its URL has a user name alone; a password \
    stands behind a colon, as in `redis://:PASSWORD@HOST/`";
pub(super) const TOO_MANY_CLIENTS: &str =
    "it has as many clients as its `maxclients` allows; raise that, or end some of them";
const WITHOUT_A_MASTER: &str = "not all slots have a master that is there; with `cluster-require-full-coverage no` in \
    its nodes the others serve all the same";
/// Of what had slots when the map was asked for.
pub(super) const NO_NODE: &str = "what listens where its cluster says that a master is keeps no slots: it is no node of a \
    cluster, or a Sentinel; see what `CLUSTER SLOTS` says in its nodes";
const NO_PROTOCOL: &str = "what it sends is not the protocol of Redis";
pub(super) const NO_CLUSTER: &str = "the fleet's server is no node of a cluster; write `redis://` in place of `redis+cluster://` \
    in its URL";
const NO_SENTINEL: &str = "a host in the URL of the fleet's server is no Sentinel; name those, with their port, or write \
    `redis://` in place of `redis+sentinel://`";
const NO_DATABASE: &str =
    "the fleet's server does not have the database that its URL names; name another, or none";
