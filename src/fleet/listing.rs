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
use super::live::{Master, To};
use super::names::Place;
use super::returned::{Returned, read, read_plain};
use super::scripts::{LIST, LONGEST_RECORD, RESEAL};
use super::sealing::{Opened, is_unsealed};
use super::server::Server;
use super::tokens::Parts;
use super::unsealed::has_login;
use crate::auth::{LoginId, TokenKey};

/// A login as it stands in the server.
pub(super) struct Standing {
    pub(super) place: Place,
    pub(super) revision: String,
    /// Of the save by which it stands there.
    pub(super) mark: String,
    pub(super) was_put_back: bool,
    pub(super) record: Vec<u8>,
}

/// What [`LIST`] returns of one.
pub(super) type Listed = (String, Vec<u8>, Vec<u8>, bool, Vec<u8>);

/// What sealing anew takes.
enum Sealing {
    /// It is sealed with the first key, or not taken over.
    IsDone,
    /// Another record at its place.
    InPlace(Vec<u8>),
    /// It was saved before there were sealing keys, at another place.
    Elsewhere(TokenKey),
}

/// Some logins of one master; where something else stands, an error.
pub(super) struct Step {
    pub(super) master: Option<Master>,
    pub(super) logins: Vec<Result<Standing, FleetError>>,
}

/// What came of sealing a step anew.
#[derive(Default)]
pub(super) struct Resealed {
    pub(super) number: u64,
    /// The first login that could not be, which is the trouble of no other.
    pub(super) failure: Option<FleetError>,
}

/// Walks over all logins, one step after the other.
pub(super) struct Listing<'a> {
    parts: &'a Parts,
    /// Those that are not done; `None` before they are known.
    masters: Option<VecDeque<Option<Master>>>,
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

impl<'a> Listing<'a> {
    pub(super) fn new(parts: &'a Parts) -> Self {
        let (seen, hasher) = (HashSet::new(), RandomState::new());
        Self { parts, masters: None, scanned: None, seen, hasher }
    }

    /// One call: what stands in the keys of the last scan, and the next scan.
    pub(super) async fn next(&mut self) -> Result<Option<Step>, FleetError> {
        let names = &self.parts.names;
        self.step().await.map_err(|error| error.of_prefix(names.prefix()))
    }

    async fn step(&mut self) -> Result<Option<Step>, FleetError> {
        let server = self.parts.server()?;
        let masters = match &mut self.masters {
            Some(masters) => masters,
            None => self.masters.insert(masters(server).await?),
        };
        let Some(master) = masters.front().cloned() else { return Ok(None) };
        let scanned = match self.scanned.take() {
            Some(scanned) => scanned,
            None => scan_at(server, master.as_ref(), self.scan(0)).await?,
        };
        let Scanned { server: of, cursor, mut keys } = scanned;
        keys.retain(|key| self.seen.insert(self.hasher.hash_one(key)));
        let next = (cursor != 0).then(|| self.scan(cursor));
        let (logins, scanned) = standing_at(server, master.as_ref(), &keys, next).await?;
        if scanned.is_none()
            && let Some(masters) = &mut self.masters
        {
            masters.pop_front();
        }
        // By another server it begins anew; `seen` knows who was named.
        self.scanned = scanned.filter(|scanned| scanned.server == of);
        Ok(Some(Step { master, logins }))
    }

    fn scan(&self, cursor: u64) -> Cmd {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.parts.names.all_logins()).arg("COUNT").arg(STEP);
        scan
    }
}

impl Step {
    /// Seals anew what is not sealed with the first key, unless somebody replaces it meanwhile.
    pub(super) async fn reseal(&self, parts: &Arc<Parts>) -> Result<Resealed, FleetError> {
        let server = parts.server()?;
        let (mut sealed, mut resealed) = (Vec::new(), Resealed::default());
        for login in &self.logins {
            let login = login.as_ref().map_err(FleetError::clone);
            match login.and_then(|login| Ok((login, login.sealing(parts)?))) {
                Ok((_, Sealing::IsDone)) => {}
                Ok((login, Sealing::InPlace(record))) => sealed.push((login, record)),
                Ok((login, Sealing::Elsewhere(key))) => {
                    let key = &key;
                    match patiently(move || parts.move_here(key, login)).await {
                        Ok(is_moved) => resealed.number += u64::from(is_moved),
                        Err(error) if error.is_transient() => return Err(error),
                        Err(error) => resealed.failure = resealed.failure.or(Some(error)),
                    }
                }
                Err(error) => resealed.failure = resealed.failure.or(Some(error)),
            }
        }
        let commands = sealed.iter().map(|(login, record)| {
            RESEAL.known(&[&login.place.logins], &login.replacing_by(record))
        });
        let done = several(server, self.master.as_ref(), commands).await?;
        for ((login, record), done) in sealed.iter().zip(done) {
            let done = match done {
                Some(done) => Returned::new(&login.place.logins, done),
                None => login.replace(record, server).await?,
            };
            resealed.number += read::<u64>(done)?;
        }
        Ok(resealed)
    }
}

impl Standing {
    /// Which login it is, if it can be opened.
    pub(super) fn login(&self, parts: &Parts) -> Option<LoginId> {
        let opened = parts.sealer().ok()?.open_any(&self.place, &self.revision, &self.record);
        opened.ok().map(|opened| opened.token.login())
    }

    /// What a login is, wherever it may stand.
    pub(super) fn open(&self, parts: &Parts) -> Result<Opened, FleetError> {
        let Self { place, revision, record, .. } = self;
        let sealer = parts.sealer()?;
        if revision.is_empty() {
            return Err(FleetError::altered(&place.logins));
        }
        let opened = sealer.open_any(place, revision, record)?;
        if parts.names.is_at(&self.place, &opened.key) {
            sealer.check_seal(place, record)?;
            return Ok(opened);
        }
        match &parts.unsealed {
            Some(unsealed) if unsealed.names.is_at(&self.place, &opened.key) => {
                match unsealed.adopts || !has_login(&opened.token) {
                    true => Ok(opened),
                    false => Err(FleetError::unsealed(&self.place)),
                }
            }
            Some(_) if !is_unsealed(record) => Err(FleetError::other_name_key(&self.place)),
            _ => Err(FleetError::sealed(&self.place, "stands at the place of another one")),
        }
    }

    /// Whether it is not sealed, and that is taken over by nobody.
    pub(super) fn is_ignored(&self, parts: &Parts) -> bool {
        parts.unsealed.as_ref().is_some_and(|it| !it.adopts) && is_unsealed(&self.record)
    }

    /// Whose login it is, and the place where it is to be sealed, if it is not.
    pub(super) fn to_seal(&self, parts: &Parts) -> Option<(TokenKey, Place)> {
        if !is_unsealed(&self.record) {
            return None;
        }
        let key = self.open(parts).ok()?.key;
        let place = parts.names.place(&key).ok()?;
        Some((key, place))
    }

    fn sealing(&self, parts: &Parts) -> Result<Sealing, FleetError> {
        let Opened { key, token, is_current } = self.open(parts)?;
        if self.is_ignored(parts) {
            return Ok(Sealing::IsDone);
        }
        if !parts.names.is_at(&self.place, &key) {
            return Ok(Sealing::Elsewhere(key));
        }
        match is_current {
            true => Ok(Sealing::IsDone),
            false => match parts.sealer()?.seal(&key, &self.place, &token)? {
                // Nobody could open it any more.
                record if record.len() > LONGEST_RECORD => {
                    Err(FleetError::too_long(&self.place, record.len()))
                }
                record => Ok(Sealing::InPlace(record)),
            },
        }
    }

    /// What a script compares that replaces it, and no later save.
    pub(super) fn compared(&self) -> [&[u8]; 3] {
        [self.place.scopes.as_bytes(), self.revision.as_bytes(), self.mark.as_bytes()]
    }

    fn replacing_by<'a>(&'a self, record: &'a [u8]) -> [&'a [u8]; 4] {
        let [scopes, revision, mark] = self.compared();
        [scopes, revision, mark, record]
    }

    async fn replace(&self, record: &[u8], server: &Arc<Server>) -> Result<Returned, FleetError> {
        let (keys, arguments) = (&[self.place.logins.as_str()], &self.replacing_by(record));
        patiently(move || server.run(&RESEAL, keys, arguments)).await
    }
}

/// What stands in some keys of one master, and what the next scan returned.
async fn standing_at(
    server: &Arc<Server>,
    master: Option<&Master>,
    keys: &[String],
    next: Option<Cmd>,
) -> Result<(Vec<Result<Standing, FleetError>>, Option<Scanned>), FleetError> {
    let all_of = |key: &String| LIST.known(&[key.as_str()], &[]);
    let scans = next.iter().flat_map(|scan| [about_server(), scan.clone()]);
    let mut found = several(server, master, keys.iter().map(all_of).chain(scans)).await?;
    let mut scanned = found.split_off(keys.len().min(found.len())).into_iter();
    let scanned = match (next, scanned.next().flatten(), scanned.next().flatten()) {
        (None, ..) => None,
        (Some(_), about, Some(scanned)) => Some(Scanned::of(server, about, scanned)?),
        (Some(scan), _, None) => Some(scan_at(server, master, scan).await?),
    };
    let mut logins = Vec::new();
    for (key, places) in keys.iter().zip(found) {
        let places = match places {
            Some(places) => Ok(Returned::new(key, places)),
            None => {
                let name = &[key.as_str()];
                patiently(move || server.run(&LIST, name, &[])).await
            }
        };
        match places.and_then(read) {
            Ok(places) => logins.extend(standing(key, places).map(Ok)),
            Err(error @ FleetError::Layout { .. }) => logins.push(Err(error)),
            Err(error) => return Err(error),
        }
    }
    Ok((logins, scanned))
}

impl Scanned {
    fn of(server: &Server, about: Option<Value>, scanned: Value) -> Result<Self, FleetError> {
        let (cursor, keys): (u64, Vec<Vec<u8>>) = read_plain(scanned)?;
        // Nothing of the fleet's stands under a name that is not UTF-8.
        let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect();
        let about = about.and_then(|about| read_plain::<String>(about).ok()).unwrap_or_default();
        let run = about.lines().find_map(|line| line.strip_prefix("run_id:"));
        // One that says nothing of itself is known by the connection to it.
        let server = run.map_or_else(|| server.connections().to_string(), str::to_owned);
        Ok(Self { server, cursor, keys })
    }
}

fn about_server() -> Cmd {
    redis::cmd("INFO").arg("server").take()
}

/// A scan by itself, after which the server knows the scripts of a walk.
async fn scan_at(
    server: &Arc<Server>,
    master: Option<&Master>,
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
        Scanned::of(server, about, scanned)
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

/// What stands in the hash of a user.
pub(super) fn standing(key: &str, places: Vec<Listed>) -> impl Iterator<Item = Standing> {
    places.into_iter().map(move |(scopes, revision, mark, was_put_back, record)| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (revision, mark) = (text(&revision), text(&mark));
        let place = Place { logins: key.to_owned(), scopes, lease: String::new() };
        Standing { place, revision, mark, was_put_back, record }
    })
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
