//! A walk over all logins of the server, some hundred at a time.
//!
//! What concerns those of one step is sent at once, together with the scan for the next one: a step
//! is one way to the server and back. It serves others between the commands.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use tokio::time::sleep;

use super::FleetError;
use super::failure::Failure;
use super::link::Node;
use super::masters::To;
use super::returned::read_plain;
use super::scripts::{LIST, RESEAL};
use super::server::Server;
use super::tokens::Parts;

/// What the server said of some keys of one master.
pub(super) struct Visited {
    pub(super) master: Option<Node>,
    /// Of each key, what [`LIST`] returned; `None` where it is to be asked by itself.
    pub(super) keys: Vec<(String, Option<Value>)>,
}

/// Walks over all logins, one step after the other.
pub(super) struct Walk<'a> {
    parts: &'a Parts,
    /// Those that are not done; `None` before they are known.
    masters: Option<VecDeque<Option<Node>>>,
    /// What was scanned of the first of them, and what stands there is not known yet.
    scanned: Option<Scanned>,
    /// A server may name a key twice.
    seen: HashSet<u64>,
    hasher: RandomState,
}

/// What a scan returned.
struct Scanned {
    /// Where the cursor holds: another server, or the same after a restart, goes on somewhere else
    /// with it, and says nothing of it.
    server: String,
    /// From where to go on, which is 0 at the end.
    cursor: u64,
    /// The keys up to there.
    keys: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(parts: &'a Parts) -> Self {
        let (seen, hasher) = (HashSet::new(), RandomState::new());
        Self { parts, masters: None, scanned: None, seen, hasher }
    }

    /// One call: what stands in the keys of the last scan, and the next scan.
    pub(super) async fn next(&mut self) -> Result<Option<Visited>, FleetError> {
        let server = self.parts.server()?;
        let masters = match &mut self.masters {
            Some(masters) => masters,
            None => self.masters.insert(masters(server).await?.into()),
        };
        let Some(master) = masters.front().cloned() else { return Ok(None) };
        let scanned = match self.scanned.take() {
            Some(scanned) => scanned,
            None => scan_at(server, master.as_ref(), self.scan(0)).await?,
        };
        let Scanned { server: of, cursor, mut keys } = scanned;
        keys.retain(|key| self.seen.insert(self.hasher.hash_one(key)));
        let next = (cursor != 0).then(|| self.scan(cursor));
        let (keys, scanned) = visit(server, master.as_ref(), keys, next).await?;
        if scanned.is_none()
            && let Some(masters) = &mut self.masters
        {
            masters.pop_front();
        }
        // By another server it begins anew; `seen` knows who was named.
        self.scanned = scanned.filter(|scanned| scanned.server == of);
        Ok(Some(Visited { master, keys }))
    }

    fn scan(&self, cursor: u64) -> Cmd {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.parts.names.all_logins()).arg("COUNT").arg(STEP);
        scan
    }
}

/// What stands in some keys of one master, and what the next scan returned.
async fn visit(
    server: &Arc<Server>,
    master: Option<&Node>,
    keys: Vec<String>,
    next: Option<Cmd>,
) -> Result<(Vec<(String, Option<Value>)>, Option<Scanned>), FleetError> {
    let all_of = |key: &String| LIST.known(&[key.as_str()], &[]);
    let scans = next.iter().flat_map(|scan| [about_server(), scan.clone()]);
    let mut found = several(server, master, keys.iter().map(all_of).chain(scans)).await?;
    let mut scanned = found.split_off(keys.len().min(found.len())).into_iter();
    let scanned = match (next, scanned.next().flatten(), scanned.next().flatten()) {
        (None, ..) => None,
        (Some(_), about, Some(scanned)) => Some(Scanned::of(server, master, about, scanned)?),
        (Some(scan), _, None) => Some(scan_at(server, master, scan).await?),
    };
    Ok((keys.into_iter().zip(found).collect(), scanned))
}

impl Scanned {
    fn of(
        server: &Server,
        master: Option<&Node>,
        about: Option<Value>,
        scanned: Value,
    ) -> Result<Self, FleetError> {
        let (cursor, keys): (u64, Vec<Vec<u8>>) = read_plain(scanned)?;
        // Nothing of the fleet's stands under a name that is not UTF-8.
        let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect();
        let about = about.and_then(|about| read_plain::<String>(about).ok()).unwrap_or_default();
        let run = about.lines().find_map(|line| line.strip_prefix("run_id:"));
        // One that says nothing of itself is known by the connection to it.
        let server = run.map_or_else(|| server.connections(master).to_string(), str::to_owned);
        Ok(Self { server, cursor, keys })
    }
}

fn about_server() -> Cmd {
    redis::cmd("INFO").arg("server").take()
}

/// A scan by itself, after which the server knows the scripts of a walk.
async fn scan_at(
    server: &Arc<Server>,
    master: Option<&Node>,
    scan: Cmd,
) -> Result<Scanned, FleetError> {
    let mut pipeline = Pipeline::new();
    for command in [LIST.load(), RESEAL.load(), about_server(), scan] {
        pipeline.add_command(command);
    }
    let scanned = patiently(|| async {
        let mut values = server.pipeline(&pipeline, To::of(master)).await?;
        let scanned = values.pop().unwrap_or(Value::Nil).extract_error();
        let scanned = scanned.map_err(|error| Failure::of(&error).into_error())?;
        let about = values.pop().and_then(|about| about.extract_error().ok());
        Scanned::of(server, master, about, scanned)
    });
    scanned.await
}

/// The values of several commands; `None` for one that is to be sent again by itself, since its key
/// has moved to another master, or its script is not known there.
pub(super) async fn several(
    server: &Arc<Server>,
    master: Option<&Node>,
    commands: impl Iterator<Item = Cmd>,
) -> Result<Vec<Option<Value>>, FleetError> {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.add_command(command);
    }
    if pipeline.is_empty() {
        return Ok(Vec::new());
    }
    let values = patiently(|| server.pipeline(&pipeline, To::of(master))).await?;
    Ok(values.into_iter().map(|value| value.extract_error().ok()).collect())
}

/// One call of very many that comes too late does not end them all: each of these may run twice.
pub(super) async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, FleetError>
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

/// The masters of a cluster; the server itself where there is none.
pub(super) async fn masters(server: &Arc<Server>) -> Result<Vec<Option<Node>>, FleetError> {
    patiently(|| server.masters()).await
}

/// Between two attempts: five in all.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Entries that the server looks at in one step.
const STEP: u32 = 500;
