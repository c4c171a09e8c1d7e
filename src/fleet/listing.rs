//! A walk over all logins of the server, some hundred at a time.
//!
//! What concerns those of one step is sent at once, so that the way to the server and back costs
//! little. It serves others in between.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use tokio::time::sleep;

use super::FleetError;
use super::failure::Failure;
use super::names::Place;
use super::scripts::RESEAL;
use super::sealing::Opened;
use super::server::{Master, Server};
use super::tokens::{Parts, read};

/// A login as it stands in the server.
pub(super) struct Standing {
    place: Place,
    revision: String,
    record: Vec<u8>,
}

/// Some logins of one master.
pub(super) struct Step {
    master: Option<Master>,
    pub(super) logins: Vec<Standing>,
}

/// Walks over all logins, one step after the other.
pub(super) struct Listing<'a> {
    parts: &'a Parts,
    /// Which master, and from where on; `None` before the masters are known.
    masters: Option<VecDeque<(Option<Master>, u64)>>,
    /// A server may name a key twice.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl<'a> Listing<'a> {
    pub(super) fn new(parts: &'a Parts) -> Self {
        let (seen, hasher) = (HashSet::new(), RandomState::new());
        Self { parts, masters: None, seen, hasher }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Step>, FleetError> {
        let server = self.parts.server()?;
        if self.masters.is_none() {
            let masters = masters(server).await?;
            self.masters = Some(masters.into_iter().map(|master| (master, 0)).collect());
        }
        let Some((master, cursor)) = self.masters.as_mut().and_then(VecDeque::pop_front) else {
            return Ok(None);
        };
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.parts.names.all_logins()).arg("COUNT").arg(STEP);
        let scanned = ask(server, master.as_ref(), scan).await?;
        let (cursor, mut keys): (u64, Vec<String>) = read(scanned)?;
        if cursor != 0
            && let Some(masters) = &mut self.masters
        {
            masters.push_front((master.clone(), cursor));
        }
        keys.retain(|key| self.seen.insert(self.hasher.hash_one(key)));
        let logins = standing_at(server, master.as_ref(), &keys).await?;
        Ok(Some(Step { master, logins }))
    }
}

impl Step {
    /// Seals anew what is not sealed with the first key, unless somebody replaces it meanwhile.
    /// Returns how many were.
    pub(super) async fn reseal(&self, parts: &Parts) -> Result<u64, FleetError> {
        let server = parts.server()?;
        let mut sealed = Vec::new();
        for login in &self.logins {
            sealed.extend(login.sealed_anew(parts)?.map(|record| (login, record)));
        }
        let commands = sealed.iter().map(|(login, record)| {
            RESEAL.known(&[&login.place.logins], &login.replacing_by(record))
        });
        let done = several(server, self.master.as_ref(), commands).await?;
        let mut resealed = 0;
        for ((login, record), done) in sealed.iter().zip(done) {
            let done = match done {
                Some(done) => done,
                None => login.replace(record, server).await?,
            };
            resealed += read::<u64>(done)?;
        }
        Ok(resealed)
    }
}

impl Standing {
    pub(super) fn open(&self, parts: &Parts) -> Result<Opened, FleetError> {
        parts.sealer()?.open(&self.place, &self.revision, &self.record)
    }

    /// The record sealed with the first key, if it is not.
    fn sealed_anew(&self, parts: &Parts) -> Result<Option<Vec<u8>>, FleetError> {
        let Self { place, revision, record } = self;
        let sealer = parts.sealer()?;
        let Opened { key, token, is_current } = sealer.open_any(place, revision, record)?;
        match is_current {
            true => Ok(None),
            false => sealer.seal(&key, place, &token).map(Some),
        }
    }

    fn replacing_by<'a>(&'a self, record: &'a [u8]) -> [&'a [u8]; 3] {
        [self.place.scopes.as_bytes(), self.revision.as_bytes(), record]
    }

    async fn replace(&self, record: &[u8], server: &Arc<Server>) -> Result<Value, FleetError> {
        let (keys, arguments) = (&[self.place.logins.as_str()], &self.replacing_by(record));
        patiently(move || server.run(&RESEAL, keys, arguments)).await
    }
}

/// What stands in some keys of one master.
async fn standing_at(
    server: &Arc<Server>,
    master: Option<&Master>,
    keys: &[String],
) -> Result<Vec<Standing>, FleetError> {
    let all_of = |key: &String| redis::cmd("HGETALL").arg(key).take();
    let found = several(server, master, keys.iter().map(all_of)).await?;
    let mut logins = Vec::new();
    for (key, fields) in keys.iter().zip(found) {
        let fields = match fields {
            Some(fields) => fields,
            None => {
                let command = &all_of(key);
                patiently(move || server.command(command)).await?
            }
        };
        logins.extend(standing(key, &read::<Vec<_>>(fields)?));
    }
    Ok(logins)
}

/// The values of several commands; `None` for one that is to be sent again by itself, since its key
/// has moved to another master, or its script is not known there.
async fn several(
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
    let values = patiently(|| server.pipeline(&pipeline, master)).await?;
    Ok(values.into_iter().map(|value| value.extract_error().ok()).collect())
}

async fn ask(
    server: &Arc<Server>,
    master: Option<&Master>,
    command: Cmd,
) -> Result<Value, FleetError> {
    let mut pipeline = Pipeline::new();
    pipeline.add_command(command);
    let asked = patiently(|| async {
        let values = server.pipeline(&pipeline, master).await?;
        let value = values.into_iter().next().unwrap_or(Value::Nil).extract_error();
        value.map_err(|error| Failure::of(&error).into_error())
    });
    asked.await
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
async fn masters(server: &Arc<Server>) -> Result<Vec<Option<Master>>, FleetError> {
    if !patiently(|| server.is_cluster()).await? {
        return Ok(vec![None]);
    }
    let slots = ask(server, None, redis::cmd("CLUSTER").arg("SLOTS").take()).await?;
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

/// Between two attempts: five in all.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Entries that the server looks at in one step.
const STEP: u32 = 500;
