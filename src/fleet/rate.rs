//! The rate of an app that processes share through the server: one script, in `rate.lua`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::link::Limit;
use super::names::Names;
use super::returned::read;
use super::scripts::EXCHANGE;
use super::server::Server;
use super::{FleetError, RedisFleet};
use crate::middleware::{Granted, SharedLimit, SharedLimitError, Told};

/// A limit that the processes of a fleet share: [`RedisFleet::shared_limit`].
///
/// The server keeps the state that a limiter keeps of an app, and moves it on by the same rules: a
/// 429 of one process closes all of them, and the rate that it teaches holds for all. Starts are
/// spread over the processes that have something to send, in equal shares; urgent requests may go
/// first, up to a fifth of the rate.
///
/// An exchange takes at most 50 ms, connecting included. After that the limiter goes on alone, at
/// its share of the last rate, and asks again every 0.5 to 1.5 s. The first that is back brings the
/// rate along where the server has lost it. The state is 600 bytes for each app and 100 for each
/// process; it is gone half an hour after the last exchange.
///
/// The rules are those for a server that counts over 30 s, as Spotify does.
#[derive(Clone)]
pub struct RedisSharedLimit {
    server: Result<Arc<Server>, FleetError>,
    names: Names,
}

impl RedisSharedLimit {
    pub(super) fn new(fleet: &RedisFleet) -> Self {
        Self { server: fleet.server(), names: fleet.names() }
    }

    /// Exchanges for an app of nobody's, as a limiter would, but without haste.
    pub(super) async fn check(&self) -> Result<(), FleetError> {
        let app = format!("check {:016x}", fastrand::u64(..));
        let server = self.server.as_ref().map_err(FleetError::clone)?;
        let (member, told) = arguments_of(&Told::default());
        let [state, members] = self.names.rate(Some(&app))?;
        let arguments = [member.as_bytes(), &told];
        let granted = server.run(&EXCHANGE, &[&state, &members], &arguments).await;
        let granted =
            granted.and_then(read::<Vec<u8>>).map_err(|error| of_both(error, &members))?;
        granted_of(&granted).ok_or_else(|| FleetError::layout(&state))?;
        let mut removing = redis::cmd("DEL");
        removing.arg(&[&state, &members]);
        server.command_on(&state, &removing).await.map(drop)
    }

    async fn take_part(&self, app: Option<&str>, told: &Told) -> Result<Granted, FleetError> {
        let server = self.server.as_ref().map_err(FleetError::clone)?;
        let (member, told) = arguments_of(told);
        let [state, members] = self.names.rate(app)?;
        let arguments = [member.as_bytes(), &told];
        let granted = server.run_once(&EXCHANGE, &[&state, &members], &arguments, LIMIT).await;
        let granted =
            granted.and_then(read::<Vec<u8>>).map_err(|error| of_both(error, &members))?;
        granted_of(&granted).ok_or_else(|| FleetError::layout(&state))
    }
}

/// Something else may stand under either name.
fn of_both(error: FleetError, members: &str) -> FleetError {
    match error {
        FleetError::Layout { place } => {
            FleetError::Layout { place: format!("{place}` or `{members}") }
        }
        error => error,
    }
}

/// The member by its name, and the rest as doubles: texts would take the server longer to read than
/// all that it does with them.
pub(super) fn arguments_of(told: &Told) -> (String, Vec<u8>) {
    let last_rate = told.last_rate.filter(|rate| rate.is_finite() && *rate > 0.0);
    // What is too large for a double is far from what there is.
    let numbers = [
        told.epoch as f64,
        told.succeeded.into(),
        f64::from(u8::from(told.is_open)),
        f64::from(u8::from(told.others_wait)),
        told.refused_for.map_or(-1.0, |pause| pause.as_secs_f64()),
        told.refused_in as f64,
        last_rate.unwrap_or(0.0),
        told.starts.into(),
        f64::from(u8::from(told.is_urgent)),
    ];
    (told.member.to_string(), numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}

pub(super) fn granted_of(numbers: &[u8]) -> Option<Granted> {
    let (numbers, rest) = numbers.as_chunks();
    let [epoch, closed_for, rate, active, starts, first_in, step, come_back_in] = *numbers else {
        return None;
    };
    if !rest.is_empty() {
        return None;
    }
    let [epoch, closed_for, rate, active, starts, first_in, step, come_back_in] =
        [epoch, closed_for, rate, active, starts, first_in, step, come_back_in]
            .map(f64::from_le_bytes);
    let seconds = |it: f64| Duration::try_from_secs_f64(it.max(0.0)).unwrap_or(Duration::MAX);
    // `as` saturates.
    Some(Granted {
        epoch: epoch as u64,
        closed_for: seconds(closed_for),
        rate: Some(rate).filter(|rate| *rate > 0.0),
        active: active as u32,
        starts: starts as u32,
        first_in: seconds(first_in),
        step: seconds(step),
        come_back_in: seconds(come_back_in),
    })
}

#[async_trait]
impl SharedLimit for RedisSharedLimit {
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        let granted = self.take_part(app, told).await;
        granted.map_err(|error| SharedLimitError::new(error.to_string()))
    }
}

/// Without keys.
impl fmt::Debug for RedisSharedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisSharedLimit").field(&self.server).finish()
    }
}

/// A tenth of a call to the API.
const LIMIT: Limit = Limit::within(Duration::from_millis(50));

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
