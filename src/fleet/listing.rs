//! A walk over all logins of the server, some hundred at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::FleetError;
use super::names::Place;
use super::scripts::RESEAL;
use super::sealing::Opened;
use super::server::{Live, Server};
use super::tokens::{Parts, read};

/// A login as it stands in the server.
pub(super) struct Standing {
    place: Place,
    revision: String,
    record: Vec<u8>,
}

impl Standing {
    pub(super) fn open(&self, parts: &Parts) -> Result<Opened, FleetError> {
        parts.sealer()?.open(&self.place, &self.revision, &self.record)
    }

    /// Whether it had to be sealed anew, and nobody replaced it meanwhile.
    pub(super) async fn reseal(&self, parts: &Parts) -> Result<bool, FleetError> {
        let Self { place, revision, record } = self;
        let sealer = parts.sealer()?;
        let Opened { key, token, is_current } = sealer.open_any(place, revision, record)?;
        if is_current {
            return Ok(false);
        }
        let record = sealer.seal(&key, place, &token)?;
        let arguments = [place.scopes.as_bytes(), revision.as_bytes(), &record];
        let server = parts.server()?;
        let (keys, arguments) = (&[place.logins.as_str()], &arguments);
        let resealed = patiently(move || server.run(&RESEAL, keys, arguments)).await?;
        Ok(read::<u32>(resealed)? == 1)
    }
}

/// Walks over all logins, one step after the other.
pub(super) struct Listing<'a> {
    parts: &'a Parts,
    /// Which master, and from where on; `None` before the masters are known.
    masters: Option<VecDeque<(Option<Master>, u64)>>,
    /// A server may name a key twice.
    seen: std::collections::HashSet<u64>,
    hasher: std::hash::RandomState,
}

/// By host and port.
type Master = (String, u16);

impl<'a> Listing<'a> {
    pub(super) fn new(parts: &'a Parts) -> Self {
        let (seen, hasher) = (Default::default(), Default::default());
        Self { parts, masters: None, seen, hasher }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<Standing>>, FleetError> {
        let server = self.parts.server()?;
        if self.masters.is_none() {
            let masters = patiently(|| masters(Arc::clone(server))).await?;
            self.masters = Some(masters.into_iter().map(|master| (master, 0)).collect());
        }
        let Some((master, cursor)) = self.masters.as_mut().and_then(VecDeque::pop_front) else {
            return Ok(None);
        };
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.parts.names.all_logins()).arg("COUNT").arg(STEP);
        let scanned = patiently(|| {
            let (server, master, scan) = (Arc::clone(server), master.clone(), scan.clone());
            async move { ask(&server, master.as_ref(), scan).await }
        });
        let (cursor, keys): (u64, Vec<String>) = read(scanned.await?)?;
        if cursor != 0
            && let Some(masters) = &mut self.masters
        {
            masters.push_front((master, cursor));
        }
        let is_new =
            |key: &String| self.seen.insert(std::hash::BuildHasher::hash_one(&self.hasher, key));
        let users = keys.into_iter().filter(is_new).map(|key| {
            let server = Arc::clone(server);
            async move {
                let mut command = redis::cmd("HGETALL");
                command.arg(&key);
                let fields = patiently(|| server.command(&command)).await?;
                Ok(standing(&key, &read::<Vec<_>>(fields)?))
            }
        });
        Ok(Some(several(users).await?.into_iter().flatten().collect()))
    }
}

/// Does several at a time, so that the way to the server and back costs little. In no order.
pub(super) async fn several<T, F>(futures: impl Iterator<Item = F>) -> Result<Vec<T>, FleetError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, FleetError>> + Send + 'static,
{
    let (mut tasks, mut done) = (JoinSet::new(), Vec::new());
    for future in futures {
        tasks.spawn(future);
        if tasks.len() == AT_ONCE {
            done.extend(one_of(&mut tasks).await?);
        }
    }
    while let Some(result) = one_of(&mut tasks).await? {
        done.push(result);
    }
    Ok(done)
}

async fn one_of<T: 'static>(
    tasks: &mut JoinSet<Result<T, FleetError>>,
) -> Result<Option<T>, FleetError> {
    match tasks.join_next().await {
        Some(Ok(result)) => result.map(Some),
        Some(Err(error)) => Err(FleetError::Server { reason: error.to_string() }),
        None => Ok(None),
    }
}

/// One call of very many that comes too late does not end them all: each of these may run twice.
async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, FleetError>
where
    F: Future<Output = Result<T, FleetError>>,
{
    let mut pause = FIRST_PAUSE;
    while pause <= LONGEST_PAUSE {
        match call().await {
            Err(error) if error.is_transient() => sleep(pause).await,
            result => return result,
        }
        pause *= 2;
    }
    call().await
}

/// What stands in the hash of a user.
fn standing(key: &str, fields: &[(String, Vec<u8>)]) -> Vec<Standing> {
    let records =
        fields.iter().filter_map(|(name, record)| Some((name.strip_suffix('r')?, record)));
    let login = |(scopes, record): (&str, &Vec<u8>)| {
        let (_, revision) =
            fields.iter().find(|(name, _)| name.strip_suffix('v') == Some(scopes))?;
        let place =
            Place { logins: key.to_owned(), scopes: scopes.to_owned(), lease: String::new() };
        let revision = String::from_utf8_lossy(revision).into_owned();
        Some(Standing { place, revision, record: record.clone() })
    };
    records.filter_map(login).collect()
}

/// The masters of a cluster; the server itself where there is none.
async fn masters(server: Arc<Server>) -> Result<Vec<Option<Master>>, FleetError> {
    if matches!(server.live().await?, (_, Live::One(_))) {
        return Ok(vec![None]);
    }
    let slots = ask(&server, None, redis::cmd("CLUSTER").arg("SLOTS").take()).await?;
    let Value::Array(slots) = slots else { return Ok(Vec::new()) };
    let mut masters: Vec<Option<Master>> = Vec::new();
    for slot in slots {
        let Value::Array(parts) = slot else { continue };
        let Some(Value::Array(master)) = parts.into_iter().nth(2) else { continue };
        let mut master = master.into_iter();
        let (Some(host), Some(port)) = (master.next(), master.next()) else { continue };
        let master = Some((read::<String>(host)?, read::<u16>(port)?));
        if !masters.contains(&master) {
            masters.push(master);
        }
    }
    Ok(masters)
}

async fn ask(
    server: &Arc<Server>,
    master: Option<&Master>,
    command: redis::Cmd,
) -> Result<Value, FleetError> {
    let (number, mut live) = server.live().await?;
    let asked = async {
        match (&mut live, master) {
            (Live::Cluster(cluster), Some((host, port))) => {
                let to = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                cluster.route_command(command, RoutingInfo::SingleNode(to)).await
            }
            (live, _) => live.call(&command).await,
        }
    };
    let in_time = timeout(LIMIT, asked).await;
    let Ok(asked) = in_time else {
        server.timed_out(number, LIMIT);
        return Err(FleetError::TimedOut { limit: LIMIT });
    };
    asked.map_err(|error| FleetError::Server {
        reason: crate::transport::clipped(&error.to_string()),
    })
}

/// Of one call.
const LIMIT: Duration = Duration::from_millis(500);

/// Between two attempts: five in all.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// How many commands are under way, so that others of the server wait for a few at most.
const AT_ONCE: usize = 32;

/// Entries that the server looks at in one step.
const STEP: u32 = 500;
