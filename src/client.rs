//! The client.

mod layers;
mod settling;

use std::sync::Arc;

use reqwest::Method;
use serde::de::DeserializeOwned;

use self::layers::Layers;
use self::settling::Settles;
use crate::api::params::{Anything, Nothing};
use crate::api::{
    Albums, All, Artists, Audiobooks, Browse, Chapters, Connection, Episodes, ItemStream, Library,
    Paged, Player, Playlists, Request, Search, Shows, Tracks, Users, entries_from, next_request,
    previous_request,
};
use crate::auth::{Authenticator, TokenAuthenticator};
use crate::config::SpotifyClientConfig;
use crate::error::Error;
use crate::middleware::{Partition, RateLimitStats, RateLimiter};
use crate::oauth::{OAuthClient, Token};

/// The Spotify Web API.
///
/// Cheap to clone, and to be cloned rather than wrapped in an `Arc`: clones share connections,
/// configuration and the token. Endpoints are in groups, as in
/// [Spotify's reference](https://developer.spotify.com/documentation/web-api).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let config = fake.config();
/// use spotify_web::SpotifyClient;
/// use spotify_web::auth::CredentialsAuthenticator;
///
/// let authenticator = CredentialsAuthenticator::new("CLIENT_ID", "CLIENT_SECRET");
/// let spotify = SpotifyClient::new(config.with_authenticator(authenticator))?;
///
/// let artist = spotify.artists().get("6sFIWsNpZYqfjUpaCgueju").await?;
/// println!("{} has {:?} followers", artist.name, artist.followers);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct SpotifyClient {
    connection: Connection,
    config: Arc<SpotifyClientConfig>,
    /// Shared by all users, as is what follows.
    oauth: OAuthClient,
    layers: Layers,
    settles: Settles,
}

/// What a client and all its clones and users have done so far.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Number of retries, of all users of the client together.
    pub retries: u64,
    /// What the rate limiter knows of the app that this client's user belongs to.
    pub rate_limit: RateLimitStats,
}

impl SpotifyClient {
    /// A client with this config. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for the first option that cannot be used, [`Error::Authenticator`] for an
    /// authenticator that cannot be used.
    pub fn new(config: SpotifyClientConfig) -> Result<Self, Error> {
        config.check_limits()?;
        let oauth = OAuthClient::new(&config);
        let layers = Layers::of(&config)?.for_user(&config);
        let connection = layers.connect(&config, &oauth)?;
        Ok(Self { connection, config: Arc::new(config), oauth, layers, settles: Settles::AllUsers })
    }

    /// A client for another user: other credentials, but the same connections, configuration and
    /// rate limiter. The user is one of the app whose client id the authenticator knows, and of
    /// this client's app where it knows none, as a bare token's does.
    ///
    /// Takes about as much memory as the authenticator; made for servers with many users.
    ///
    /// # Errors
    ///
    /// [`Error::Authenticator`] for an authenticator that cannot be used.
    pub fn for_user(&self, authenticator: impl Authenticator + 'static) -> Result<Self, Error> {
        self.user(None, Arc::new(authenticator))
    }

    /// The same for a user whose [`Partition`] is known, as a cache that outlives the process needs
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::Authenticator`] for an authenticator that cannot be used.
    pub fn for_user_in(
        &self,
        partition: Partition,
        authenticator: impl Authenticator + 'static,
    ) -> Result<Self, Error> {
        self.user(Some(partition), Arc::new(authenticator))
    }

    /// A client that acts with this access token, as long as it is good: to learn who has just
    /// logged in, before it is known whose login to keep.
    ///
    /// Shares everything that [`for_user`](Self::for_user) shares, the app's limits included.
    /// Nothing is kept, refreshed or replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Authenticator`] for a token that no header can carry.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let config = fake.config();
    /// # let oauth = spotify_web::oauth::OAuthClient::new(&config);
    /// # let login = spotify_web::oauth::Login::pkce("id", "http://127.0.0.1:8888/callback");
    /// # let pending = login.with_authorize_url(fake.authorize_url()).begin()?;
    /// # let code = pending.finish(&fake.agree(pending.url()))?;
    /// # let request = spotify_web::oauth::AuthorizationCodeRequest::public("id", code);
    /// let spotify = spotify_web::SpotifyClient::new(config)?;
    /// let token = oauth.request_token(request).await?;
    ///
    /// let me = spotify.for_token(&token)?.users().me().await?;
    /// assert_eq!(me.id.as_str(), "wizzler");
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn for_token(&self, token: &Token) -> Result<Self, Error> {
        self.for_user(TokenAuthenticator::new(token.access_token.clone()))
    }

    /// What this client and all its clones and users have done so far.
    pub fn stats(&self) -> ClientStats {
        let limiter = self.layers.limiter();
        ClientStats {
            retries: self.layers.retries(),
            rate_limit: limiter.map(RateLimiter::stats).unwrap_or_default(),
        }
    }

    /// The rate limiter, to look at, close, reopen, or store what is closed; `None` where it is
    /// turned off. It is that of the app that this client's user belongs to.
    pub fn rate_limiter(&self) -> Option<&RateLimiter> {
        self.layers.limiter()
    }

    /// Albums.
    pub fn albums(&self) -> Albums {
        Albums(self.connection.clone())
    }

    /// Artists.
    pub fn artists(&self) -> Artists {
        Artists(self.connection.clone())
    }

    /// Audiobooks.
    pub fn audiobooks(&self) -> Audiobooks {
        Audiobooks(self.connection.clone())
    }

    /// Categories, genres and markets.
    pub fn browse(&self) -> Browse {
        Browse(self.connection.clone())
    }

    /// Chapters of audiobooks.
    pub fn chapters(&self) -> Chapters {
        Chapters(self.connection.clone())
    }

    /// Podcast episodes.
    pub fn episodes(&self) -> Episodes {
        Episodes(self.connection.clone())
    }

    /// The user's library, of all kinds at once.
    pub fn library(&self) -> Library {
        Library(self.connection.clone())
    }

    /// The player.
    pub fn player(&self) -> Player {
        Player(self.connection.clone())
    }

    /// Playlists.
    pub fn playlists(&self) -> Playlists {
        Playlists(self.connection.clone())
    }

    /// Searching the catalogue.
    pub fn search(&self) -> Search {
        Search(self.connection.clone())
    }

    /// Podcasts.
    pub fn shows(&self) -> Shows {
        Shows(self.connection.clone())
    }

    /// Tracks.
    pub fn tracks(&self) -> Tracks {
        Tracks(self.connection.clone())
    }

    /// Users, and whom they follow.
    pub fn users(&self) -> Users {
        Users(self.connection.clone())
    }

    /// Reads from an endpoint that this crate does not know, with the same authentication and
    /// errors.
    ///
    /// `path` is below the base URL, such as `me/top/genres`, or from the root of the server where
    /// it begins as the base URL's does, such as `/v1/me/top/genres`, or an absolute URL of its
    /// origin; any other comes out as [`Error::ForeignOrigin`]. One that is empty, holds `.` or `..`
    /// as a segment, encoded or not, or a `#` or a line break would reach another endpoint than it
    /// seems to, and is [`Error::Parameter`].
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// let track: serde_json::Value =
    ///     spotify.get("tracks/11dFghVXANMlKmJXsNCbNl").query("market", "DE").await?;
    /// assert_eq!(track["name"], "Cut To The Feeling");
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Request<T, Anything> {
        self.request(Method::GET, path)
    }

    /// Posts to an endpoint that this crate does not know; see [`get`](Self::get).
    pub fn post<T: DeserializeOwned>(&self, path: &str) -> Request<T, Anything> {
        self.request(Method::POST, path)
    }

    /// Puts to an endpoint that this crate does not know; see [`get`](Self::get). Commands return
    /// `()`, whatever their body.
    pub fn put<T: DeserializeOwned>(&self, path: &str) -> Request<T, Anything> {
        self.request(Method::PUT, path)
    }

    /// Deletes at an endpoint that this crate does not know; see [`get`](Self::get).
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Request<T, Anything> {
        self.request(Method::DELETE, path)
    }

    /// The page after `page`, or `None` when it is the last: also at the end of what a search hands
    /// out, and beyond the total.
    ///
    /// What is wrong with the page comes out when the request is sent: [`Error::MalformedLink`],
    /// [`Error::Paging`], or [`Error::ForeignOrigin`] for a URL of another origin.
    pub fn next_page<G: Paged>(&self, page: &G) -> Option<Request<G, Nothing>> {
        next_request(&self.connection, page)
    }

    /// The page before `page`, or `None` when it is the first.
    ///
    /// What is wrong with the link comes out when the request is sent, as with
    /// [`next_page`](Self::next_page).
    pub fn previous_page<G: Paged>(&self, page: &G) -> Option<Request<G, Nothing>> {
        previous_request(&self.connection, page)
    }

    /// The items of `page` and of all pages after it; see
    /// [`Request::stream`](crate::api::Request::stream). Whose `page` was is not known: the pages
    /// after it are of the user who is logged in when the first of them is asked for.
    pub fn stream<G: Paged>(&self, page: G) -> ItemStream<G::Item> {
        ItemStream::new(entries_from(&self.connection, page))
    }

    /// The items of `page` and of all pages after it, in one list; see
    /// [`Request::all`](crate::api::Request::all).
    pub fn all<G: Paged>(&self, page: G) -> All<G::Item> {
        All::new(entries_from(&self.connection, page))
    }

    fn user(
        &self,
        partition: Option<Partition>,
        authenticator: Arc<dyn Authenticator>,
    ) -> Result<Self, Error> {
        let config =
            SpotifyClientConfig::clone(&self.config).with_authenticator(Arc::clone(&authenticator));
        let config = match partition {
            Some(partition) => config.with_partition(partition),
            None => config,
        };
        let layers = self.layers.for_user(&config);
        let connection = layers.connect(&config, &self.oauth)?;
        let config = Arc::clone(&self.config);
        let oauth = self.oauth.clone();
        Ok(Self { connection, config, oauth, layers, settles: Settles::User(authenticator) })
    }

    fn request<T>(&self, method: Method, path: &str) -> Request<T, Anything> {
        Request::new(&self.connection, method, self.connection.resolve(path))
    }
}
