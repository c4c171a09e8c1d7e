//! A call that is led to the master of a cluster that has its slot.
//!
//! | what comes of a call | what follows |
//! |---|---|
//! | `MOVED` | that slot is the other's from now on, which is called; the map is asked for anew, for others |
//! | `ASK` | the other is called, this once |
//! | `TRYAGAIN`, `CLUSTERDOWN`, `LOADING` | it was not run: again after a pause, within the call's limit |
//! | connecting fails, or it does not take the login | the map is asked for anew; where the slot has another master then, that one is called |
//! | another error | the same, where the call may run twice |
//! | the connection closes, or it is a replica now | the same, and what may run twice is called again in any case |
//! | nothing, in time | an error; the map is asked for anew, for others |

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};
use tokio::time::{Instant, sleep};

use super::FleetError;
use super::failure::{Failure, NO_AGREEMENT};
use super::health::Part;
use super::link::{Limit, Missed, Node, Sent};
use super::masters::{Masters, failure_of};
use super::slots::{redirected, slot_of};

struct Call<'a> {
    command: &'a Cmd,
    slot: u16,
    limit: Limit,
    began: Instant,
    /// Whether there was a node without a connection.
    connects: bool,
    may_run_twice: bool,
    was_refreshed: bool,
    pause: Duration,
    redirects: u32,
    /// Which one is called.
    part: Part,
}

/// What a node has said to a call.
enum Said {
    Value(Value),
    Moved(u16, Node),
    Ask(Node),
    /// It was not run, and will be.
    Later(RedisError),
}

impl Masters {
    /// A command on a key, by the master that has it; and whose trouble it is where it fails.
    pub(super) async fn call(
        self: &Arc<Self>,
        command: &Cmd,
        key: &str,
        limit: Limit,
        may_run_twice: bool,
    ) -> (Part, Result<Value, Failure>) {
        let slot = slot_of(key);
        let mut call = Call {
            command,
            slot,
            limit,
            began: Instant::now(),
            connects: self.owner_of(slot).is_none(),
            may_run_twice,
            was_refreshed: false,
            pause: FIRST_PAUSE,
            redirects: 0,
            part: Part::All,
        };
        let result = self.lead(&mut call).await;
        (call.part, result)
    }

    async fn lead(self: &Arc<Self>, call: &mut Call<'_>) -> Result<Value, Failure> {
        let mut redirect = None;
        loop {
            let (node, asks) = match redirect.take() {
                Some(redirect) => redirect,
                None => (self.owner_for(call).await?, false),
            };
            call.part = Part::Master(node.clone());
            let link = self.link(&node);
            if !call.may_run_twice {
                link.wake().await;
            }
            call.connects |= !link.is_live();
            match self.send_call(call, &node, asks).await {
                Ok(Said::Value(value)) => return Ok(value),
                Ok(Said::Moved(slot, to)) => {
                    self.adopt(slot, to.clone());
                    self.refresh_soon();
                    redirect = Some((to, false));
                }
                Ok(Said::Ask(to)) => redirect = Some((to, true)),
                Ok(Said::Later(error)) => {
                    if !matches!(error.kind(), ErrorKind::Server(ServerErrorKind::TryAgain)) {
                        self.refresh_soon();
                    }
                    if !call.pauses().await {
                        return Err(Failure::of(&error));
                    }
                }
                Err(missed) => {
                    let failure = self.goes_on(call, &node, missed).await;
                    failure.map_or(Ok(()), Err)?;
                }
            }
            if redirect.is_some() {
                call.redirects += 1;
                // They tell each other what has moved.
                if call.redirects > MOST_REDIRECTS || call.redirects > 1 && !call.pauses().await {
                    return Err(Failure::Error(FleetError::Server { reason: NO_AGREEMENT.into() }));
                }
            }
        }
    }

    async fn send_call(
        self: &Arc<Self>,
        call: &Call<'_>,
        node: &Node,
        asks: bool,
    ) -> Result<Said, Missed> {
        let limit = call.left();
        let sent = match asks {
            false => self.send(node, Sent::One(call.command), limit).await,
            true => {
                let mut commands = Pipeline::new();
                commands.cmd("ASKING").add_command(call.command.clone());
                let values = self.send(node, Sent::Several(&commands), limit).await;
                let in_turn = |values: Vec<Value>| values.into_iter().map(Value::extract_error);
                values.and_then(|values| {
                    in_turn(values).collect::<Result<_, _>>().map_err(Missed::Failed)
                })
            }
        };
        match sent {
            Ok(values) => Ok(Said::Value(values.into_iter().next_back().unwrap_or(Value::Nil))),
            Err(Missed::Failed(error)) => Said::of(error, &node.0),
            Err(missed) => Err(missed),
        }
    }

    /// Whether the call is over for this reason, by which; or goes on with the map as it is now.
    async fn goes_on(
        self: &Arc<Self>,
        call: &mut Call<'_>,
        node: &Node,
        missed: Missed,
    ) -> Option<Failure> {
        let was_sent = !matches!(missed, Missed::Connection(_));
        let failure = failure_of(missed, call.limit);
        let may_change = self.may_change();
        self.refresh_after(&failure);
        let is_away = !was_sent || matches!(failure, Failure::Closed(_) | Failure::Demoted(_));
        let may_go_on = match &failure {
            Failure::NoScript | Failure::Layout | Failure::Altered => false,
            // Who has not logged in runs nothing.
            Failure::Error(FleetError::WrongPassword) => true,
            Failure::Error(FleetError::TimedOut { .. }) if was_sent => false,
            _ => !was_sent || call.may_run_twice,
        };
        if !may_go_on || call.was_refreshed {
            return Some(failure);
        }
        call.was_refreshed = true;
        // What a master refuses may be refused to all: they do not wait each for a map of its own; nor
        // does anybody where it has been asked for again and again.
        if (is_away || !self.was_asked_lately()) && may_change {
            self.refreshed(call.ends()).await.ok();
        }
        let is_elsewhere = self.owner_of(call.slot).is_some_and(|owner| owner != *node);
        let goes_on = (was_sent && is_away || is_elsewhere) && Instant::now() < call.ends();
        (!goes_on).then_some(failure)
    }

    async fn owner_for(self: &Arc<Self>, call: &mut Call<'_>) -> Result<Node, Failure> {
        let owner = self.owner(call.slot, call.ends()).await;
        owner.map_err(|(part, error)| {
            call.part = part;
            Failure::Error(error)
        })
    }
}

impl Call<'_> {
    /// All of it, redirects and pauses included. What has to be connected to on the way gives more time
    /// once.
    fn ends(&self) -> Instant {
        let connecting = if self.connects { self.limit.connecting } else { Duration::ZERO };
        self.began + self.limit.call + connecting
    }

    fn left(&self) -> Limit {
        let left = self.ends().saturating_duration_since(Instant::now());
        Limit { connecting: self.limit.connecting.min(left), call: self.limit.call.min(left) }
    }

    /// Whether there is time for another try after a pause, which was made then.
    async fn pauses(&mut self) -> bool {
        let pause = self.pause;
        if Instant::now() + pause >= self.ends() {
            return false;
        }
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        sleep(pause).await;
        true
    }
}

impl Said {
    fn of(error: RedisError, reached: &str) -> Result<Self, Missed> {
        use ServerErrorKind::{Ask, BusyLoading, ClusterDown, Moved, TryAgain};
        match error.kind() {
            ErrorKind::Server(TryAgain | ClusterDown | BusyLoading) => Ok(Self::Later(error)),
            ErrorKind::Server(kind @ (Moved | Ask)) => match redirected(&error, reached) {
                Some((slot, to)) if kind == Moved => Ok(Self::Moved(slot, to)),
                Some((_, to)) => Ok(Self::Ask(to)),
                None => Err(Missed::Failed(error)),
            },
            _ => Err(Missed::Failed(error)),
        }
    }
}

/// More than a slot that moves needs.
const MOST_REDIRECTS: u32 = 5;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
