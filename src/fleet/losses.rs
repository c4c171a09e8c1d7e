//! Whether the server may have lost something, as far as it shows: it is another one than before, or
//! began a moment ago, or one entry was not there.
//!
//! A server has a name for what it holds (`master_replid`), which is another after each start and each
//! failover. For a single server it is read on connecting. The driver of a cluster replaces
//! connections to masters and says nothing of it; so they are asked now and then, and the master of a
//! login is asked each time that login is to be used.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::connecting::STEP_LIMIT;
use super::found::Found;
use super::live::To;
use super::names::Place;
use super::server::Server;
use super::tokens::{OTHERS_PUT_BACK, Parts};
use super::{FleetError, value_in};
use crate::sync::Mutex;

/// What a server tells of what it holds, in `INFO`.
pub(super) struct Holdings {
    /// Empty where it does not tell.
    name: String,
    /// For how long it has been running.
    since: Option<Duration>,
    /// Whether it may have something that was not written since it began.
    may_be_old: bool,
}

impl Holdings {
    pub(super) fn of(info: &str) -> Self {
        let is = |name: &str, value: &str| value_in(info, name) == Some(value);
        let is_new = is("rdb_last_load_keys_loaded:", "0")
            && is("aof_enabled:", "0")
            && value_in(info, "master_replid2:").is_some_and(|id| id.bytes().all(|it| it == b'0'));
        let since = value_in(info, "uptime_in_seconds:").and_then(|it| it.parse().ok());
        Self {
            name: value_in(info, "master_replid:").unwrap_or_default().to_owned(),
            since: since.map(Duration::from_secs),
            may_be_old: !is_new,
        }
    }
}

/// What is known of losses, of one server or of all masters of a cluster.
pub(super) struct Losses {
    state: Mutex<State>,
    /// Changes when all that is known is to be looked at.
    looks: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// The names of what the masters hold.
    held: HashSet<String>,
    unsettled: Option<Unsettled>,
    /// When all was last to be looked at.
    looked_at: Option<Instant>,
    /// When masters were asked last.
    asked: Option<Instant>,
}

/// What others know is perhaps not back.
struct Unsettled {
    since: Instant,
    /// Also where something is found.
    may_be_old: bool,
    /// By a connection that took the place of another.
    is_again: bool,
}

impl Losses {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), looks: watch::Sender::new(0) }
    }

    /// Changes when this process is to look at all that it knows.
    pub(super) fn looks(&self) -> watch::Receiver<u64> {
        self.looks.subscribe()
    }

    /// There is a new connection.
    pub(super) fn connected(&self, is_first: bool, holdings: &[Holdings]) {
        let state = &mut *self.state.lock();
        let (now, names) = (Instant::now(), names(holdings));
        let may_be_old = holdings.is_empty() || holdings.iter().any(|it| it.may_be_old);
        let is_same = !names.is_empty() && names.is_subset(&state.held);
        let youngest = holdings.iter().filter_map(|it| it.since).min();
        let since = match is_first {
            true => youngest.and_then(|since| now.checked_sub(since)),
            false => (!is_same).then_some(now),
        };
        if let Some(since) = since {
            state.unsettled = Some(Unsettled { since, may_be_old, is_again: !is_first });
        }
        state.held = names;
        if !is_first {
            self.look_at(state, now);
        }
    }

    /// Some masters of a cluster have told what they hold, or all of them.
    fn met(&self, holdings: &[Holdings], are_all: bool) {
        let state = &mut *self.state.lock();
        let names = names(holdings);
        if !state.held.is_empty() && !names.is_subset(&state.held) {
            let now = Instant::now();
            state.unsettled = Some(Unsettled { since: now, may_be_old: true, is_again: true });
            self.look_at(state, now);
        }
        match are_all {
            true => state.held = names,
            false => state.held.extend(names),
        }
    }

    /// This process has found that the server had lost something.
    pub(super) fn found_one(&self) {
        let state = &mut *self.state.lock();
        let now = Instant::now();
        if state.looked_at.is_none_or(|at| now.duration_since(at) >= LOOKS_APART) {
            self.look_at(state, now);
        }
    }

    fn look_at(&self, state: &mut State, now: Instant) {
        state.looked_at = Some(now);
        self.looks.send_modify(|number| *number += 1);
    }

    /// How long those who know more may still take to put it back, for who has found something, or
    /// not.
    pub(super) fn settled_in(&self, is_found: bool) -> Option<Duration> {
        let state = self.state.lock();
        let unsettled = state.unsettled.as_ref().filter(|it| it.may_be_old || !is_found)?;
        OTHERS_PUT_BACK.checked_sub(unsettled.since.elapsed())
    }

    /// How long those who hold leases that the server may have forgotten take to take them again.
    pub(super) fn leases_settle_in(&self) -> Option<Duration> {
        let state = self.state.lock();
        let unsettled = state.unsettled.as_ref().filter(|it| it.may_be_old || it.is_again)?;
        OTHERS_PUT_BACK.checked_sub(unsettled.since.elapsed())
    }

    fn is_time_to_ask(&self) -> bool {
        let state = &mut *self.state.lock();
        let is_time = state.asked.is_none_or(|at| at.elapsed() >= ASKED_APART);
        if is_time {
            state.asked = Some(Instant::now());
        }
        is_time
    }
}

impl Server {
    /// Asks all masters of a cluster what they hold, in a task of its own, if it is time to.
    pub(super) fn ask_masters(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let Some(mut live) = self.live().filter(|_| !self.has_one_master()) else { return };
        if !self.losses.is_time_to_ask() {
            return;
        }
        let server = Arc::downgrade(self);
        runtime.spawn(async move {
            // One that is away is the trouble of those who use it.
            let Ok(holdings) = timeout(STEP_LIMIT, live.holdings(Some("replication"))).await else {
                return;
            };
            if let (Some(server), Ok(holdings)) = (server.upgrade(), holdings) {
                server.losses.met(&holdings, true);
            }
        });
    }

    /// How long who found something under a key, or nothing, is to wait for those who know more.
    pub(super) async fn settled_in(
        self: &Arc<Self>,
        key: &str,
        is_found: bool,
    ) -> Option<Duration> {
        if !self.has_one_master()
            && let Some(info) = self.info("replication", To::HolderOf(key)).await
        {
            self.losses.met(&[Holdings::of(&info)], false);
        }
        self.losses.settled_in(is_found)
    }
}

impl Parts {
    /// How long those who know a later one than was found may still take to put it back.
    pub(super) async fn left_to_others(
        &self,
        place: &Place,
        found: &Found,
        is_first: bool,
    ) -> Result<Option<Duration>, FleetError> {
        let is_found = found.entry.number > 0;
        let settled_in = self.server()?.settled_in(&place.logins, is_found).await;
        let put_back = found.put_back_for.filter(|_| is_first);
        let put_back = put_back.and_then(|since| OTHERS_PUT_BACK.checked_sub(since));
        Ok(settled_in.max(put_back))
    }
}

fn names(holdings: &[Holdings]) -> HashSet<String> {
    holdings.iter().map(|it| it.name.clone()).filter(|name| !name.is_empty()).collect()
}

/// Between two looks at all that is known, where no connection was lost.
const LOOKS_APART: Duration = Duration::from_secs(10);

/// No longer than others wait.
const ASKED_APART: Duration = OTHERS_PUT_BACK;
