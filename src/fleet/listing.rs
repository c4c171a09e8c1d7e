//! All logins as they stand in the server, and sealing them anew.

use std::sync::Arc;

use super::FleetError;
use super::link::Node;
use super::names::Place;
use super::returned::{Returned, read};
use super::scripts::{LIST, LONGEST_RECORD, RESEAL};
use super::sealing::{Opened, is_unsealed};
use super::server::Server;
use super::tokens::Parts;
use super::unsealed::has_login;
use super::walk::{Visited, Walk, patiently, several};
use crate::auth::{LoginId, TokenKey};

/// A login as it stands in the server.
pub(super) struct Standing {
    pub(super) place: Place,
    pub(super) revision: String,
    /// Of the save by which it stands there.
    pub(super) mark: Vec<u8>,
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
    pub(super) master: Option<Node>,
    pub(super) logins: Vec<Result<Standing, FleetError>>,
}

/// What came of sealing a step anew.
#[derive(Default)]
pub(super) struct Resealed {
    pub(super) number: u64,
    /// The first login that could not be, which is the trouble of no other.
    pub(super) failure: Option<FleetError>,
}

/// All logins, one step after the other.
pub(super) struct Listing<'a> {
    parts: &'a Parts,
    walk: Walk<'a>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(parts: &'a Parts) -> Self {
        Self { parts, walk: Walk::new(parts) }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Step>, FleetError> {
        let names = &self.parts.names;
        self.step().await.map_err(|error| error.of_prefix(names.prefix()))
    }

    async fn step(&mut self) -> Result<Option<Step>, FleetError> {
        match self.walk.next().await? {
            Some(visited) => Step::of(visited, self.parts.server()?).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Step {
    async fn of(visited: Visited, server: &Arc<Server>) -> Result<Self, FleetError> {
        let mut logins = Vec::with_capacity(visited.keys.len());
        for (key, places) in visited.keys {
            let places = match places {
                Some(places) => Ok(Returned::new(&key, places)),
                None => {
                    let name = &[key.as_str()];
                    patiently(move || server.run(&LIST, name, &[])).await
                }
            };
            match places.and_then(read) {
                Ok(places) => logins.extend(standing(&key, places).map(Ok)),
                Err(error @ FleetError::Layout { .. }) => logins.push(Err(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(Self { master: visited.master, logins })
    }

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
        [self.place.scopes.as_bytes(), self.revision.as_bytes(), &self.mark]
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

/// What stands in the hash of a user.
pub(super) fn standing(key: &str, places: Vec<Listed>) -> impl Iterator<Item = Standing> {
    places.into_iter().map(move |(scopes, revision, mark, was_put_back, record)| {
        // What is no text is no revision either.
        let revision = String::from_utf8_lossy(&revision).into_owned();
        let place = Place { logins: key.to_owned(), scopes, lease: String::new() };
        Standing { place, revision, mark, was_put_back, record }
    })
}
