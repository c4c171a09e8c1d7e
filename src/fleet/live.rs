//! A connection that is there, and to which of a cluster's servers it sends something.

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{
    MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, Slot, SlotAddr,
};
use redis::{Cmd, Pipeline, RedisError, Value};

use super::losses::Holdings;
use super::text_of;

/// A connection, or one for each master of a cluster.
#[derive(Clone)]
pub(super) enum Live {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Live {
    pub(super) async fn call(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::One(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        }
        .and_then(Value::extract_error)
    }

    /// What each master holds, by a section of its `INFO`, or by all that it tells without being
    /// asked for more.
    pub(super) async fn holdings(
        &mut self,
        section: Option<&str>,
    ) -> Result<Vec<Holdings>, RedisError> {
        let mut asks = redis::cmd("INFO");
        asks.arg(section);
        let told = match self {
            Self::One(_) => vec![self.call(&asks).await?],
            Self::Cluster(cluster) => {
                let masters = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                match cluster.route_command(asks, masters).await? {
                    Value::Map(told) => told.into_iter().map(|(_, told)| told).collect(),
                    _ => Vec::new(),
                }
            }
        };
        Ok(told.iter().filter_map(text_of).map(Holdings::of).collect())
    }

    pub(super) async fn pipeline(
        &mut self,
        commands: &Pipeline,
        to: To<'_>,
    ) -> Result<Vec<Value>, RedisError> {
        match self {
            Self::One(connection) => {
                connection.req_packed_commands(commands, 0, commands.len()).await
            }
            Self::Cluster(cluster) => {
                cluster.route_pipeline(commands.clone(), 0, commands.len(), to.route()).await
            }
        }
    }
}

/// A master of a cluster, by host and port.
pub(super) type Master = (String, u16);

/// Which of a cluster's servers is to be sent something; a single one is sent everything.
#[derive(Clone, Copy)]
pub(super) enum To<'a> {
    Any,
    Master(&'a Master),
    /// The master that has this key.
    HolderOf(&'a str),
}

impl<'a> To<'a> {
    pub(super) fn of(master: Option<&'a Master>) -> Self {
        master.map_or(Self::Any, Self::Master)
    }

    fn route(self) -> SingleNodeRoutingInfo {
        match self {
            Self::Any => SingleNodeRoutingInfo::Random,
            Self::Master((host, port)) => {
                SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port }
            }
            Self::HolderOf(key) => SingleNodeRoutingInfo::SpecificNode(Route::with_slot(
                Slot::for_key(key),
                SlotAddr::Master,
            )),
        }
    }
}
