//! The rate limiter: one for all clones and users of a client, with a limit for each app.
//!
//! The law is pure, with the time as an argument. Read `state`, which two limits a request needs a
//! place in; `bucket` and `rate`, what a refusal does to a limit; `whose`, to which of the two it
//! is told; `failures`; and `queue`, who goes next. Around it, `app` is how a caller waits, over
//! what is under `lock`, and `untold` what it is told when that is open; `by_hand` is what people
//! see and set, of all apps or of one, and `controls` of which; `membership` and `exchange` are a
//! limit that processes share.

mod announced;
mod app;
mod batch;
mod bucket;
mod by_hand;
mod clock;
mod controls;
mod endpoint;
mod error;
mod evidence;
mod exchange;
mod failures;
mod granted;
mod heads;
mod history;
mod line;
mod lock;
mod membership;
mod news;
mod options;
mod pair;
mod permit;
#[cfg(feature = "testing")]
mod pool;
mod queue;
mod rate;
mod registry;
mod shared;
mod signer;
mod state;
mod stats;
mod trial;
mod tries;
mod turns;
mod untold;
mod whose;
mod width;

#[cfg(test)]
mod rules;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod walk;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response, StatusCode};
use reqwest_middleware::{Error, Middleware, Next, Result};
use tokio::time::Instant;

use self::app::App;
use self::pair::Pair;
use self::permit::{Permit, Stay, Turn, Wanted};
use self::registry::{BY_HAND, Registry};
use self::signer::Signer;
use self::state::Outcome;
use super::RequestClass;
use super::trace::{Attempts, CallWaits, LimitedResponse, NotedWait};
use crate::auth::Authenticator;
use crate::transport::{
    Origin, ServerError, can_wait, is_transient_status, peek_body, retry_after,
};

pub use error::{InvalidEndpoint, LimitKind, RateLimited};
pub use options::RateLimitOptions;
#[cfg(feature = "testing")]
pub(crate) use pool::Pool;
pub use shared::{Granted, SharedLimit, SharedLimitError, Sharing, Told};
pub use stats::{BucketStats, Closing, Closings, RateLimitStats};

/// Time in the pure parts: since the limiter was made. No sum of it overflows.
type Seconds = f64;

/// Holds requests back while the server asks for it.
///
/// Without a 429 nothing waits. After one, no request to that endpoint starts before `Retry-After`
/// is over; when several follow each other, requests start spread out, at the rate that the server
/// was seen to allow, which is tried and raised from time to time. The whole app is held back only
/// when several endpoints are refused. While an endpoint or the server fails (8 failures without a
/// success over a second or more, or 64 at once), a request each half second looks whether it is
/// back. Requests wait in order; [urgent](RequestClass::is_urgent) ones go first.
///
/// A `Retry-After` that is missing, zero or unreadable counts as a second. Where refusals go on,
/// waits grow to the server's window: a full window is not emptied by asking each second. The guide
/// is [`limits`](crate::guide::limits).
///
/// Clones share the limits. Each app, known by its client id, has its own; see
/// [`for_app`](Self::for_app). A limiter that was made by hand is that of all apps whose clients it
/// is plugged into: [`close_for`](Self::close_for) and [`reopen`](Self::reopen) act on all of them,
/// and [`stats`](Self::stats) tells of all together. One that [`for_app`](Self::for_app) or a
/// [client](crate::SpotifyClient::rate_limiter) returned is that of one app.
///
/// An app is known as long as a limiter or a client of it is kept, and after that for as long as
/// something is closed or paced for it, or was refused within the window: a rate that nobody needs
/// is forgotten by itself, some minutes later. From 256 apps on, those of which nothing of the kind
/// is known are forgotten. The same holds for an app's endpoints, of which 256 are told apart: one
/// that a call waits at, or has a request under way to, is kept.
///
/// ```
/// use reqwest_middleware::ClientBuilder;
/// use spotify_web::SpotifyClientConfig;
/// use spotify_web::middleware::RateLimiter;
///
/// let http = SpotifyClientConfig::default().http_client()?; // or a client of your own
/// let client = ClientBuilder::new(http).with(RateLimiter::default()).build();
/// # Ok::<(), spotify_web::Error>(())
/// ```
#[derive(Clone)]
pub struct RateLimiter {
    registry: Arc<Registry>,
    app: Arc<App>,
    /// [`BY_HAND`], or the number of a user.
    user: u64,
    max_wait: Duration,
    signer: Option<Signer>,
}

impl RateLimiter {
    /// A limiter with options of your own, for all apps whose clients it is plugged into. Requests
    /// that pass it without a client are those of an app that has no name.
    pub fn new(options: RateLimitOptions) -> Self {
        let max_wait = options.max_wait;
        let registry = Arc::new(Registry::new(options));
        let app = registry.app(None);
        Self { registry, app, user: BY_HAND, max_wait, signer: None }
    }

    /// The limiter for another user, of the app with this client id. Users of one app share its
    /// limits; requests that fail for one user alone slow down no other.
    #[must_use]
    pub fn for_app(&self, client_id: Option<&str>) -> Self {
        self.for_user_of(self.registry.app(client_id))
    }

    /// The limiter for another user of its app, or of the app that has no name.
    pub(crate) fn for_user(&self) -> Self {
        self.for_user_of(Arc::clone(&self.app))
    }

    fn for_user_of(&self, app: Arc<App>) -> Self {
        let user = self.registry.next_user();
        let registry = Arc::clone(&self.registry);
        Self { registry, app, user, max_wait: self.max_wait, signer: None }
    }

    /// The client id of its app, where that has one.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.app.client_id.as_deref()
    }

    pub(crate) fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Sets how long its calls may wait in all. Other clones of the limiter keep their time.
    pub(crate) fn waiting_at_most(self, max_wait: Duration) -> Self {
        Self { max_wait, ..self }
    }

    /// Has requests to an origin signed anew that waited for a permit.
    pub(crate) fn signing_by(self, authenticator: Arc<dyn Authenticator>, origin: Origin) -> Self {
        Self { signer: Some(Signer { authenticator, origin }), ..self }
    }

    /// Waits for a permit, and has the request signed anew, since its token may have expired
    /// meanwhile.
    async fn permit_and_sign(
        &self,
        stay: Stay,
        request: &mut Request,
        extensions: &mut Extensions,
    ) -> Result<Permit> {
        let mut fresh = FRESH;
        loop {
            let began = Instant::now();
            let permit = self.permit(stay.pair, extensions).await.map_err(Error::middleware)?;
            let is_fresh = began.elapsed() < fresh;
            let Some(signer) = self.signer.as_ref().filter(|_| !is_fresh) else {
                return Ok(permit);
            };
            let number = permit.number;
            if let Some(permit) = signer.sign(permit, request).await? {
                return Ok(permit);
            }
            self.keep_number(extensions, number);
            // A signature that always takes a while is not asked for without end.
            fresh *= 2;
        }
    }

    async fn permit(
        &self,
        pair: Pair,
        extensions: &mut Extensions,
    ) -> std::result::Result<Permit, RateLimited> {
        loop {
            let wanted = self.wanted(pair, extensions, Instant::now());
            let status = extensions.get::<Attempts>().and_then(|attempts| attempts.status);
            let mut wait = NotedWait::begin(extensions);
            let turn = self.app.permit(wanted).await;
            if let Ok(Turn::Late { idle, .. }) = turn {
                wait.leave_out(idle);
            }
            drop(wait);
            let turn = turn.map_err(|limited| RateLimited { status, ..limited });
            match turn? {
                Turn::Go(permit) => return Ok(permit),
                Turn::Late { number, .. } => self.keep_number(extensions, number),
            }
        }
    }

    fn wanted(&self, pair: Pair, extensions: &Extensions, now: Instant) -> Wanted {
        let waits = extensions.get::<CallWaits>();
        let class = extensions.get::<RequestClass>().copied();
        let to_deadline = to_deadline(class.as_ref(), now);
        let waited = waits.map_or(Duration::ZERO, |waits| waits.waited);
        let max_wait = class.and_then(|class| class.max_wait).unwrap_or(self.max_wait);
        let patience = max_wait.saturating_sub(waited).min(to_deadline);
        let is_urgent = class.is_some_and(|class| class.is_urgent);
        let number = waits.and_then(|waits| waits.number(self.app.id));
        Wanted { pair, is_urgent, number, patience, to_deadline }
    }

    fn keep_number(&self, extensions: &mut Extensions, number: u64) {
        extensions.get_or_insert_default::<CallWaits>().keep_number(self.app.id, number);
    }

    /// Tells why a response is a refusal, and when the request would go.
    async fn refused(&self, response: Response, pair: Pair, extensions: &Extensions) -> Response {
        let (mut response, reason) = with_reason(response).await;
        let is_quota = reason.as_deref() == Some(QUOTA_EXCEEDED);
        self.app.give_reason(pair, reason);
        self.app.announce(Some(pair.endpoint));
        if self.app.is_telling() && can_wait() {
            let class = extensions.get::<RequestClass>();
            self.app.refusals_told(to_deadline(class, Instant::now())).await;
        }
        let RateLimited { retry_after, limit, .. } = self.app.closed(pair);
        response.extensions_mut().insert(LimitedResponse { retry_after, limit, is_quota });
        response
    }
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(RateLimitOptions::default())
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("options", &self.registry.options)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Middleware for RateLimiter {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let pair = Pair { endpoint: endpoint::key(&request), user: self.user };
        let permit = match self.app.permit_at_once(pair, || endpoint::name(&request)) {
            Ok(permit) => permit,
            // What most requests do without takes no room in them.
            Err(stay) => Box::pin(self.permit_and_sign(stay, &mut request, extensions)).await?,
        };
        let result = next.run(request, extensions).await;
        let outcome = outcome(&result);
        let number = permit.number;
        let pair = permit.pair;
        permit.settle(outcome);
        match result {
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                self.keep_number(extensions, number);
                Ok(Box::pin(self.refused(response, pair, extensions)).await)
            }
            result => result,
        }
    }
}

fn to_deadline(class: Option<&RequestClass>, now: Instant) -> Duration {
    class.and_then(|class| class.deadline).map_or(Duration::MAX, |deadline| {
        deadline.saturating_duration_since(now).saturating_sub(TIMER_STEP)
    })
}

fn outcome(result: &Result<Response>) -> Outcome {
    match result {
        Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Refused(retry_after(response).map(|pause| pause.as_secs_f64()))
        }
        Ok(response) if is_failure(response.status()) => Outcome::Failed,
        Ok(_) => Outcome::Succeeded,
        Err(Error::Reqwest(error)) if error.is_connect() => Outcome::Failed,
        // The time-out is the caller's, who may be in a hurry.
        Err(Error::Reqwest(error)) if error.is_request() && !error.is_timeout() => Outcome::Failed,
        Err(_) => Outcome::Nothing,
    }
}

/// Whether the server is not well. A 501 is its word on the request, and a 408 may be the caller's
/// fault.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && is_transient_status(status)
}

/// Reads the body for the reason, and puts it back.
async fn with_reason(response: Response) -> (Response, Option<String>) {
    let (response, body) = peek_body(response, LONGEST_REASON).await;
    (response, ServerError::of(&body).reason)
}

/// Spotify's word for the quota of a developer's account, since July 2026.
const QUOTA_EXCEEDED: &str = "QUOTA_EXCEEDED";
const LONGEST_REASON: usize = 64 * 1024;
/// For so long a token may wait for a permit. No token is used in the last hundredth of its
/// lifetime, of ten seconds or more.
const FRESH: Duration = Duration::from_millis(100);
/// Timers are exact to a millisecond: a call hears of the limit before its deadline ends it.
const TIMER_STEP: Duration = Duration::from_millis(2);

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::sync::Mutex;

    /// A server that always refuses.
    struct Refuses;

    #[async_trait]
    impl Middleware for Refuses {
        async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
            let response = http::Response::builder().status(429).header("retry-after", "5");
            Ok(response.body("").unwrap().into())
        }
    }

    /// Keeps what it is told, and knows no limit.
    #[derive(Debug, Clone, Default)]
    struct Keeps(Arc<Mutex<Vec<Told>>>);

    #[async_trait]
    impl SharedLimit for Keeps {
        async fn exchange(
            &self,
            _: Option<&str>,
            told: &Told,
        ) -> std::result::Result<Granted, SharedLimitError> {
            self.0.lock().push(*told);
            tokio::task::yield_now().await;
            Ok(Granted::default())
        }
    }

    #[test]
    fn a_refusal_is_told_before_a_program_ends_that_sends_one_request() {
        let store = Keeps::default();
        let options = RateLimitOptions::default().with_shared(store.clone());
        let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
            .with(RateLimiter::new(options))
            .with(Refuses)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

        let response = runtime.block_on(client.get("http://a.test/v1/me").send()).unwrap();
        drop(runtime);

        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let told = store.0.lock();
        assert!(told.iter().any(|told| told.refused_for.is_some()), "{told:?}");
    }

    /// Each new app beyond a number would look at all others.
    #[test]
    fn apps_that_are_restored_cost_the_same_each() {
        let until = SystemTime::now() + Duration::from_secs(3600);
        let cost = |count: usize| {
            let closing = |number: usize| {
                let client_id = Some(number.to_string());
                Closing {
                    client_id,
                    endpoint: None,
                    until,
                    reason: None,
                    is_by_hand: false,
                    is_of_all_apps: false,
                }
            };
            let closings = Closings { closings: (0..count).map(closing).collect() };
            let limiter = RateLimiter::default();
            let counted = allocation_counter::measure(|| limiter.restore(&closings));
            assert_eq!(limiter.closings().closings.len(), count);
            u32::try_from(counted.count_total).unwrap()
        };
        let some = cost(300);
        let many = cost(3000);
        assert!(many < 15 * some, "{some} for 300, {many} for 3,000");
    }
}
