//! What people see of a limiter and do to it, and what it carries over a restart.

use std::sync::Arc;
use std::time::Duration;

use super::app::App;
use super::endpoint::EndpointName;
use super::registry::BY_HAND;
use super::untold::Untold;
use super::{Closing, Closings, InvalidEndpoint, RateLimitStats, RateLimiter};

impl RateLimiter {
    /// What it knows of its app; of a limiter that was made by hand, of all apps together: the
    /// lowest rate, the longest closing, and the sum of what is counted.
    pub fn stats(&self) -> RateLimitStats {
        RateLimitStats::together(self.apps().iter().map(|app| app.stats()))
    }

    /// Lets no request of its app start for so long, at most 366 days; of a limiter that was made
    /// by hand, no request of any app, those whose clients are made later included. Those that
    /// cannot wait for so long fail at once. Where it is closed for longer already, nothing
    /// changes: [`reopen`](Self::reopen) opens.
    pub fn close_for(&self, duration: Duration) {
        self.act(|app| app.close_for(duration));
        self.announce(None);
    }

    /// Does the same to one endpoint of its app, or of all apps: to `GET /v1/tracks/{id}`, for
    /// example: the method and the whole path of the URL, `/v1` included, as
    /// [`stats`](Self::stats) names it. Ids in the path are all the same. All others go on.
    ///
    /// A limiter tells 256 endpoints apart. One that comes when all of them are in use is closed
    /// and opened with the others that come then.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`] where that is no method and path.
    ///
    /// ```
    /// use std::time::Duration;
    /// use spotify_web::middleware::RateLimiter;
    ///
    /// let limiter = RateLimiter::default();
    /// limiter.close_endpoint_for("GET /v1/search", Duration::from_secs(600))?;
    /// assert!(limiter.close_endpoint_for("search", Duration::from_secs(600)).is_err());
    ///
    /// limiter.reopen_endpoint("GET /v1/search")?;
    /// assert!(limiter.closings().closings.is_empty());
    /// # Ok::<(), spotify_web::middleware::InvalidEndpoint>(())
    /// ```
    pub fn close_endpoint_for(
        &self,
        endpoint: &str,
        duration: Duration,
    ) -> Result<(), InvalidEndpoint> {
        let name = named(endpoint)?;
        self.act(|app| app.close_endpoint_for(&name, duration));
        self.announce(Some(name.key));
        Ok(())
    }

    /// Forgets what is closed, what fails, and all rates of its app, or of all apps: as after a
    /// start. Where an app's limit is [shared](super::SharedLimit), it asks the others anew, and
    /// what they know holds.
    pub fn reopen(&self) {
        self.act(App::reopen);
    }

    /// Does the same to one endpoint, whether it was closed by hand or by the server. Where the
    /// whole app is closed, it stays so.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`] where that is no method and path.
    pub fn reopen_endpoint(&self, endpoint: &str) -> Result<(), InvalidEndpoint> {
        let name = named(endpoint)?;
        self.act(|app| app.reopen_endpoint(&name));
        Ok(())
    }

    /// What is closed, of all apps: to be stored for the next start of the program. What was closed
    /// by hand for all apps is so after it, also for an app that no client was made of yet; but
    /// where one of them was reopened, only for the others that are known.
    ///
    /// ```
    /// use std::time::Duration;
    /// use spotify_web::middleware::{Closings, RateLimiter};
    ///
    /// let limiter = RateLimiter::default();
    /// limiter.close_for(Duration::from_secs(3600));
    /// let stored = serde_json::to_string(&limiter.closings())?;
    ///
    /// let closings: Closings = serde_json::from_str(&stored)?;
    /// let restarted = RateLimiter::default();
    /// restarted.restore(&closings);
    /// assert!(restarted.stats().closed_for() > Duration::from_secs(3590));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn closings(&self) -> Closings {
        let mut of_all = self.registry.closings_of_all();
        let of_apps: Vec<_> = self.registry.known().iter().map(|app| app.closings()).collect();
        let holds = |it: &Closing| of_apps.iter().all(|own| own.iter().any(|own| own.covers(it)));
        of_all.retain(holds);
        let of_apps = of_apps.into_iter().flatten().filter(|own| !own.is_one_of(&of_all));
        let of_apps: Vec<_> = of_apps.collect();
        Closings { closings: of_all.into_iter().chain(of_apps).collect() }
    }

    /// Closes what was closed when [`closings`](Self::closings) was called, as far as it still is:
    /// by hand for 366 days at most, as [`close_for`](Self::close_for); an endpoint that the server
    /// closed for the longest `Retry-After` that is
    /// [believed](super::RateLimitOptions::with_longest_retry_after), and an app for the
    /// [window](super::RateLimitOptions::with_window). Call it before requests are sent.
    pub fn restore(&self, closings: &Closings) {
        let names_none = |name: &str| EndpointName::of(name).is_none();
        for closing in &closings.closings {
            let endpoint = closing.endpoint.as_deref();
            if endpoint.is_some_and(names_none) {
                tracing::warn!(endpoint, "a closing is not restored: it names no endpoint");
                continue;
            }
            match closing.is_of_all_apps {
                true => self.registry.for_all(|app| app.restore(closing)),
                false => drop(self.registry.app(closing.client_id.as_deref()).restore(closing)),
            }
        }
    }

    /// Whether what is done to it by hand is done to all apps.
    fn is_of_all(&self) -> bool {
        self.user == BY_HAND
    }

    /// The apps that it acts on, as far as they are known.
    fn apps(&self) -> Vec<Arc<App>> {
        match self.is_of_all() {
            true => self.registry.known(),
            false => vec![Arc::clone(&self.app)],
        }
    }

    fn announce(&self, endpoint: Option<u64>) {
        match self.is_of_all() {
            true => self.registry.announce(endpoint),
            false => {
                self.app.announce(endpoint);
            }
        }
    }

    /// Does something to its app, or to all, those that come later included.
    fn act(&self, act: impl Fn(&App) -> Untold) {
        match self.is_of_all() {
            true => self.registry.for_all(act),
            false => drop(act(&self.app)),
        }
    }
}

fn named(endpoint: &str) -> Result<EndpointName, InvalidEndpoint> {
    EndpointName::of(endpoint).ok_or_else(|| InvalidEndpoint { name: endpoint.to_owned() })
}
