//! The server of a fleet: a single one, or the masters of a cluster.

use std::fmt;
use std::sync::Arc;

use redis::{Cmd, Pipeline, Value};

use super::failure::{Failure, USER_ALONE};
use super::health::{Asked, FleetStats, Health, Part, Writes};
use super::link::{Limit, Link, Missed, Node, Sent, Shared, USUAL};
use super::losses::Losses;
use super::masters::{Masters, To};
use super::returned::Returned;
use super::scripts::{EXCHANGE, SAVE, Script, TAKE_LEASE, TAKE_TURN};
use super::server_url::{ServerKind, ServerUrl};
use super::{FleetError, FleetEvent, text_of};
use crate::auth::Listener;
use crate::transport::leave_turn;

/// The server of a fleet.
pub(super) struct Server {
    shared: Arc<Shared>,
    way: Way,
}

/// How it is reached.
enum Way {
    One(Arc<Link>),
    Cluster(Arc<Masters>),
}

/// What a call is about.
#[derive(Clone, Copy)]
struct Of<'a> {
    script: Option<&'a Script>,
    /// The first that it has.
    key: &'a str,
}

impl Of<'_> {
    /// By which one script is told from another.
    fn number(&self) -> usize {
        self.script.map_or(NO_SCRIPT, |script| std::ptr::from_ref(script).addr())
    }
}

impl Server {
    pub(super) fn new(url: ServerUrl) -> Self {
        Self::of(url, None, Health::default())
    }

    fn of(url: ServerUrl, trusted: Option<Arc<[u8]>>, health: Health) -> Self {
        let is_cluster = matches!(url.kind, ServerKind::Cluster);
        let shared = Arc::new(Shared { url, trusted, health, losses: Losses::new() });
        let way = match is_cluster {
            true => Way::Cluster(Arc::new(Masters::new(Arc::clone(&shared)))),
            false => Way::One(Arc::new(Link::to_url(Arc::clone(&shared)))),
        };
        Self { shared, way }
    }

    /// The same server, with nothing done yet.
    pub(super) fn told_to(&self, listener: Listener<FleetEvent>) -> Self {
        let Shared { url, trusted, .. } = &*self.shared;
        Self::of(url.clone(), trusted.clone(), Health::told_to(listener))
    }

    /// The same, with other certificates to be trusted.
    pub(super) fn trusting(&self, pem: Arc<[u8]>) -> Self {
        let Shared { url, health, .. } = &*self.shared;
        Self::of(url.clone(), Some(pem), health.anew())
    }

    /// The same server, by connections of its own.
    pub(super) fn beside(&self) -> Self {
        let Shared { url, trusted, .. } = &*self.shared;
        Self::of(url.clone(), trusted.clone(), Health::default())
    }

    /// Whether it is no cluster.
    pub(super) const fn has_one_master(&self) -> bool {
        self.cluster().is_none()
    }

    pub(super) const fn cluster(&self) -> Option<&Arc<Masters>> {
        match &self.way {
            Way::One(_) => None,
            Way::Cluster(masters) => Some(masters),
        }
    }

    pub(super) fn losses(&self) -> &Losses {
        &self.shared.losses
    }

    /// The number of the connection that was made last to a single server, or to a master.
    pub(super) fn connections(&self, master: Option<&Node>) -> u64 {
        match (&self.way, master) {
            (Way::One(link), _) => link.number(),
            (Way::Cluster(masters), Some(master)) => masters.link(master).number(),
            (Way::Cluster(_), None) => 0,
        }
    }

    /// Whether there is a connection to the master of a key.
    pub(super) fn is_connected_for(&self, key: &str) -> bool {
        match &self.way {
            Way::One(link) => link.is_live(),
            Way::Cluster(masters) => {
                masters.known_owner(key).is_some_and(|master| masters.link(&master).is_live())
            }
        }
    }

    /// Whether the last call to the master of a cluster that has a key failed.
    pub(super) fn fails_for(&self, key: &str) -> bool {
        let master = self.known_owner(key).map(Part::Master);
        master.is_some_and(|master| self.shared.health.is_trouble(&master))
    }

    pub(super) fn stats(&self) -> FleetStats {
        self.shared.health.stats()
    }

    /// All that the fleet does was tried since `began`, and went well.
    pub(super) fn has_all_rights(&self, began: std::time::Instant) {
        self.shared.health.has_all_rights(began);
    }

    /// The masters of a cluster; the server itself where there is none.
    pub(super) async fn masters(&self) -> Result<Vec<Option<Node>>, FleetError> {
        match &self.way {
            Way::One(_) => Ok(vec![None]),
            Way::Cluster(masters) => Ok(masters.all().await?.into_iter().map(Some).collect()),
        }
    }

    /// The master of a cluster that has a key, as far as that is known.
    pub(super) fn known_owner(&self, key: &str) -> Option<Node> {
        self.cluster()?.known_owner(key)
    }

    /// The master of a cluster that has a key.
    pub(super) async fn owner(&self, key: &str) -> Result<Option<Node>, FleetError> {
        match &self.way {
            Way::One(_) => Ok(None),
            Way::Cluster(masters) => masters.owner_of_key(key).await.map(Some),
        }
    }

    /// Runs a script, which the server may have forgotten, and which may run twice.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Returned, FleetError> {
        let of = Of { script: Some(script), key: keys.first().copied().unwrap_or_default() };
        let result = match self.call(&script.known(keys, arguments), of).await {
            Err(Failure::NoScript) => self.call(&script.whole(keys, arguments), of).await,
            result => result,
        };
        Returned::of(keys, result)
    }

    /// Runs a script that must not run twice.
    pub(super) async fn run_once(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        limit: Limit,
    ) -> Result<Returned, FleetError> {
        let of = Of { script: Some(script), key: keys.first().copied().unwrap_or_default() };
        let result = match self.send(&script.known(keys, arguments), limit, of, false).await {
            Err(Failure::NoScript) => {
                self.send(&script.whole(keys, arguments), limit, of, false).await
            }
            result => result,
        };
        Returned::of(keys, result)
    }

    /// Runs a command on a key of the fleet's that may run twice.
    pub(super) async fn command_on(
        &self,
        key: &str,
        command: &Cmd,
    ) -> Result<Returned, FleetError> {
        let of = Of { script: None, key };
        Returned::of(&[key], self.call(command, of).await)
    }

    /// Runs a script on a key by its hash, and says whether the server has it.
    pub(super) async fn knows(&self, key: &str, command: &Cmd) -> Result<bool, FleetError> {
        match self.call(command, Of { script: None, key }).await {
            Ok(_) => Ok(true),
            Err(Failure::NoScript) => Ok(false),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Sends commands that may run twice, all at once, and to one server of a cluster. Each has its
    /// own value, which may be an error.
    pub(super) async fn pipeline(
        &self,
        commands: &Pipeline,
        to: To<'_>,
    ) -> Result<Vec<Value>, FleetError> {
        let (part, result) = match &self.way {
            Way::One(link) => {
                link.wake().await;
                (Part::All, self.by_link(link, Sent::Several(commands), USUAL).await)
            }
            Way::Cluster(masters) => masters.pipeline(commands, to, USUAL).await,
        };
        let result = result.map_err(|failure| self.of_its_kind(failure));
        let writes = |values: &Vec<Value>| match values.iter().all(is_refusal) {
            true => Writes::Nothing,
            false => Writes::No,
        };
        self.note(part, &result, USUAL, NO_SCRIPT, writes);
        if result.is_err() {
            leave_turn().await;
        }
        result.map_err(Failure::into_error)
    }

    /// What the server tells of itself in a section of `INFO`, as far as it tells; that it may not is
    /// no failure of its.
    pub(super) async fn info(&self, section: &str, to: To<'_>) -> Option<String> {
        let mut asks = Pipeline::new();
        asks.cmd("INFO").arg(section);
        let told = self.pipeline(&asks, to).await.ok()?.into_iter().next()?;
        text_of(&told).map(str::to_owned)
    }

    /// Again on a new connection when the old one turns out to be closed: all that is called
    /// here may run twice.
    async fn call(&self, command: &Cmd, of: Of<'_>) -> Result<Value, Failure> {
        match self.send(command, USUAL, of, true).await {
            Err(Failure::Closed(_) | Failure::Demoted(_)) if self.has_one_master() => {
                self.send(command, USUAL, of, true).await
            }
            result => result,
        }
    }

    /// To where it is to be run. In a cluster a master may send it on, and another one may take over.
    async fn send(
        &self,
        command: &Cmd,
        limit: Limit,
        of: Of<'_>,
        may_run_twice: bool,
    ) -> Result<Value, Failure> {
        let (part, result) = match &self.way {
            Way::One(link) => {
                if !may_run_twice {
                    link.wake().await;
                }
                let sent = self.by_link(link, Sent::One(command), limit).await;
                (Part::All, sent.map(|values| values.into_iter().next().unwrap_or(Value::Nil)))
            }
            Way::Cluster(masters) => masters.call(command, of.key, limit, may_run_twice).await,
        };
        let result = result.map_err(|failure| self.of_its_kind(failure).on(of.key));
        let writes =
            |value: &Value| of.script.map_or(Writes::No, |script| writes_of(script, value));
        self.note(part, &result, limit, of.number(), writes);
        if result.is_err() {
            leave_turn().await;
        }
        result
    }

    async fn by_link(
        &self,
        link: &Arc<Link>,
        sent: Sent<'_>,
        limit: Limit,
    ) -> Result<Vec<Value>, Failure> {
        link.send(sent, limit).await.map_err(|missed| match missed {
            Missed::Connection(error) => Failure::Error(error),
            Missed::Late(limit) => Failure::Error(FleetError::TimedOut { limit }),
            Missed::Failed(error) => Failure::of_single(&error),
        })
    }

    /// How a call ended, for who is told how the server fares.
    fn note<T>(
        &self,
        part: Part,
        result: &Result<T, Failure>,
        limit: Limit,
        call: usize,
        writes: impl FnOnce(&T) -> Writes,
    ) {
        let (error, asked) = match result {
            Err(Failure::NoScript) => return,
            Ok(value) => (None, Asked { call, writes: writes(value) }),
            // A server that says what stands under a key responds, but has written nothing.
            Err(Failure::Layout | Failure::Altered) => {
                (None, Asked { call: NO_SCRIPT, writes: Writes::No })
            }
            Err(failure) => (failure.error(), Asked { call, writes: Writes::No }),
        };
        self.shared.health.called(part, error, limit.call, asked);
    }

    /// Sentinels and clusters know of another master; a URL of one server may not.
    fn of_its_kind(&self, failure: Failure) -> Failure {
        let url = &self.shared.url;
        match (failure, &url.kind, &self.way) {
            (Failure::Demoted(_), ServerKind::Standalone { .. }, Way::One(link)) => {
                Failure::Demoted(link.error_of_replica())
            }
            (Failure::Error(FleetError::WrongPassword), ..) if url.has_user_alone() => {
                Failure::of_url(USER_ALONE)
            }
            (failure, ..) => failure,
        }
    }
}

/// By what a script returned, which is 1 first where it has written.
fn writes_of(script: &Script, returned: &Value) -> Writes {
    let is = |one: &Script| std::ptr::eq(script, one);
    let first = match returned {
        Value::Array(values) => values.first(),
        value => Some(value),
    };
    let has_written = first == Some(&Value::Int(1));
    match () {
        () if [&SAVE, &TAKE_LEASE, &TAKE_TURN].into_iter().any(is) && has_written => Writes::Surely,
        () if is(&EXCHANGE) => Writes::Perhaps,
        () => Writes::No,
    }
}

fn is_refusal(value: &Value) -> bool {
    matches!(value, Value::ServerError(_))
}

/// Without the driver's connection, which says nothing.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.shared.url).finish()
    }
}

/// A call of a walk, or of what concerns one key, is told from no other.
const NO_SCRIPT: usize = 0;
