//! A client for the [Spotify Web API], built around one idea: an [`Authenticator`] is a plug.
//!
//! A user plugs one into a [`SpotifyClientConfig`], and every request that leaves the client
//! carries fresh credentials. [`CredentialsAuthenticator`] caches its token, refreshes it shortly
//! before it expires, and does so correctly however many tasks ask at once.
//!
//! # A token once
//!
//! ```
//! # use spotify_web::testing::FakeSpotify;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let fake = FakeSpotify::start().await?;
//! use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient};
//! use spotify_web::{SpotifyClient, SpotifyClientConfig};
//!
//! let config = SpotifyClientConfig::default();
//! # let config = fake.config();
//! let request = ClientCredentialsRequest::new("CLIENT_ID", "CLIENT_SECRET");
//! let token = OAuthClient::new(&config).request_token(request).await?;
//! let spotify = SpotifyClient::new(config.with_token(token.access_token))?;
//!
//! let track = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await?;
//! println!("{}", track.name);
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # Tokens on demand
//!
//! ```
//! # use spotify_web::testing::FakeSpotify;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let fake = FakeSpotify::start().await?;
//! use spotify_web::auth::CredentialsAuthenticator;
//! use spotify_web::{SpotifyClient, SpotifyClientConfig};
//!
//! let config = SpotifyClientConfig::default();
//! # let config = fake.config();
//! let authenticator = CredentialsAuthenticator::new("CLIENT_ID", "CLIENT_SECRET");
//! let spotify = SpotifyClient::new(config.with_authenticator(authenticator))?;
//!
//! let albums = spotify.artists().albums("6sFIWsNpZYqfjUpaCgueju").market("DE").all().await?;
//! println!("{} albums", albums.len());
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # The map
//!
//! Each module answers one question, and uses only those below it.
//!
//! | module | question |
//! |---|---|
//! | [`SpotifyClient`], [`SpotifyClientConfig`] | how is it put together? |
//! | [`api`] | which endpoints are there? requests, groups, pagination |
//! | [`Error`] | what can go wrong with a call? |
//! | [`middleware`] | what does every request pass through? |
//! | [`auth`] | who signs a request, and with which token? |
//! | [`oauth`] | how are tokens requested? |
//! | `transport` ([`Origin`]) | to which origin does a request travel, and over which connection? |
//! | [`model`] | what does Spotify send? |
//!
//! Beside them, `login` signs in a user on a desktop, and `testing` has a fake Spotify for tests.
//!
//! Guides to what people build: [a bot](guide::bot), [a program on a desktop](guide::desktop), [one
//! without a browser](guide::headless), [a web server](guide::web_server),
//! [playlists](guide::playlists), [a remote control](guide::player), [search and pasted
//! links](guide::search), [an authenticator](guide::authenticators), [tests](guide::testing),
//! [metrics](guide::metrics).
//!
//! Guides to where it runs: [proxies, TLS and containers](guide::proxies), [several
//! processes](guide::processes), [a fleet](guide::fleet).
//!
//! Guides to how it works: [how a program gets a token](guide::flows), [log-out and revoked
//! logins](guide::logout), [limits](guide::limits), [connections](guide::links), [what could leak,
//! break or be misused](guide::threats), coming from [SpotifyAPI-NET](guide::from_spotifyapi_net),
//! coming from [rspotify](guide::from_rspotify).
//!
//! Examples, by `cargo run --example`: `quickstart` and `search` for the first calls,
//! `release_watcher` for a bot, `resolve_links` for links in messages, `playlist_export` for long
//! lists, `now_playing` for a user's player, `sign_in` and `headless_login` for one user's login,
//! `web_server` and `sqlite_store` for many users, `custom_authenticator` and `any_oauth_server`
//! for authenticators of your own, `fleet` for many processes, `soak` for a day in three minutes,
//! `metrics` for figures by OpenTelemetry's conventions, `fake_spotify` for the fake by itself.
//!
//! # Promises
//!
//! - However many tasks ask, at most one token request is in flight.
//! - A token in a [`TokenStore`](auth::TokenStore) is saved before it is handed out, and a store
//!   that fails costs no token.
//! - No expired token is handed out. A token that the server rejects is replaced; other calls go on
//!   with it meanwhile if the server had accepted it before, also while the accounts service is
//!   down. One that was never accepted is not handed out then:
//!   [`rejected`](auth::TokenCache::rejected) has the details.
//! - Credentials go to the origin of the API and of the accounts service only, and over plain HTTP
//!   to loopback only.
//! - A token that the server rejects is replaced once, and the request is replayed with the new
//!   one.
//! - A write that does something twice when it is carried out twice is sent again only when it was
//!   provably not carried out.
//! - After a 429, no clone or user of the client sends to that endpoint before `Retry-After` is
//!   over, other endpoints go on, and no call waits for permits for longer than the config allows.
//! - No secret shows in `Debug`, in an error or in a log. Memory that held one is wiped when the
//!   last clone goes; the buffers of the HTTP and TLS layers below are beyond that.
//! - A bad place in a response costs itself: not the item that it is in where that can do without
//!   it, not the page, and not the call. What is not known is absent, and a response that holds
//!   nothing of a thing is an error.
//! - A wrong argument is a typed error before anything is sent.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `rustls-aws-lc-rs` | yes | TLS by rustls and aws-lc-rs, with the system's certificates |
//! | `rustls-ring` | no | TLS by rustls and ring |
//! | `rustls-no-provider` | no | TLS by rustls with the provider that the process has installed |
//! | `native-tls` | no | TLS by the operating system's library; used when rustls is off |
//! | `webpki-roots` | no | Mozilla's certificates, for rustls where the system has none |
//! | `gzip` | yes | compressed responses |
//! | `http2` | yes | HTTP/2 where the server offers it |
//! | `socks` | no | SOCKS proxies |
//! | `extended-quota` | no | the endpoints that development mode lost are not `#[deprecated]`; see [`Quota`] |
//! | `login` | no | `login::sign_in`: a user of a desktop signs in with their browser |
//! | `keyring` | no | `auth::KeyringTokenStore`: logins in the system's keyring |
//! | `redis` | no | `fleet::RedisFleet`: processes that share logins and a rate through Redis or Valkey |
//! | `testing` | no | `testing::FakeSpotify`, and a `FaultProxy` to put before it |
//!
//! [Spotify Web API]: https://developer.spotify.com/documentation/web-api
//! [`Authenticator`]: auth::Authenticator
//! [`CredentialsAuthenticator`]: auth::CredentialsAuthenticator

#![cfg_attr(docsrs_spotify_web, feature(doc_cfg))]

pub mod api;
pub mod auth;
mod backoff;
mod client;
mod config;
mod error;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs_spotify_web, doc(cfg(feature = "redis")))]
pub mod fleet;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(any(feature = "login", feature = "testing"))]
mod html;
#[cfg(feature = "login")]
#[cfg_attr(docsrs_spotify_web, doc(cfg(feature = "login")))]
pub mod login;
pub mod middleware;
pub mod model;
pub mod oauth;
mod report;
mod sync;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs_spotify_web, doc(cfg(feature = "testing")))]
pub mod testing;
mod transport;

pub use api::Quota;
pub use backoff::{Backoff, BackoffError};
pub use client::{ClientStats, SpotifyClient};
pub use config::SpotifyClientConfig;
pub use error::{BatchError, Error, RawBody, RequestLine};
pub use transport::{Origin, OriginError};

// What the public API names: a program that uses these uses the versions that fit.
pub use {async_trait, chrono, http, reqwest, reqwest_middleware, url};

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
