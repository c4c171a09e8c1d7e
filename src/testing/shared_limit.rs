//! A shared limit in memory, which can fall silent.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::middleware::{Granted, Pool, SharedLimit, SharedLimitError, Told};
use crate::sync::Mutex;

/// A [`SharedLimit`] in memory, for tests of several limiters that share one.
///
/// Clones are the same limit. Time in it is tokio's, so that a test may pause it.
///
/// ```
/// use spotify_web::middleware::{RateLimitOptions, RateLimiter};
/// use spotify_web::testing::FakeSharedLimit;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let shared = FakeSharedLimit::new();
/// let process = || RateLimiter::new(RateLimitOptions::default().with_shared(shared.clone()));
/// let one = process();
/// let other = process();
/// assert_eq!(shared.exchanges(), 0, "nothing is sent without requests");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FakeSharedLimit {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    pools: HashMap<Option<String>, Pool>,
    begin: Instant,
    is_silent: bool,
    told: Vec<Told>,
}

impl FakeSharedLimit {
    /// One that knows no limit yet, for servers that count over 30 s.
    pub fn new() -> Self {
        let state = State {
            pools: HashMap::new(),
            begin: Instant::now(),
            is_silent: false,
            told: Vec::new(),
        };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// Lets exchanges hang from now on, as a connection to a host that is gone.
    pub fn fall_silent(&self) {
        self.shared.lock().is_silent = true;
    }

    /// Ends that: exchanges have their response.
    pub fn respond_again(&self) {
        self.shared.lock().is_silent = false;
    }

    /// Forgets everything, as a store that was restarted.
    pub fn forget(&self) {
        self.shared.lock().pools.clear();
    }

    /// The number of exchanges that were begun.
    pub fn exchanges(&self) -> usize {
        self.shared.lock().told.len()
    }

    /// What was told in each exchange, in order.
    pub fn told(&self) -> Vec<Told> {
        self.shared.lock().told.clone()
    }
}

impl Default for FakeSharedLimit {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SharedLimit for FakeSharedLimit {
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        let granted = self.shared.lock().exchange(app, told);
        match granted {
            Some(granted) => Ok(granted),
            None => std::future::pending().await,
        }
    }
}

impl State {
    fn exchange(&mut self, app: Option<&str>, told: &Told) -> Option<Granted> {
        self.told.push(*told);
        if self.is_silent {
            return None;
        }
        let pool = self.pools.entry(app.map(str::to_owned));
        let pool = pool.or_insert_with(|| Pool::new(Duration::from_secs(30)));
        Some(pool.exchange(told, self.begin.elapsed().as_secs_f64()))
    }
}
