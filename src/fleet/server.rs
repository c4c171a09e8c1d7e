//! The connection to a fleet's server: one for the process, replaced when it fails.
//!
//! The driver's own reconnecting connection stays on one that has gone silent, and knows no Sentinel;
//! so this is a slot of ours. Every call has a limit, connecting included.

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::time::timeout;

use super::FleetError;
use super::connecting::connect;
use super::scripts::Script;
use super::server_url::ServerUrl;
use crate::transport::clipped;

/// The server of a fleet.
pub(super) struct Server {
    url: ServerUrl,
    slot: Mutex<Slot>,
    /// Held while connecting, so that one connection is made for all who wait.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Slot {
    live: Option<Live>,
    /// Counts connections.
    number: u64,
    /// In a row, on this connection.
    timeouts: u32,
}

/// A connection, or one for each master of a cluster.
#[derive(Clone)]
pub(super) enum Live {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Server {
    pub(super) fn new(url: ServerUrl) -> Self {
        Self { url, slot: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// Runs a script, which the server may have forgotten.
    pub(super) async fn run(
        &self,
        script: Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Value, FleetError> {
        match self.call(&script.known(keys, arguments)).await {
            Err(Failure::NoScript) => self.call(&script.whole(keys, arguments)).await,
            result => result,
        }
        .map_err(Failure::into_error)
    }

    /// Runs a command that may run twice.
    pub(super) async fn command(&self, command: &Cmd) -> Result<Value, FleetError> {
        self.call(command).await.map_err(Failure::into_error)
    }

    /// A connection, for what needs one of its own kind.
    pub(super) async fn live(&self) -> Result<Live, FleetError> {
        Ok(self.connection().await?.1)
    }

    /// Once more on a new connection when the old one turns out to be closed: all that is called here
    /// may run twice.
    async fn call(&self, command: &Cmd) -> Result<Value, Failure> {
        match self.call_once(command).await {
            Err(Failure::Closed(_)) => self.call_once(command).await,
            result => result,
        }
    }

    async fn call_once(&self, command: &Cmd) -> Result<Value, Failure> {
        let (number, mut live) = self.connection().await.map_err(Failure::Error)?;
        let called = timeout(CALL_LIMIT, live.call(command)).await;
        let result = match called {
            Ok(result) => result.map_err(|error| Failure::of(&error)),
            Err(_) => Err(Failure::Error(FleetError::TimedOut { limit: CALL_LIMIT })),
        };
        self.note(number, result.as_ref().err());
        result
    }

    async fn connection(&self) -> Result<(u64, Live), FleetError> {
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let connecting = async {
            let _alone = self.connecting.lock().await;
            if let Some(live) = self.current() {
                return Ok(live);
            }
            let live =
                connect(&self.url).await.map_err(|error| Failure::of(&error).into_error())?;
            let mut slot = self.slot.lock();
            *slot = Slot { live: Some(live.clone()), number: slot.number + 1, timeouts: 0 };
            Ok((slot.number, live))
        };
        let limit = FleetError::TimedOut { limit: CONNECT_LIMIT };
        timeout(CONNECT_LIMIT, connecting).await.unwrap_or(Err(limit))
    }

    fn current(&self) -> Option<(u64, Live)> {
        let slot = self.slot.lock();
        slot.live.clone().map(|live| (slot.number, live))
    }

    /// A connection that has failed is used no more, and neither is one that has gone silent.
    fn note(&self, number: u64, failure: Option<&Failure>) {
        let mut slot = self.slot.lock();
        if slot.number != number {
            return;
        }
        slot.timeouts = match failure {
            Some(Failure::Error(FleetError::TimedOut { .. })) => slot.timeouts + 1,
            _ => 0,
        };
        let is_closed = matches!(failure, Some(Failure::Closed(_) | Failure::Demoted(_)));
        if is_closed || slot.timeouts >= MOST_TIMEOUTS {
            slot.live = None;
        }
    }
}

impl Live {
    pub(super) async fn call(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::One(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        }
        .and_then(Value::extract_error)
    }
}

/// Without the driver's connection, which says nothing.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.url).finish()
    }
}

/// Why a call failed, by what follows from it.
enum Failure {
    /// The script is to be sent along.
    NoScript,
    /// The connection is of no use any more.
    Closed(FleetError),
    /// The server is no master any more.
    Demoted(FleetError),
    Error(FleetError),
}

impl Failure {
    fn of(error: &RedisError) -> Self {
        let reason = clipped(&error.to_string());
        match (error.kind(), error.code()) {
            (ErrorKind::Server(ServerErrorKind::NoScript), _) => Self::NoScript,
            (ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown), _) => {
                Self::Demoted(FleetError::Server { reason })
            }
            (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
                Self::Error(FleetError::NoPermission { reason })
            }
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
                Self::Error(FleetError::WrongPassword)
            }
            _ if reason.contains("can't run this command") => {
                Self::Error(FleetError::NoPermission { reason })
            }
            (_, Some("OOM")) => Self::Error(FleetError::OutOfMemory),
            _ if error.is_timeout() => Self::Error(FleetError::TimedOut { limit: CONNECT_LIMIT }),
            _ if error.is_connection_refusal() => Self::Error(FleetError::Unreachable { reason }),
            _ if error.is_io_error() || error.is_unrecoverable_error() => {
                Self::Closed(FleetError::Unreachable { reason })
            }
            _ => Self::Error(FleetError::Server { reason }),
        }
    }

    fn into_error(self) -> FleetError {
        match self {
            Self::NoScript => FleetError::Server { reason: "it forgets scripts at once".into() },
            Self::Closed(error) | Self::Demoted(error) | Self::Error(error) => error,
        }
    }
}

/// A call takes a tenth of a millisecond; ten of these fit into what a token cache gives its store.
const CALL_LIMIT: Duration = Duration::from_millis(500);

/// Through a Sentinel these are two connections.
const CONNECT_LIMIT: Duration = Duration::from_millis(1500);

/// A server that is only slow is not helped by new connections.
const MOST_TIMEOUTS: u32 = 3;
