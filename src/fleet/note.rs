//! The note in the server that there are logins without a seal.
//!
//! Where there is one server, the script that saves a login writes it as well. In a cluster, or where
//! several servers stand behind one address, it stands under one name, which one of them has: there it
//! is written before and after a save. That one is no trouble of logins that others have: while it fails,
//! these are saved without it, and nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Cmd;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::FleetError;
use super::names::Place;
use super::returned::{Returned, read};
use super::scripts::{RELEASE_LEASE, SAVE};
use super::tokens::{KEPT_FOR_MS, Parts};
use crate::sync::Mutex;

/// What this process knows of the note.
#[derive(Default)]
pub(super) struct Note {
    /// Whether it was there, and when it was read or written last.
    last: Mutex<Option<(bool, Instant)>>,
    /// The server has turned out to have it elsewhere than a login.
    is_apart: AtomicBool,
    /// Kept as long as a call is under way for which nobody waits.
    aside: Arc<()>,
}

impl Note {
    /// A login without a seal was found, before which it was noted.
    pub(super) fn found_one(&self) {
        if self.lately().is_none() {
            self.keep(true);
        }
    }

    fn keep(&self, is_there: bool) {
        *self.last.lock() = Some((is_there, Instant::now()));
    }

    fn lately(&self) -> Option<bool> {
        let known = (*self.last.lock()).filter(|(_, at)| at.elapsed() < LATELY);
        known.map(|(is_there, _)| is_there)
    }
}

impl Parts {
    /// Saves a login without a seal, and notes that there is one.
    pub(super) async fn save_noted(
        &self,
        place: &Place,
        arguments: &[&[u8]],
    ) -> Result<Returned, FleetError> {
        let server = self.server()?;
        if self.has_one_master() && !self.note.is_apart.load(Ordering::Relaxed) {
            let names = [place.logins.as_str(), &self.names.unsealed_note()];
            match server.run(&SAVE, &names, arguments).await {
                // What stands behind the address are several servers.
                Err(error) if error.is_of_slots() => {
                    self.note.is_apart.store(true, Ordering::Relaxed);
                }
                saved => return saved,
            }
        }
        // It is noted before it stands there, and after it: who sealed all that there were in between
        // has removed the note.
        if self.note.lately() != Some(true) {
            self.note_unsealed().await?;
        }
        let saved = server.run(&SAVE, &[&place.logins], arguments).await?;
        if let Err(error) = self.note_unsealed().await {
            tracing::debug!(%error, "a login without a seal could not be noted again");
        }
        Ok(saved)
    }

    /// For as long as a login that is saved now is kept; unless the master that has the note is away.
    async fn note_unsealed(&self) -> Result<(), FleetError> {
        let name = self.names.unsealed_note();
        let mut noting = redis::cmd("SET");
        // Another each time, so that it is seen whether one was saved since.
        let mark = format!("{:016x}", fastrand::u64(..));
        noting.arg(&name).arg(mark).arg("PX").arg(KEPT_FOR_MS);
        let server = self.server()?;
        if server.fails_for(&name) {
            self.call_aside(name, noting);
            return Ok(());
        }
        match server.command_on(&name, &noting).await {
            Ok(_) => self.note.keep(true),
            Err(error) if error.is_transient() && !self.has_one_master() => {
                tracing::debug!(%error, "a login without a seal is saved without a note");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Nobody waits for it, and there is one at a time.
    fn call_aside(&self, name: String, command: Cmd) {
        let (Ok(runtime), Ok(server)) = (Handle::try_current(), self.server()) else { return };
        if Arc::strong_count(&self.note.aside) > 1 {
            return;
        }
        let (server, aside) = (Arc::clone(server), Arc::clone(&self.note.aside));
        runtime.spawn(async move {
            server.command_on(&name, &command).await.ok();
            drop(aside);
        });
    }

    /// What is noted of unsealed logins, if there are or were any.
    pub(super) async fn unsealed_note(&self) -> Result<Option<String>, FleetError> {
        let name = self.names.unsealed_note();
        // Of something else, no more than tells it.
        let mut asks = redis::cmd("GETRANGE");
        asks.arg(&name).arg(0).arg(64);
        let note: String = read(self.server()?.command_on(&name, &asks).await?)?;
        let note = Some(note).filter(|note| !note.is_empty());
        self.note.keep(note.is_some());
        Ok(note)
    }

    /// Whether there may be unsealed logins. Something else under the note says nothing; where it
    /// cannot be read, what was read lately counts.
    pub(super) async fn may_have_unsealed(&self) -> Result<bool, FleetError> {
        let name = self.names.unsealed_note();
        if self.note.lately() == Some(false) && self.server()?.fails_for(&name) {
            let asks = redis::cmd("GET").arg(&name).take();
            self.call_aside(name, asks);
            return Ok(false);
        }
        match self.unsealed_note().await {
            Ok(note) => Ok(note.is_some()),
            Err(FleetError::Layout { .. }) => Ok(true),
            Err(_) if self.note.lately() == Some(false) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All are sealed that there were when `note` was read.
    pub(super) async fn forget_unsealed_note(&self, note: &str) -> Result<(), FleetError> {
        let name = self.names.unsealed_note();
        self.server()?.run(&RELEASE_LEASE, &[&name], &[note.as_bytes()]).await.map(drop)
    }
}

/// The note itself is kept for 200 days.
const LATELY: Duration = Duration::from_secs(24 * 3600);
