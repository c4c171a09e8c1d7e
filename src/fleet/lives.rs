//! For how long a single server has been the one that it is, as the fleet has noticed: for processes
//! that come after a failover, and for servers that do not tell who they are.
//!
//! A key of the fleet's holds the name of the server's life, and when somebody noticed it first. The
//! name is what `INFO` calls what a server holds. Where that is not told, it is one of a process, with
//! a script that is named by it: the server forgets its scripts with its life, and no copy of its data
//! has them. So a connection that is replaced leads to the same life where that script is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Cmd;

use super::FleetError;
use super::names::Names;
use super::returned::read;
use super::scripts::LIVES;
use super::server::Server;
use super::tokens::KEPT_FOR_MS;

impl Server {
    /// Notices, once for each connection to a single server, whether it is another than the fleet knows.
    /// Where that fails, what the connection told has to do.
    pub(super) async fn notice_its_life(self: &Arc<Self>, names: &Names) {
        let number = self.connections();
        if !self.has_one_master() || self.losses.noticed.load(Ordering::Acquire) == number {
            return;
        }
        match self.life(names, number).await {
            Ok((life, since)) => {
                let since = u64::try_from(since).ok().map(Duration::from_millis);
                self.losses.lives(life, since);
                self.losses.noticed.store(number, Ordering::Release);
            }
            Err(error) => tracing::debug!(%error, "whether the server is another is not known"),
        }
    }

    /// The name of its life, and for how many ms it is known, or -1.
    async fn life(
        self: &Arc<Self>,
        names: &Names,
        connection: u64,
    ) -> Result<(String, i64), FleetError> {
        let told = self.losses.name();
        let (key, is_told) = (names.life(told.is_some()), if told.is_some() { "1" } else { "0" });
        let (was, is) = match told {
            Some(told) => (ANY.to_owned(), told),
            None => {
                let was = self.known_life(&key).await?;
                let is = match !was.is_empty() && self.lives_on(&was, &key).await? {
                    true => was.clone(),
                    false => self.begin_life(connection, &key).await?,
                };
                (was, is)
            }
        };
        let arguments = [was.as_bytes(), is.as_bytes(), KEPT_FOR_MS.as_bytes(), is_told.as_bytes()];
        read(self.run(&LIVES, &[&key], &arguments).await?)
    }

    async fn known_life(self: &Arc<Self>, key: &str) -> Result<String, FleetError> {
        let known: Option<String> = read(self.command_on(key, redis::cmd("GET").arg(key)).await?)?;
        let known = known.as_deref().and_then(|known| known.split_once(' '));
        Ok(known.map(|(life, _)| life.to_owned()).unwrap_or_default())
    }

    async fn lives_on(self: &Arc<Self>, life: &str, key: &str) -> Result<bool, FleetError> {
        let script = redis::Script::new(&script_of(life));
        self.knows(&on_key("EVALSHA", script.get_hash(), key)).await
    }

    /// All who begin it on one connection of this process give it one name.
    async fn begin_life(
        self: &Arc<Self>,
        connection: u64,
        key: &str,
    ) -> Result<String, FleetError> {
        let life = format!("{:016x}{connection:x}", self.losses.own);
        self.command(&on_key("EVAL", &script_of(&life), key)).await?;
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

/// Whatever life is known.
const ANY: &str = "*";
