//! Whether the server may have lost something, as far as it shows: it is another one than before, or
//! began a moment ago, or one entry was not there.
//!
//! A server has a name for what it holds (`master_replid`), which is another after each start and each
//! failover. It is also another where the first replica comes, or the last one has gone for an hour:
//! then the server is the same process (`run_id`), and has no name from before (`master_replid2`), which
//! one that followed another has. For a single server the name is read on connecting; `lives.rs` has what
//! others have noticed of it, and what is done where it is not told. The driver of a cluster replaces
//! connections to masters and says nothing of it; so they are asked now and then, and the master of a
//! login is asked each time that login is to be used.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::connecting::STEP_LIMIT;
use super::found::Found;
use super::live::To;
use super::names::Place;
use super::noticing::Noticing;
use super::server::Server;
use super::tokens::{OTHERS_PUT_BACK, Parts};
use super::{FleetError, value_in};
use crate::sync::Mutex;

/// What goes with the name of what a server holds.
#[derive(Debug, Clone)]
struct Held {
    /// Of the process; empty where that is not told.
    run: String,
    /// Whether it has no name from before: what the same process held before is this.
    is_first: bool,
}

/// What a single server tells that it is.
pub(super) struct Told {
    pub(super) life: String,
    /// How other names of the same life end.
    pub(super) same: Option<String>,
}

/// What a server tells of what it holds, in `INFO`.
pub(super) struct Holdings {
    /// Empty where it does not tell.
    name: String,
    held: Held,
    /// For how long it has been running.
    since: Option<Duration>,
    /// Whether it may have something that was not written since it began.
    may_be_old: bool,
}

impl Holdings {
    pub(super) fn of(info: &str) -> Self {
        let is = |name: &str, value: &str| value_in(info, name) == Some(value);
        let text = |name: &str| value_in(info, name).unwrap_or_default().to_owned();
        let before = value_in(info, "master_replid2:");
        let is_first = before.is_some_and(|id| id.bytes().all(|it| it == b'0'));
        let has_loaded_nothing = is("rdb_last_load_keys_loaded:", "0") && is("aof_enabled:", "0");
        let is_new = has_loaded_nothing && is_first;
        let since = value_in(info, "uptime_in_seconds:").and_then(|it| it.parse().ok());
        Self {
            name: text("master_replid:"),
            held: Held { run: text("run_id:"), is_first },
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
    pub(super) noticing: Noticing,
    /// By which lives are named where the server does not tell.
    pub(super) own: u64,
}

#[derive(Default)]
struct State {
    /// What the masters hold, by its name.
    held: HashMap<String, Held>,
    unsettled: Option<Unsettled>,
    /// Since when the server may be another one, which it does not tell.
    unknown: Option<Instant>,
    /// The life of a single server that was noticed last, and when.
    life: Option<(String, Instant)>,
    /// When all was last to be looked at.
    looked_at: Option<Instant>,
    /// Whether all is to be looked at later.
    is_put_off: bool,
    /// When masters were asked last.
    asked: Option<Instant>,
}

/// What others know is perhaps not back.
struct Unsettled {
    since: Instant,
    /// Also where something is found.
    may_be_old: bool,
}

impl Losses {
    pub(super) fn new() -> Self {
        let (state, noticing) = (Mutex::default(), Noticing::default());
        Self { state, looks: watch::Sender::new(0), noticing, own: fastrand::u64(..) }
    }

    /// Changes when this process is to look at all that it knows.
    pub(super) fn looks(&self) -> watch::Receiver<u64> {
        self.looks.subscribe()
    }

    /// There is a new connection.
    pub(super) fn connected(&self, is_first: bool, holdings: &[Holdings]) {
        let state = &mut *self.state.lock();
        let (now, tells) = (Instant::now(), named(holdings).next().is_some());
        let may_be_old = holdings.is_empty() || holdings.iter().any(|it| it.may_be_old);
        let is_same = state.has_all(holdings);
        let youngest = holdings.iter().filter_map(|it| it.since).min();
        let since = match is_first {
            true => youngest.and_then(|since| now.checked_sub(since)),
            false => (!is_same && tells).then_some(now),
        };
        if let Some(since) = since {
            state.unsettled = Some(Unsettled { since, may_be_old });
        }
        state.unknown = (!is_first && !tells).then_some(now);
        state.hold(holdings, true);
        if !is_first {
            self.look_at(state, now);
        }
    }

    /// Some masters of a cluster have told what they hold, or all of them.
    fn met(&self, holdings: &[Holdings], are_all: bool) {
        let state = &mut *self.state.lock();
        if !state.held.is_empty() && !state.has_all(holdings) {
            let now = Instant::now();
            state.unsettled = Some(Unsettled::by_another(now));
            self.look_at(state, now);
        }
        state.hold(holdings, are_all);
    }

    /// Whether more has to be told of some, by which they may turn out to be the same as before.
    fn may_be_renamed(&self, holdings: &[Holdings]) -> bool {
        let state = self.state.lock();
        let may_be = |it: &Holdings| {
            it.held.is_first && it.held.run.is_empty() && !state.held.contains_key(&it.name)
        };
        !state.held.is_empty() && named(holdings).any(may_be)
    }

    /// What a single server tells that it is, if it does.
    pub(super) fn told(&self) -> Option<Told> {
        let state = self.state.lock();
        let (name, Held { run, is_first }) = state.held.iter().next()?;
        let same = Some(format!("/{run}")).filter(|_| *is_first && !run.is_empty());
        Some(Told { life: format!("{name}/{run}"), same })
    }

    /// Whether this process has been in another life since this one was noticed first, which nobody
    /// says of a server without a note: others may know what was done in that. `same` is as in [`Told`].
    pub(super) fn comes_back(
        &self,
        life: &str,
        same: Option<&str>,
        known_for: Option<Duration>,
    ) -> bool {
        let state = self.state.lock();
        let Some((last, at)) = &state.life else { return false };
        let is_another = last != life && same.is_none_or(|same| !last.ends_with(same));
        is_another && known_for.is_some_and(|known_for| at.elapsed() < known_for)
    }

    /// What a single server is, and for how long the fleet has known that.
    pub(super) fn lives(&self, life: String, known_for: Option<Duration>) {
        let state = &mut *self.state.lock();
        let now = Instant::now();
        let is_another = state.life.as_ref().is_none_or(|(last, _)| *last != life);
        if let Some(unknown) = state.unknown.take().filter(|_| is_another) {
            state.unsettled = Some(Unsettled::by_another(unknown));
        }
        state.life = Some((life, now));
        let since = known_for.and_then(|known_for| now.checked_sub(known_for));
        let last = state.unsettled.as_ref().map(|it| it.since);
        if let Some(since) = since.filter(|since| last.is_none_or(|last| last < *since)) {
            state.unsettled = Some(Unsettled::by_another(since));
        }
    }

    /// When all is to be looked at, which it is at once where that was not done lately, and after which
    /// look; `None` where nothing is left to be done.
    fn put_off(&self) -> Option<(Instant, u64)> {
        let state = &mut *self.state.lock();
        let now = Instant::now();
        match state.looked_at.map(|at| at + LOOKS_APART).filter(|next| now < *next) {
            None => {
                self.look_at(state, now);
                None
            }
            Some(_) if state.is_put_off => None,
            Some(next) => {
                state.is_put_off = true;
                Some((next, *self.looks.borrow()))
            }
        }
    }

    /// Unless it was done since.
    fn look_after(&self, look: u64) {
        let state = &mut *self.state.lock();
        if *self.looks.borrow() == look {
            self.look_at(state, Instant::now());
        }
    }

    fn look_at(&self, state: &mut State, now: Instant) {
        state.looked_at = Some(now);
        state.is_put_off = false;
        self.looks.send_modify(|number| *number += 1);
    }

    /// How long those who know more may still take to put it back, for who has found something, or
    /// not.
    pub(super) fn settled_in(&self, is_found: bool) -> Option<Duration> {
        self.state.lock().unsettled_in(|it| it.may_be_old || !is_found)
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

impl State {
    /// Whether all that tell what they hold have held it before.
    fn has_all(&self, holdings: &[Holdings]) -> bool {
        named(holdings).all(|Holdings { name, held, .. }| {
            let is_same = |before: &Held| before.run == held.run && !held.run.is_empty();
            self.held.contains_key(name) || held.is_first && self.held.values().any(is_same)
        })
    }

    /// One that does not tell which process it is has told that with the same name.
    fn hold(&mut self, holdings: &[Holdings], are_all: bool) {
        let before = std::mem::take(&mut self.held);
        let with_run = |Holdings { name, held, .. }: &Holdings| {
            let known = before.get(name).filter(|_| held.run.is_empty());
            (name.clone(), known.unwrap_or(held).clone())
        };
        let told: Vec<_> = named(holdings).map(with_run).collect();
        self.held = if are_all { HashMap::new() } else { before };
        self.held.extend(told);
    }

    fn unsettled_in(&self, counts: impl Fn(&Unsettled) -> bool) -> Option<Duration> {
        let since = self.unsettled.as_ref().filter(|it| counts(it)).map(|it| it.since);
        OTHERS_PUT_BACK.checked_sub(since.max(self.unknown)?.elapsed())
    }
}

impl Unsettled {
    fn by_another(since: Instant) -> Self {
        Self { since, may_be_old: true }
    }
}

impl Server {
    /// This process has found that the server had lost something: all is looked at, at once or as soon
    /// as the last look is long enough ago.
    pub(super) fn found_one(self: &Arc<Self>) {
        let Some((at, look)) = self.losses.put_off() else { return };
        let put_off = PutOff { server: Arc::downgrade(self), look };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                sleep_until(at).await;
                drop(put_off);
            });
        }
    }

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
            for section in [Some("replication"), None] {
                let Ok(Ok(holdings)) = timeout(STEP_LIMIT, live.holdings(section)).await else {
                    return;
                };
                let Some(server) = server.upgrade() else { return };
                if section.is_none() || !server.losses.may_be_renamed(&holdings) {
                    return server.losses.met(&holdings, true);
                }
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
            let mut told = [Holdings::of(&info)];
            if self.losses.may_be_renamed(&told)
                && let Some(info) = self.info("default", To::HolderOf(key)).await
            {
                told = [Holdings::of(&info)];
            }
            self.losses.met(&told, false);
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
        let server = self.server()?;
        server.notice_its_life(&self.names).await;
        let settled_in = server.settled_in(&place.logins, is_found).await;
        let put_back = found.put_back_for.filter(|_| is_first);
        let put_back = put_back.and_then(|since| OTHERS_PUT_BACK.checked_sub(since));
        Ok(settled_in.max(put_back))
    }
}

/// A look, which is not lost with the runtime on which it is waited for.
struct PutOff {
    server: Weak<Server>,
    look: u64,
}

impl Drop for PutOff {
    fn drop(&mut self) {
        if let Some(server) = self.server.upgrade() {
            server.losses.look_after(self.look);
        }
    }
}

/// Those that tell what they hold.
fn named(holdings: &[Holdings]) -> impl Iterator<Item = &Holdings> {
    holdings.iter().filter(|it| !it.name.is_empty())
}

/// Between two looks at all that is known, where no connection was lost.
const LOOKS_APART: Duration = Duration::from_secs(10);

/// No longer than others wait.
const ASKED_APART: Duration = OTHERS_PUT_BACK;
