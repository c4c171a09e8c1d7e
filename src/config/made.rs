//! What a client is made of, by its config: each option that cannot be used comes out here.

use std::time::Duration;

use url::Url;

use super::{RateLimit, SpotifyClientConfig};
use crate::error::Error;
use crate::middleware::{RateLimiter, RetryOptions, Whose};
use crate::model::Market;
use crate::oauth::OAuthConfig;
use crate::transport::{OriginError, Wire};

impl SpotifyClientConfig {
    /// The way out of the layers.
    pub(crate) fn wire(&self) -> Result<Wire, Error> {
        self.http.get(&self.http_options).map_err(|reason| {
            Error::config("HTTP client", format_args!("cannot be built: {reason}"))
        })
    }

    /// Whose its requests are.
    pub(crate) fn whose(&self) -> Whose {
        Whose::new(self.partition, self.is_named, self.authenticator.clone())
    }

    /// Whether HTTPS is possible: with a TLS feature, or with an HTTP client of the user's own.
    pub(crate) fn can_do_tls(&self) -> bool {
        self.http.can_do_tls()
    }

    /// Refuses limits with which nothing could ever be sent.
    pub(crate) fn check_limits(&self) -> Result<(), Error> {
        let limits = [
            ("timeout", Some(self.http_options.timeout)),
            ("connect timeout", Some(self.http_options.connect_timeout)),
            ("token timeout", Some(self.token_timeout)),
            ("deadline", self.deadline),
        ];
        if let Some((option, _)) = limits.iter().find(|(_, limit)| *limit == Some(Duration::ZERO)) {
            return Err(Error::config(option, "is zero, within which nothing can be sent"));
        }
        match self.retries.share().is_nan() {
            true => Err(Error::config("share of retries", "is not a number; it goes from 0 to 10")),
            false => Ok(()),
        }
    }

    pub(crate) fn retry_options(&self) -> RetryOptions {
        let options = self.retries.clone();
        match self.max_wait {
            Some(max_wait) => options.with_max_wait(max_wait),
            None => options,
        }
    }

    pub(crate) fn limiter(&self) -> Option<RateLimiter> {
        let limiter = match &self.rate_limit {
            RateLimit::Own(options) => RateLimiter::new(options.clone()),
            RateLimit::Shared(limiter) => limiter.clone(),
            RateLimit::Off => return None,
        };
        Some(match (self.max_wait, self.retries.max_wait()) {
            (Some(max_wait), _) => limiter.waiting_at_most(max_wait),
            (None, Some(max_wait)) => {
                let own = limiter.max_wait();
                limiter.waiting_at_most(max_wait.min(own))
            }
            (None, None) => limiter,
        })
    }

    pub(crate) fn checked_market(&self) -> Result<Option<Market>, Error> {
        Ok(self.market.clone().transpose()?)
    }

    /// The base URL, ending in a slash, so that paths can be joined to it.
    pub(crate) fn checked_base_url(&self) -> Result<Url, Error> {
        let mut url =
            Url::parse(&self.base_url).map_err(|_| Error::base_url(OriginError::NoUrl))?;
        url.set_query(None);
        url.set_fragment(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(url)
    }
}

/// Token requests of a config: the same HTTP client, and the config's URL and timeout.
impl From<&SpotifyClientConfig> for OAuthConfig {
    fn from(config: &SpotifyClientConfig) -> Self {
        let http = config.http.get(&config.http_options);
        Self::with_client_or_reason(http, &config.token_url, config.can_do_tls())
            .with_timeout(config.token_timeout)
            .with_turns(config.turns.clone())
    }
}
