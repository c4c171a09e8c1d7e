//! A walk over all logins of the server, some hundred at a time.
//!
//! The scan is a step or two ahead, and what stands in the keys of two steps is asked for at once, so
//! that the server always has something to do. It serves others between the commands.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::FleetError;
use super::failure::Failure;
use super::live::{Master, To};
use super::returned::read_plain;
use super::scripts::{LIST, RESEAL};
use super::server::{Server, no_runtime};
use super::tokens::Parts;

/// What the server said of some keys of one master.
pub(super) struct Visited {
    pub(super) master: Option<Master>,
    /// Of each key, what [`LIST`] returned; `None` where it is to be asked by itself.
    pub(super) keys: Vec<(String, Option<Value>)>,
}

/// All logins, one step after the other.
pub(super) struct Walk {
    /// What is asked for, in order. `None` is the end; a walk that ends without it had no runtime, or
    /// that has ended.
    asked: mpsc::Receiver<Option<Result<Asked, FleetError>>>,
}

type Asked = JoinHandle<Result<Visited, FleetError>>;

/// The keys of one step.
struct Keys {
    master: Option<Master>,
    keys: Vec<String>,
}

/// Finds the keys of all logins.
struct Scan {
    parts: Arc<Parts>,
    /// Those that are not done; `None` before they are known.
    masters: Option<VecDeque<Option<Master>>>,
    /// Where the scan of the first of them goes on.
    at: Option<Cursor>,
    /// A server may name a key twice.
    seen: HashSet<u64>,
    hasher: RandomState,
}

/// It holds in one server: another, or the same after a restart, goes on somewhere else with it, and
/// says nothing of it.
struct Cursor {
    server: String,
    number: u64,
}

impl Walk {
    /// It begins at once, and goes on as what it visited is taken, until this is dropped.
    pub(super) fn new(parts: &Arc<Parts>) -> Self {
        let (scanner, mut scanned) = mpsc::channel(1);
        let (asker, asked) = mpsc::channel(1);
        let Ok(runtime) = Handle::try_current() else { return Self { asked } };
        let mut scan = Scan::new(Arc::clone(parts));
        runtime.spawn(async move {
            loop {
                let keys = scan.next().await.transpose();
                let is_over = !matches!(keys, Some(Ok(_)));
                if scanner.send(keys).await.is_err() || is_over {
                    return;
                }
            }
        });
        let parts = Arc::clone(parts);
        runtime.spawn(async move {
            // What is asked for first has been taken when there is room.
            while let Ok(room) = asker.reserve().await
                && let Some(keys) = scanned.recv().await
            {
                let ask = |keys| tokio::spawn(visit(Arc::clone(&parts), keys));
                room.send(keys.map(|keys: Result<_, _>| keys.map(ask)));
            }
        });
        Self { asked }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Visited>, FleetError> {
        match self.asked.recv().await.ok_or_else(no_runtime)?.transpose()? {
            Some(asked) => asked.await.map_err(|_| no_runtime())?.map(Some),
            None => Ok(None),
        }
    }
}

async fn visit(parts: Arc<Parts>, keys: Keys) -> Result<Visited, FleetError> {
    let Keys { master, keys } = keys;
    let all = keys.iter().map(|key| LIST.known(&[key.as_str()], &[]));
    let found = several(parts.server()?, master.as_ref(), all).await?;
    Ok(Visited { master, keys: keys.into_iter().zip(found).collect() })
}

impl Scan {
    fn new(parts: Arc<Parts>) -> Self {
        let (seen, hasher) = (HashSet::new(), RandomState::new());
        Self { parts, masters: None, at: None, seen, hasher }
    }

    async fn next(&mut self) -> Result<Option<Keys>, FleetError> {
        let server = self.parts.server()?;
        let masters = match &mut self.masters {
            Some(masters) => masters,
            None => self.masters.insert(masters(server).await?),
        };
        let Some(master) = masters.front().cloned() else { return Ok(None) };
        let at = self.at.take();
        let is_first = at.is_none();
        let scan = scan_from(&self.parts, at.as_ref().map_or(0, |at| at.number));
        let (next, mut keys) = scanned_at(server, master.as_ref(), scan, is_first).await?;
        let is_elsewhere = at.is_some_and(|at| at.server != next.server);
        match next.number {
            // It begins anew; `seen` knows who was named.
            _ if is_elsewhere => {}
            0 => drop(masters.pop_front()),
            _ => self.at = Some(next),
        }
        keys.retain(|key| self.seen.insert(self.hasher.hash_one(key)));
        Ok(Some(Keys { master, keys }))
    }
}

fn scan_from(parts: &Parts, cursor: u64) -> Cmd {
    let mut scan = redis::cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(parts.names.all_logins()).arg("COUNT").arg(STEP);
    scan
}

/// Where a scan goes on, which is 0 at its end, and the keys up to there. After the first one the server
/// knows the scripts of a walk.
async fn scanned_at(
    server: &Arc<Server>,
    master: Option<&Master>,
    scan: Cmd,
    is_first: bool,
) -> Result<(Cursor, Vec<String>), FleetError> {
    let mut pipeline = Pipeline::new();
    let scripts = [LIST.load(), RESEAL.load()].into_iter().filter(|_| is_first);
    let about_server = redis::cmd("INFO").arg("server").take();
    for command in scripts.chain([about_server, scan]) {
        pipeline.add_command(command);
    }
    let scanned = patiently(|| async {
        let mut values = server.pipeline(&pipeline, To::of(master)).await?;
        let scanned = values.pop().unwrap_or(Value::Nil).extract_error();
        let scanned = scanned.map_err(|error| Failure::of(&error).into_error())?;
        let (number, keys): (u64, Vec<Vec<u8>>) = read_plain(scanned)?;
        // Nothing of the fleet's stands under a name that is not UTF-8.
        let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect();
        let about = values.pop().and_then(|about| about.extract_error().ok());
        let about = about.and_then(|about| read_plain::<String>(about).ok()).unwrap_or_default();
        let run = about.lines().find_map(|line| line.strip_prefix("run_id:"));
        // One that says nothing of itself is known by the connection to it.
        let server = run.map_or_else(|| server.connections().to_string(), str::to_owned);
        Ok((Cursor { server, number }, keys))
    });
    scanned.await
}

/// The values of several commands; `None` for one that is to be sent again by itself, since its key
/// has moved to another master, or its script is not known there.
pub(super) async fn several(
    server: &Arc<Server>,
    master: Option<&Master>,
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

async fn ask(server: &Arc<Server>, to: To<'_>, command: Cmd) -> Result<Value, FleetError> {
    let mut pipeline = Pipeline::new();
    pipeline.add_command(command);
    let asked = patiently(|| async {
        let values = server.pipeline(&pipeline, to).await?;
        let value = values.into_iter().next().unwrap_or(Value::Nil).extract_error();
        value.map_err(|error| Failure::of(&error).into_error())
    });
    asked.await
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
pub(super) async fn masters(server: &Arc<Server>) -> Result<VecDeque<Option<Master>>, FleetError> {
    if !patiently(|| server.is_cluster()).await? {
        return Ok([None].into());
    }
    let slots = ask(server, To::Any, asking_slots()).await?;
    if let Some(masters) = masters_in(slots, None)? {
        return Ok(masters);
    }
    // A node that does not know its own host is where it was reached, as the driver takes it.
    let hosts = server.hosts();
    for node in hosts {
        let mut asks = Pipeline::new();
        asks.add_command(asking_slots());
        let Ok(said) = server.pipeline(&asks, To::Master(node)).await else { continue };
        let Some(said) = said.into_iter().next().and_then(|it| it.extract_error().ok()) else {
            continue;
        };
        if let Some(masters) = masters_in(said, Some(&node.0))? {
            return Ok(masters);
        }
    }
    let host = hosts.first().map(|(host, _)| host.as_str());
    let slots = ask(server, To::Any, asking_slots()).await?;
    Ok(masters_in(slots, host)?.unwrap_or_default())
}

fn asking_slots() -> Cmd {
    redis::cmd("CLUSTER").arg("SLOTS").take()
}

/// `None` where one has no host, and is not known by the one it was `reached` at.
fn masters_in(
    slots: Value,
    reached: Option<&str>,
) -> Result<Option<VecDeque<Option<Master>>>, FleetError> {
    let Value::Array(slots) = slots else { return Ok(Some(VecDeque::new())) };
    let mut masters = VecDeque::new();
    for slot in slots {
        let Value::Array(parts) = slot else { continue };
        let Some(Value::Array(master)) = parts.into_iter().nth(2) else { continue };
        let mut master = master.into_iter();
        let (Some(host), Some(port)) = (master.next(), master.next()) else { continue };
        let named = read_plain::<Option<String>>(host)?.filter(|host| !host.is_empty());
        let Some(host) = named.or_else(|| reached.map(str::to_owned)) else { return Ok(None) };
        let master = Some((host, read_plain::<u16>(port)?));
        if !masters.contains(&master) {
            masters.push_back(master);
        }
    }
    Ok(Some(masters))
}

/// Between two attempts: five in all.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Entries that the server looks at in one step.
const STEP: u32 = 500;
