//! How a connection is made, by the kind of the server.

use std::io;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, Value,
};
use tokio::time::timeout;

use super::losses::Holdings;
use super::server_url::{ServerKind, ServerUrl};
use super::tls::Tls;
use super::{text_of, value_in};

/// What a single server says that it is.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Master,
    Replica,
    /// One of several, each of which has a part of the logins.
    OfCluster,
    /// No node of a cluster, where one is to be.
    Alone,
    /// It does not serve yet.
    Loading,
    /// It keeps nothing, and knows who does.
    Sentinel,
    /// It may not say, or is one that Sentinels or a cluster have named.
    Unknown,
}

/// A connection, and what the server says of itself.
pub(super) struct Found {
    pub(super) live: MultiplexedConnection,
    pub(super) role: Role,
    /// `None` where it does not tell.
    pub(super) holdings: Option<Holdings>,
}

pub(super) async fn connect(url: &ServerUrl, tls: Tls) -> Result<Found, RedisError> {
    match &url.kind {
        ServerKind::Standalone { database } => {
            let mut live = standalone(url, tls).await?;
            // A replica would be read from without a word, and may lag behind.
            let info = about(&mut live).await?;
            let role = info.as_deref().map_or(Role::Unknown, Role::of);
            if !matches!(role, Role::OfCluster | Role::Sentinel) {
                select(&mut live, *database).await?;
            }
            Ok(Found::of(live, role, info.as_deref()))
        }
        // To one of its nodes.
        ServerKind::Cluster => {
            let mut live = standalone(url, tls).await?;
            let info = timeout(STEP_LIMIT, about(&mut live)).await.map_err(io::Error::from)??;
            let role = match info.as_deref().map_or(Role::Unknown, Role::of_node) {
                // As a proxy before a cluster may say what a server behind it does.
                Role::Alone if knows_slots(&mut live).await? => Role::Unknown,
                role => role,
            };
            Ok(Found::of(live, role, info.as_deref()))
        }
        ServerKind::Sentinel { master, database } => {
            let mut live = sentinel(url, tls, master).await?;
            let info = about(&mut live).await?;
            select(&mut live, *database).await?;
            // What it is, Sentinels have said.
            let is_loading = info.as_deref().is_some_and(is_loading);
            let role = if is_loading { Role::Loading } else { Role::Unknown };
            Ok(Found::of(live, role, info.as_deref()))
        }
    }
}

impl Found {
    fn of(live: MultiplexedConnection, role: Role, info: Option<&str>) -> Self {
        Self { live, role, holdings: info.map(Holdings::of) }
    }
}

impl Role {
    /// Of a single server, by its `INFO`.
    fn of(info: &str) -> Self {
        match () {
            () if mode(info) == Some("cluster") => Self::OfCluster,
            () if mode(info) == Some("sentinel") => Self::Sentinel,
            () if is_replica(info) => Self::Replica,
            () if is_loading(info) => Self::Loading,
            () if info.contains("role:master") => Self::Master,
            () => Self::Unknown,
        }
    }

    /// Of what is to be a node of a cluster.
    fn of_node(info: &str) -> Self {
        match mode(info) {
            Some("sentinel") => Self::Sentinel,
            Some("standalone") => Self::Alone,
            _ if value_in(info, "cluster_enabled:") == Some("0") => Self::Alone,
            _ if is_replica(info) => Self::Replica,
            _ => Self::Unknown,
        }
    }
}

/// By Redis and by Valkey.
fn mode(info: &str) -> Option<&str> {
    value_in(info, "redis_mode:").or_else(|| value_in(info, "server_mode:"))
}

fn is_replica(info: &str) -> bool {
    info.contains("role:slave")
}

fn is_loading(info: &str) -> bool {
    value_in(info, "loading:") == Some("1")
}

async fn standalone(url: &ServerUrl, tls: Tls) -> Result<MultiplexedConnection, RedisError> {
    let info = infos(url)?.into_iter().next();
    let info = info.ok_or((ErrorKind::InvalidClientConfig, "no host"))?;
    tls.client(info)?.get_multiplexed_async_connection_with_config(&config()).await
}

/// By itself: the driver says that it is the database, whatever the server says.
async fn select(connection: &mut MultiplexedConnection, database: i64) -> Result<(), RedisError> {
    if database == 0 {
        return Ok(());
    }
    let mut select = redis::cmd("SELECT");
    let selected = connection.req_packed_command(select.arg(database)).await;
    selected.and_then(Value::extract_error).map(drop)
}

/// Whether a server says who has the slots of a cluster.
async fn knows_slots(connection: &mut MultiplexedConnection) -> Result<bool, RedisError> {
    let asks = redis::cmd("CLUSTER").arg("SLOTS").take();
    let said = timeout(STEP_LIMIT, connection.req_packed_command(&asks)).await;
    match said.map_err(io::Error::from)?.and_then(Value::extract_error) {
        Err(error) if error.is_io_error() || error.kind() == ErrorKind::Parse => Err(error),
        said => Ok(said.is_ok_and(|said| matches!(said, Value::Array(_)))),
    }
}

/// What a server says of itself, as far as it does.
async fn about(connection: &mut MultiplexedConnection) -> Result<Option<String>, RedisError> {
    // All that it tells without being asked for more, as there is no other way to ask for two parts.
    let info = redis::cmd("INFO");
    match connection.req_packed_command(&info).await.and_then(Value::extract_error) {
        Err(error) if error.is_io_error() || error.kind() == ErrorKind::Parse => Err(error),
        info => Ok(info.ok().as_ref().and_then(text_of).map(str::to_owned)),
    }
}

async fn sentinel(
    url: &ServerUrl,
    tls: Tls,
    master: &str,
) -> Result<MultiplexedConnection, RedisError> {
    let mut builder =
        SentinelClientBuilder::new(addresses(url), master, SentinelServerType::Master)?
            .set_client_to_redis_tcp_settings(tcp());
    if let Some(user) = &url.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &url.password {
        builder = builder.set_client_to_redis_password(password.as_str());
    }
    if url.has_tls {
        builder = tls.sentinel(builder);
    }
    let mut client = builder.build()?;
    client.get_async_connection_with_config(&config()).await
}

fn addresses(url: &ServerUrl) -> impl Iterator<Item = ConnectionAddr> {
    url.hosts.iter().map(|(host, port)| match url.has_tls {
        true => {
            let host = host.clone();
            let port = *port;
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        }
        false => ConnectionAddr::Tcp(host.clone(), *port),
    })
}

fn infos(url: &ServerUrl) -> Result<Vec<ConnectionInfo>, RedisError> {
    let mut settings = RedisConnectionInfo::default();
    if let Some(user) = &url.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &url.password {
        settings = settings.set_password(password.as_str());
    }
    let info = |address: ConnectionAddr| {
        let info = address.into_connection_info()?;
        Ok(info.set_redis_settings(settings.clone()).set_tcp_settings(tcp()))
    };
    addresses(url).map(info).collect()
}

fn config() -> AsyncConnectionConfig {
    // The limit of each call is the caller's.
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(STEP_LIMIT))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(MOST_AT_ONCE)
}

/// Small requests, one after the other: none waits for the next.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

/// Calls that wait for their turn beyond this number have the connection's task wait for them too.
const MOST_AT_ONCE: usize = 1_024;

/// One of several servers may be gone: the next is tried then.
pub(super) const STEP_LIMIT: Duration = Duration::from_millis(500);
