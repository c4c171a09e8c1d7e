//! Whether the server may have lost something, as far as it shows: it is another one than before, or
//! began a moment ago, or one entry was not there.
//!
//! A server has a name for what it holds (`master_replid`), which is another after each start and each
//! failover. It is also another where the first replica comes, or the last one has gone for an hour:
//! then the server is the same process (`run_id`), and has no name from before (`master_replid2`), which
//! one that followed another has. The name is read on connecting; for a single server, `lives.rs` has what
//! others have noticed of it, and what is done where it is not told. A master of a cluster may be another
//! one without any connection being lost, as may the master of a slot; so they are asked now and then, and
//! the master of a login is asked each time that login is to be used. What one of them may have lost is
//! waited for by its own users.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::found::Found;
use super::link::Node;
use super::masters::{Masters, To};
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

    /// Whether it tells.
    const fn is_named(&self) -> bool {
        !self.name.is_empty()
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
    /// By master of a cluster; of a single server there is no name.
    masters: HashMap<Option<Node>, OfMaster>,
    /// The life of a single server that was noticed last, and when.
    life: Option<(String, Instant)>,
    /// When all was last to be looked at.
    looked_at: Option<Instant>,
    /// Whether all is to be looked at later.
    is_put_off: bool,
    /// When masters were asked last.
    asked: Option<Instant>,
}

/// What is known of one.
#[derive(Default)]
struct OfMaster {
    /// What it holds, by its name, if it tells.
    held: Option<(String, Held)>,
    unsettled: Option<Unsettled>,
    /// Since when it may be another one, which it does not tell.
    unknown: Option<Instant>,
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

    /// There is a new connection to a single server, or to a master of a cluster: the first one to what
    /// was there when this process began, or one to what may have taken over.
    pub(super) fn connected(
        &self,
        master: Option<&Node>,
        is_first: bool,
        holdings: Option<&Holdings>,
    ) {
        let state = &mut *self.state.lock();
        let (now, told) = (Instant::now(), holdings.filter(|it| it.is_named()));
        let may_be_old = holdings.is_none_or(|it| it.may_be_old);
        let is_same = told.is_some_and(|told| state.has(told));
        let since = match is_first {
            true => holdings.and_then(|it| it.since).and_then(|since| now.checked_sub(since)),
            false => (told.is_some() && !is_same).then_some(now),
        };
        let of_master = state.masters.entry(master.cloned()).or_default();
        if let Some(since) = since {
            of_master.unsettled = Some(Unsettled { since, may_be_old });
        }
        of_master.unknown = (!is_first && told.is_none()).then_some(now);
        if told.is_none() {
            of_master.held = None;
        }
        state.hold(master, told);
        // One master that is slow, and to which connections are replaced, has nothing looked at in others.
        let may_lack = master.is_none() || !is_same;
        if !is_first && may_lack {
            self.look_at(state, now);
        }
    }

    /// A master of a cluster has told what it holds.
    fn met(&self, master: &Node, holdings: &Holdings) {
        let state = &mut *self.state.lock();
        let told = Some(holdings).filter(|it| it.is_named());
        if state.has_any() && told.is_some_and(|told| !state.has(told)) {
            let now = Instant::now();
            let of_master = state.masters.entry(Some(master.clone())).or_default();
            of_master.unsettled = Some(Unsettled::by_another(now));
            self.look_at(state, now);
        }
        state.hold(Some(master), told);
    }

    /// Whether more has to be told of a master, by which it may turn out to be the same as before.
    fn may_be_renamed(&self, holdings: &Holdings) -> bool {
        let state = self.state.lock();
        let Held { run, is_first } = &holdings.held;
        let may_be = holdings.is_named() && *is_first && run.is_empty();
        may_be && state.has_any() && !state.all_held().any(|(name, _)| *name == holdings.name)
    }

    /// What others held is nothing to go by any more.
    fn masters_are(&self, masters: &[Node]) {
        let is_one = |master: &Option<Node>| master.as_ref().is_none_or(|it| masters.contains(it));
        self.state.lock().masters.retain(|master, _| is_one(master));
    }

    /// What a single server tells that it is, if it does.
    pub(super) fn told(&self) -> Option<Told> {
        let state = self.state.lock();
        let (name, Held { run, is_first }) = state.masters.get(&None)?.held.as_ref()?;
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
        state.life = Some((life, now));
        let it = state.masters.entry(None).or_default();
        if let Some(unknown) = it.unknown.take().filter(|_| is_another) {
            it.unsettled = Some(Unsettled::by_another(unknown));
        }
        let since = known_for.and_then(|known_for| now.checked_sub(known_for));
        let last = it.unsettled.as_ref().map(|it| it.since);
        if let Some(since) = since.filter(|since| last.is_none_or(|last| last < *since)) {
            it.unsettled = Some(Unsettled::by_another(since));
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

    /// How long those who know more of what a master has may still take to put it back, for who has found
    /// something, or not.
    fn settled_in(&self, master: &Option<Node>, is_found: bool) -> Option<Duration> {
        let state = self.state.lock();
        state.masters.get(master)?.unsettled_in(|it| it.may_be_old || !is_found)
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
    /// What is held by all that tell.
    fn all_held(&self) -> impl Iterator<Item = &(String, Held)> {
        self.masters.values().filter_map(|it| it.held.as_ref())
    }

    fn has_any(&self) -> bool {
        self.all_held().next().is_some()
    }

    /// Whether it was held before, by any: slots move.
    fn has(&self, told: &Holdings) -> bool {
        let Held { run, is_first } = &told.held;
        self.all_held().any(|(name, before)| {
            *name == told.name || *is_first && before.run == *run && !run.is_empty()
        })
    }

    /// One that does not tell which process it is has told that with the same name.
    fn hold(&mut self, master: Option<&Node>, told: Option<&Holdings>) {
        let Some(Holdings { name, held, .. }) = told else { return };
        let of_master = self.masters.entry(master.cloned()).or_default();
        let is_known = |(before, _): &(String, Held)| before == name && held.run.is_empty();
        if !of_master.held.as_ref().is_some_and(is_known) {
            of_master.held = Some((name.clone(), held.clone()));
        }
    }
}

impl OfMaster {
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
        let Some((at, look)) = self.losses().put_off() else { return };
        let put_off = PutOff { server: Arc::downgrade(self), look };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                sleep_until(at).await;
                drop(put_off);
            });
        }
    }

    /// Asks all masters of a cluster what they hold, if it is time to: each in a task of its own, since one
    /// that is away is the trouble of those who use it.
    pub(super) fn ask_masters(self: &Arc<Self>) {
        let (Ok(runtime), Some(masters)) = (Handle::try_current(), self.cluster()) else { return };
        let all = masters.known();
        if all.is_empty() || !self.losses().is_time_to_ask() {
            return;
        }
        self.losses().masters_are(&all);
        for master in all {
            let (server, masters) = (Arc::downgrade(self), Arc::clone(masters));
            runtime.spawn(async move {
                let Some(told) = holdings_of(&masters, &master, Some("replication")).await else {
                    return;
                };
                if let Some(server) = server.upgrade() {
                    server.meet(&masters, &master, told).await;
                }
            });
        }
    }

    /// Takes in what a master holds, of which more is asked where that may be needed.
    async fn meet(&self, masters: &Arc<Masters>, master: &Node, mut told: Holdings) {
        if self.losses().may_be_renamed(&told)
            && let Some(all) = holdings_of(masters, master, None).await
        {
            told = all;
        }
        self.losses().met(master, &told);
    }

    /// How long who found something under a key, or nothing, is to wait for those who know more.
    pub(super) async fn settled_in(&self, key: &str, is_found: bool) -> Option<Duration> {
        if let Some(masters) = self.cluster()
            && let Some(master) = masters.known_owner(key)
            && let Some(info) = self.info("replication", To::Master(&master)).await
        {
            self.meet(masters, &master, Holdings::of(&info)).await;
        }
        self.known_to_settle_in(key, is_found)
    }

    /// The same, by what is known of the master that has the key.
    pub(super) fn known_to_settle_in(&self, key: &str, is_found: bool) -> Option<Duration> {
        self.losses().settled_in(&self.known_owner(key), is_found)
    }
}

async fn holdings_of(
    masters: &Arc<Masters>,
    master: &Node,
    section: Option<&str>,
) -> Option<Holdings> {
    masters.info(master, section).await.as_deref().map(Holdings::of)
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
            server.losses().look_after(self.look);
        }
    }
}

/// Between two looks at all that is known, where no connection was lost.
const LOOKS_APART: Duration = Duration::from_secs(10);

/// No longer than others wait.
const ASKED_APART: Duration = OTHERS_PUT_BACK;
