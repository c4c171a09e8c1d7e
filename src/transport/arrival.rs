//! A request under way, from when it leaves to the end of its response's body.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use tokio::time::Instant;

use super::lane::{Lane, Place, Pool};

/// A wait for a response, or for the rest of it. One that is dropped after a while without an end
/// timed out for its caller.
pub(crate) struct Arrival {
    journey: Option<Journey>,
    began: Instant,
}

/// An extension of a response whose body is still to come: on which connections it comes.
#[derive(Clone)]
struct Journey {
    lane: Arc<Lane>,
    place: Arc<Place>,
    /// How many responses had come on them before.
    responses: u64,
    /// Whether the connections are replaced after a time-out though others get responses.
    is_rare: bool,
}

impl Arrival {
    pub(super) fn new(lane: Arc<Lane>, pool: Arc<Pool>, is_rare: bool) -> Self {
        let responses = pool.responses();
        let place = Arc::new(Place::on(pool));
        Self::of(Some(Journey { lane, place, responses, is_rare }))
    }

    fn of(journey: Option<Journey>) -> Self {
        Self { journey, began: Instant::now() }
    }

    /// The body of a response that is about to be read.
    pub(crate) fn body_of(response: &Response) -> Self {
        Self::of(response.extensions().get().cloned())
    }

    /// The head has come. It proves nothing yet: that of a body which never comes is as dead.
    pub(super) fn head_came(&mut self, response: &mut Response) {
        match response.content_length() {
            Some(0) => self.ended(),
            _ => drop(self.journey.take().map(|it| response.extensions_mut().insert(it))),
        }
    }

    /// The response has come whole, or as far as it is of interest.
    pub(crate) fn ended(&mut self) {
        if let Some(journey) = self.journey.take() {
            journey.pool().count_response();
        }
    }

    /// What is left of the response is of no interest.
    pub(crate) fn left(&mut self) {
        if let Some(journey) = self.journey.take() {
            journey.pool().count_response();
            journey.give_up();
        }
    }

    pub(crate) fn failed(&mut self, error: &reqwest::Error) {
        if let Some(journey) = self.journey.take()
            && error.is_timeout()
        {
            journey.suspect();
            journey.give_up();
        }
    }
}

impl Journey {
    fn pool(&self) -> &Arc<Pool> {
        self.place.pool()
    }

    /// Replaces the connections, unless others got their responses on them meanwhile: then it is
    /// the request that is slow, and nobody else's concern.
    fn suspect(&self) {
        if self.is_rare || self.pool().responses() == self.responses {
            self.lane.replace(self.pool());
        }
    }

    /// The connection may have to carry on without what is still on its way.
    fn give_up(&self) {
        if self.pool().is_worn_by_giving_up() {
            self.lane.replace(self.pool());
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let Some(journey) = self.journey.take() else { return };
        if self.began.elapsed() >= GIVEN_UP {
            journey.suspect();
        }
        journey.give_up();
    }
}

/// From when on a request that its caller drops is taken for one that timed out.
const GIVEN_UP: Duration = Duration::from_secs(1);
