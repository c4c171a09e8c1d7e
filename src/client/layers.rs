//! The layers that a request passes through, and what of them all users share.

use std::sync::Arc;

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use url::Url;

use crate::api::{Connection, Defaults, LONGEST_BODY, UserObserver};
use crate::config::SpotifyClientConfig;
use crate::error::Error;
use crate::middleware::{
    AttemptCounter, AuthMiddleware, HandBack, HandOver, HandOverInside, NoteWhose, RateLimiter,
    RetryMiddleware,
};
use crate::oauth::OAuthClient;
use crate::transport::{NO_TLS, Origin, Wire};

/// What all users share, so that each of many costs little.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    retries: Arc<RetryMiddleware>,
    limiter: Option<RateLimiter>,
    counter: Arc<AttemptCounter>,
    base: Arc<Url>,
    origin: Origin,
    wire: Arc<Wire>,
}

impl Layers {
    /// Of a client that is made of this config.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub(super) fn of(config: &SpotifyClientConfig) -> Result<Self, Error> {
        let retries = RetryMiddleware::new(config.retry_options()).reading_ahead(LONGEST_BODY);
        let base = config.checked_base_url()?;
        if base.scheme() == "https" && !config.can_do_tls() {
            return Err(Error::config("base URL", NO_TLS));
        }
        Ok(Self {
            origin: Origin::of(&base).map_err(Error::base_url)?,
            base: Arc::new(base),
            counter: Arc::new(AttemptCounter),
            retries: Arc::new(retries),
            limiter: config.limiter(),
            wire: Arc::new(config.wire()?),
        })
    }

    /// The same for a user: the limiter is that of the user's app, where that is known.
    pub(super) fn for_user(&self, config: &SpotifyClientConfig) -> Self {
        let client_id = config.authenticator.as_ref().and_then(|plugged| plugged.client_id());
        let limiter = self.limiter.as_ref().map(|limiter| match client_id {
            Some(_) => limiter.for_app(client_id),
            None => limiter.for_user(),
        });
        Self { limiter, ..self.clone() }
    }

    pub(super) fn limiter(&self) -> Option<&RateLimiter> {
        self.limiter.as_ref()
    }

    /// Number of retries so far.
    pub(super) fn retries(&self) -> u64 {
        self.retries.retries()
    }

    /// The client id of the app whose limits its calls count for.
    fn client_id(&self, config: &SpotifyClientConfig) -> Option<String> {
        let own = config.authenticator.as_ref().and_then(|plugged| plugged.client_id());
        own.or_else(|| self.limiter()?.client_id()).map(str::to_owned)
    }

    /// The observer of a user's calls, where there is one.
    fn observer(&self, config: &SpotifyClientConfig) -> Option<Arc<UserObserver>> {
        let callback = config.observer.clone()?;
        let client_id = self.client_id(config);
        Some(Arc::new(UserObserver { callback, client_id, whose: config.whose() }))
    }

    /// The connection of a user.
    ///
    /// # Errors
    ///
    /// An authenticator or a market that cannot be used.
    pub(super) fn connect(
        &self,
        config: &SpotifyClientConfig,
        oauth: &OAuthClient,
    ) -> Result<Connection, Error> {
        if let Some(authenticator) = &config.authenticator {
            authenticator.connect(oauth).map_err(Error::Authenticator)?;
        }
        let defaults = Defaults {
            market: config.checked_market()?,
            quota: config.quota,
            deadline: config.deadline,
            retries: Arc::clone(&self.retries),
            may_sign: config.authenticator.is_some() || !config.middleware.is_empty(),
            has_limiter: self.limiter.is_some(),
            observer: self.observer(config),
            authenticator: config.authenticator.clone(),
        };
        let http = self.stack(config);
        Ok(Connection::new(http, Arc::clone(&self.base), self.origin.clone(), defaults))
    }

    /// Puts the layers together, outside in: retries, the user's own, authentication, the rate
    /// limiter, and the user's own that see what is sent.
    fn stack(&self, config: &SpotifyClientConfig) -> ClientWithMiddleware {
        let origin = &self.origin;
        let mut http =
            ClientBuilder::new(self.wire.client()).with_arc(Arc::clone(&self.retries) as _);
        let is_handed_over = !config.middleware.is_empty() || !config.inner_middleware.is_empty();
        if is_handed_over {
            http = http.with(HandOver(config.whose()));
        }
        for middleware in &config.middleware {
            http = http.with_arc(Arc::clone(middleware));
        }
        if is_handed_over {
            http = http.with(HandBack);
        }
        if let Some(authenticator) = &config.authenticator {
            let (authenticator, wire) = (Arc::clone(authenticator), Arc::clone(&self.wire));
            let base = Arc::clone(&self.base);
            http = http.with(AuthMiddleware::of_client(authenticator, origin.clone(), wire, base));
        }
        if let Some(limiter) = self.limiter.clone() {
            http = http.with(match &config.authenticator {
                Some(authenticator) => {
                    limiter.signing_by(Arc::clone(authenticator), origin.clone())
                }
                None => limiter,
            });
        }
        if is_handed_over || config.observer.is_some() {
            http = http.with(NoteWhose(config.whose()));
        }
        if !config.inner_middleware.is_empty() {
            http = http.with(HandOverInside);
        }
        for middleware in &config.inner_middleware {
            http = http.with_arc(Arc::clone(middleware));
        }
        http.with_arc(Arc::clone(&self.counter) as _).with_arc(Arc::clone(&self.wire) as _).build()
    }
}
