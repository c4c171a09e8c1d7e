//! The HTTP client that the accounts service and the API share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};

/// What the HTTP client is built from.
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) user_agent: String,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            user_agent: concat!("spotify-web/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// An HTTP client that all clones share.
#[derive(Debug, Clone)]
pub(crate) enum SharedHttpClient {
    /// One that the user built.
    Given(reqwest::Client),
    /// One that is built when it is first needed.
    Built(Arc<OnceLock<Result<reqwest::Client, String>>>),
}

impl SharedHttpClient {
    /// The client, or why there is none. Clones of it share its connections.
    pub(crate) fn get(&self, options: &HttpOptions) -> Result<reqwest::Client, String> {
        match self {
            Self::Given(client) => Ok(client.clone()),
            Self::Built(cell) => cell.get_or_init(|| build(options)).clone(),
        }
    }

    /// Whether it can do HTTPS: with a TLS feature, or where the user built it.
    pub(crate) fn can_do_tls(&self) -> bool {
        HAS_TLS || matches!(self, Self::Given(_))
    }

    /// The same for other options: a built client is built anew.
    pub(crate) fn with_other_options(self) -> Self {
        match self {
            Self::Given(client) => Self::Given(client),
            Self::Built(_) => Self::default(),
        }
    }
}

impl Default for SharedHttpClient {
    fn default() -> Self {
        Self::Built(Arc::default())
    }
}

fn build(options: &HttpOptions) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .user_agent(&options.user_agent)
        .redirect(Policy::custom(stay_on_origin));
    #[cfg(feature = "rustls")]
    let builder = builder.tls_backend_preconfigured(rustls_config()?);
    builder.build().map_err(|error| with_causes(&error))
}

/// A redirect elsewhere is not followed: it would take a token request's form along. Neither is one
/// that turns a POST into a GET; 307 and 308 keep the method.
fn stay_on_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if !matches!(attempt.status().as_u16(), 307 | 308) {
        return attempt.stop();
    }
    let same =
        attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
    match same && attempt.previous().len() <= MOST_REDIRECTS {
        true => attempt.follow(),
        false => attempt.stop(),
    }
}

#[cfg(feature = "rustls")]
fn rustls_config() -> Result<rustls::ClientConfig, String> {
    use rustls_platform_verifier::BuilderVerifierExt;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| error.to_string())?;
    Ok(config.with_no_client_auth())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whether the built-in HTTP client can do HTTPS.
const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "native-tls"));

pub(crate) const NO_TLS: &str = "needs TLS, and this build has none: enable the feature `rustls` or \
    `native-tls`, or set an HTTP client of your own";

/// Enough for a server that moved, and for its `http` to `https` and trailing slash; browsers give
/// up after 20, and no caller wants to wait for that many.
const MOST_REDIRECTS: usize = 5;
