//! For how long a single server has been the one that it is, as the fleet has noticed: for processes
//! that come after a failover, and for servers that do not tell who they are.
//!
//! A key of the fleet's holds the name of the server's life, and when somebody noticed it first. The
//! name is what `INFO` calls what a server holds. Where that is not told, it is one of a process, with
//! a script that is named by it: the server forgets its scripts with its life, and no copy of its data
//! has them. So a connection that is replaced leads to the same life where that script is there.
//!
//! A server to which a process comes back from another may go on with an earlier state as if nothing
//! had been: it is noted that its life is known since then only.

use std::sync::Arc;
use std::time::Duration;

use redis::Cmd;

use super::FleetError;
use super::names::Names;
use super::returned::read;
use super::scripts::LIVES;
use super::server::Server;
use super::tokens::{KEPT_FOR_MS, Parts};
use crate::auth::TokenKey;

/// What the fleet knows of the life of a server.
struct Life {
    name: String,
    known_for: Option<Duration>,
    /// Whether that is noted in the server.
    is_noted: bool,
}

/// What the note is to be.
struct Note<'a> {
    key: &'a str,
    /// The life that it names until now, or any.
    was: &'a str,
    is: &'a str,
    /// How other names of the same life end.
    same: Option<&'a str>,
    is_told: bool,
    /// Whether the life is known since now only.
    is_anew: bool,
}

impl Parts {
    /// As [`Server::notice_its_life`], by who has written something of `key`: who comes to the server
    /// before this one later on has an earlier state. An app's token may be lost.
    pub(super) async fn notice_after(&self, key: &TokenKey) {
        if self.holds_login(key) {
            self.notice_its_life().await;
        }
    }

    pub(super) async fn notice_its_life(&self) {
        if let Ok(server) = self.server() {
            server.notice_its_life(&self.names).await;
        }
    }
}

impl Server {
    /// Notices, once for each connection to a single server, whether it is another than the fleet knows.
    /// Where that fails, what the connection told has to do; something else under the note stays there.
    pub(super) async fn notice_its_life(self: &Arc<Self>, names: &Names) {
        if !self.has_one_master() {
            return;
        }
        let connection = self.connections(None);
        let noticing = async {
            match self.life(names, connection).await {
                // Where nothing can be written, nobody puts anything back, or refreshes: it is
                // waited for when something can.
                Ok(life) if !life.is_noted => false,
                Ok(life) => {
                    self.losses().lives(life.name, life.known_for);
                    true
                }
                Err(error) => {
                    tracing::debug!(%error, "whether the server is another is not known");
                    !error.is_transient()
                }
            }
        };
        self.losses().noticing.once(connection, noticing).await;
    }

    async fn life(self: &Arc<Self>, names: &Names, connection: u64) -> Result<Life, FleetError> {
        let told = self.losses().told();
        let is_told = told.is_some();
        let key = &names.life(is_told);
        let (was, is, same) = match told {
            Some(told) => (ANY.to_owned(), told.life, told.same),
            None => {
                let was = self.known_life(key).await?;
                let is = match !was.is_empty() && self.lives_on(&was, key).await? {
                    true => was.clone(),
                    false => self.begin_life(connection, key).await?,
                };
                (was, is, None)
            }
        };
        let same = same.as_deref();
        let note = Note { key, was: &was, is: &is, same, is_told, is_anew: false };
        let life = self.note_life(note).await?;
        if !self.losses().comes_back(&life.name, same, life.known_for) {
            return Ok(life);
        }
        // It goes on as if nothing had been, and so would who comes next.
        let is = &life.name;
        self.note_life(Note { key, was: is, is, same, is_told, is_anew: true }).await
    }

    async fn note_life(self: &Arc<Self>, note: Note<'_>) -> Result<Life, FleetError> {
        let Note { key, was, is, same, is_told, is_anew } = note;
        let flag = |is_set: bool| if is_set { "1" } else { "0" };
        let texts = [was, is, KEPT_FOR_MS, flag(is_told), same.unwrap_or_default(), flag(is_anew)];
        let noted = self.run(&LIVES, &[key], &texts.map(str::as_bytes)).await?;
        let (name, known_for, is_noted): (String, i64, u32) = read(noted)?;
        let known_for = u64::try_from(known_for).ok().map(Duration::from_millis);
        Ok(Life { name, known_for, is_noted: is_noted == 1 })
    }

    async fn known_life(self: &Arc<Self>, key: &str) -> Result<String, FleetError> {
        let asks = redis::cmd("GETRANGE").arg(key).arg(0).arg(LONGEST_NOTE).take();
        let known: String = read(self.command_on(key, &asks).await?)?;
        Ok(known.split_once(' ').map(|(life, _)| life.to_owned()).unwrap_or_default())
    }

    async fn lives_on(self: &Arc<Self>, life: &str, key: &str) -> Result<bool, FleetError> {
        let script = redis::Script::new(&script_of(life));
        self.knows(key, &on_key("EVALSHA", script.get_hash(), key)).await
    }

    /// All who begin it on one connection of this process give it one name.
    async fn begin_life(
        self: &Arc<Self>,
        connection: u64,
        key: &str,
    ) -> Result<String, FleetError> {
        let life = format!("{:016x}{connection:x}", self.losses().own);
        self.command_on(key, &on_key("EVAL", &script_of(&life), key)).await?;
        Ok(life)
    }
}

/// One that is sent whole is copied to no replica, as one that is loaded was before Redis 7.
fn on_key(command: &str, script: &str, key: &str) -> Cmd {
    redis::cmd(command).arg(script).arg(1).arg(key).take()
}

fn script_of(life: &str) -> String {
    format!("return 1 -- {life}")
}

/// As the script knows it: of something else under the note no more is read.
const LONGEST_NOTE: usize = 255;

/// Whatever life is known.
const ANY: &str = "*";
