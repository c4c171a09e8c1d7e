//! A fleet: processes behind one app that share its users' logins and its rate through Redis or
//! Valkey.
//!
//! Feature `redis`. A [`RedisFleet`] is made of the server's URL. [`RedisFleet::tokens`] is a
//! [`TokenStore`](crate::auth::TokenStore) for any number of authenticators, and
//! [`RedisFleet::shared_limit`] a [`SharedLimit`](crate::middleware::SharedLimit) for the rate
//! limiter:
//!
//! ```
//! use spotify_web::SpotifyClientConfig;
//! use spotify_web::auth::{CredentialsAuthenticator, TokenKey};
//! use spotify_web::fleet::RedisFleet;
//! use spotify_web::middleware::RateLimitOptions;
//!
//! let fleet = RedisFleet::new("redis://127.0.0.1/").with_prefix("my-bots");
//! let authenticator = CredentialsAuthenticator::new("CLIENT_ID", "CLIENT_SECRET")
//!     .with_store(fleet.tokens(), TokenKey::new("CLIENT_ID"));
//! let config = SpotifyClientConfig::default()
//!     .with_authenticator(authenticator)
//!     .with_rate_limit(RateLimitOptions::default().with_shared(fleet.shared_limit()));
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `server_url.rs` | what URLs there are |
//! | `connecting.rs`, `attempt.rs`, `link.rs`, `failure.rs` | one connection, and what becomes of it when it fails |
//! | `server.rs`, `masters.rs`, `slots.rs`, `leading.rs` | what is called: a single server by one, the masters of a cluster by one each; which of them has what, and how a call gets there |
//! | `greeting.rs` | what a server is to which none can be made |
//! | `tls.rs`, `roots.rs` | TLS to it, and whose certificates are trusted |
//! | `health.rs` | whether the server responds, as it is told |
//! | `scripts.rs` with `scripts/`, `returned.rs` | what runs in the server, in one step each, and what it returns |
//! | `names.rs`, `sealing.rs` | what stands in the server, readable for nobody else |
//! | `unsealed.rs`, `note.rs` | what was saved before there were sealing keys, and that there is any |
//! | `tokens.rs`, `found.rs`, `removing.rs` | the store of tokens, what it finds, and what ends it |
//! | `remembered.rs`, `putting_back.rs` | what it puts back when the server forgets, and when |
//! | `lanes.rs`, `width.rs` | in which order, and how much of that at a time |
//! | `losses.rs`, `lives.rs` | whether the server may have forgotten something, and whether it is another than before |
//! | `noticing.rs` | what one caller finds out for all |
//! | `replicas.rs` | that replicas have what was saved |
//! | `lease.rs` | who refreshes a token |
//! | `protocol` | a model of who refreshes and saves, for tests |
//! | `logins.rs`, `listing.rs`, `walk.rs` | what concerns many logins at once, and a walk over all of them |
//! | `rate.rs`, `rate.lua` | the rate that processes share |

mod attempt;
mod connecting;
mod error;
mod failed_attempts;
mod failure;
mod found;
mod greeting;
mod health;
mod lanes;
mod leading;
mod lease;
mod link;
mod listing;
mod lives;
mod logins;
mod losses;
mod masters;
mod names;
mod note;
mod noticing;
#[cfg(test)]
mod protocol;
mod putting_back;
mod rate;
mod refreshing;
mod remembered;
mod removing;
mod replicas;
mod returned;
#[cfg(feature = "__rustls")]
mod roots;
mod scripts;
mod sealing;
mod server;
mod server_url;
mod slots;
mod tls;
mod tokens;
mod unsealed;
mod votes;
mod walk;
mod width;

#[cfg(test)]
#[path = "../../tests/api/common/directory.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "what tests of the crate's outside use")]
mod directory;
#[cfg(test)]
#[path = "../../tests/api/common/redis.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "what tests of the crate's outside use")]
mod redis_server;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use redis::Value;

#[cfg(test)]
use self::directory::Directory;
use self::masters::To;
use self::names::{Name, Names};
use self::replicas::Replicas;
use self::sealing::Sealer;
use self::server::Server;
use self::unsealed::Unsealed;
use self::walk::masters;
use crate::auth::{Clock, Listener, SystemClock};
use crate::transport::clipped;

pub use error::FleetError;
pub use health::{FleetEvent, FleetStats};
pub use logins::Logins;
pub use rate::RedisSharedLimit;
pub use sealing::SealingKey;
pub use tokens::RedisTokenStore;

/// Processes behind one app that share logins and a rate through Redis or Valkey.
///
/// It connects when it is first used. A setting that cannot be used comes out of the first use, and
/// of [`check`](Self::check). Clones, and the stores that it gives, share one connection.
#[derive(Clone)]
pub struct RedisFleet {
    server: Result<Arc<Server>, FleetError>,
    prefix: String,
    name_key: Option<[u8; 32]>,
    sealer: Result<Sealer, FleetError>,
    adopts_unsealed: bool,
    replicas: Option<Replicas>,
    clock: Arc<dyn Clock>,
    /// One for all clones with these settings: what one of them did, all know.
    store: Arc<OnceLock<RedisTokenStore>>,
}

impl RedisFleet {
    /// The fleet whose server has this URL:
    ///
    /// | URL | server |
    /// |---|---|
    /// | `redis://[USER:PASSWORD@]HOST[:6379][/DATABASE]` | a single one |
    /// | `redis+cluster://HOST,HOST,…` | a cluster, of which any servers |
    /// | `redis+sentinel://HOST[:26379],…/MASTER[/DATABASE]` | the master that Sentinels know by its name |
    ///
    /// `valkey` and `valkeys` mean the same. `rediss` is TLS: the server shows a certificate for
    /// its host by an authority that the system trusts, one of `SSL_CERT_FILE`, or one of
    /// [`with_certificates`](Self::with_certificates); where rustls finds none of these, feature
    /// `webpki-roots` has Mozilla's trusted. A user name or a password
    /// with characters such as `@` is percent-encoded. No error and no log shows it.
    pub fn new(url: impl AsRef<str>) -> Self {
        Self {
            server: url.as_ref().parse().map(|url| Arc::new(Server::new(url))),
            prefix: "spotify-web".to_owned(),
            name_key: None,
            sealer: Ok(Sealer::default()),
            adopts_unsealed: false,
            replicas: None,
            clock: Arc::new(SystemClock),
            store: Arc::default(),
        }
    }

    /// Trusts the certificates of other authorities than those of the system for TLS to the server,
    /// such as one of your own, given as PEM. Those of the system stay trusted, and connections to
    /// Spotify are not concerned, as they would be by `SSL_CERT_FILE`. Set it before the fleet is
    /// used. With the feature `native-tls` alone it is an error.
    ///
    /// ```no_run
    /// use spotify_web::fleet::RedisFleet;
    ///
    /// # fn example() -> std::io::Result<()> {
    /// let authority = std::fs::read("/etc/redis/authority.pem")?;
    /// let fleet = RedisFleet::new("rediss://redis.internal/").with_certificates(authority);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        let pem: Arc<[u8]> = pem.into().into();
        let server = self.server.map(|server| Arc::new(server.trusting(pem)));
        let replicas = match &server {
            Ok(server) => self.replicas.map(|replicas| replicas.of(server)),
            Err(_) => None,
        };
        Self { server, replicas, store: Arc::default(), ..self }
    }

    /// Sets what all keys in the server begin with: `spotify-web` by default. Fleets with other
    /// prefixes share nothing. [`FleetError::Name`] has the rules for it.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), store: Arc::default(), ..self }
    }

    /// Seals what is kept in the server, so that who can read it there learns no token, no client
    /// id and no user. Without keys, tokens stand there readable.
    ///
    /// The first key seals, all of them open. To replace one, put the new key behind the old one in
    /// every process; when all run with both, in front; when all run with that, call
    /// [`RedisTokenStore::reseal`] before the old one goes. A process that has keys, but lacks one, gets
    /// [`FleetError::UnknownKey`]. One that has none at all gets no error from its stores: it looks under
    /// other names, so that to it users with sealed logins have not logged in, and what it saves stands
    /// readable beside them. Its [`check`](Self::check) says so as long as all logins are sealed.
    ///
    /// `name_key` makes the names of the keys in the server, and never changes: with another nobody
    /// has logged in, and [`check`](Self::check) says so. Where logins stand in the server that were
    /// saved without keys, see [`adopt_unsealed`](Self::adopt_unsealed).
    ///
    /// ```
    /// use spotify_web::fleet::{RedisFleet, SealingKey};
    ///
    /// # let (name_key, new, old) = ([1; 32], [2; 32], [3; 32]);
    /// let keys = [SealingKey::new("2026-11", new), SealingKey::new("2026-05", old)];
    /// let fleet = RedisFleet::new("rediss://redis.internal/").with_sealing_keys(name_key, keys);
    /// ```
    #[must_use]
    pub fn with_sealing_keys(
        self,
        name_key: [u8; 32],
        keys: impl IntoIterator<Item = SealingKey>,
    ) -> Self {
        Self { name_key: Some(name_key), sealer: Sealer::new(keys), store: Arc::default(), ..self }
    }

    /// Takes over logins that were saved before there were sealing keys: off by default. Without
    /// sealing keys it changes nothing.
    ///
    /// What stands in the server unsealed is read, and sealed when it is first used; where a login
    /// is found both sealed and not, the later one counts. [`RedisTokenStore::reseal`] seals all
    /// others, and removes what was not sealed. Without this option, a login that is not sealed is
    /// [`FleetError::Unsealed`].
    ///
    /// As long as it is on, who can write to the server can log users of this program in with tokens
    /// of their own choice. So turn it on when sealing keys are first set, and off again when `reseal`
    /// has returned and no process runs without the keys; the guide `fleet` has the steps.
    ///
    /// ```
    /// use spotify_web::fleet::{RedisFleet, SealingKey};
    ///
    /// # let (name_key, key) = ([1; 32], [2; 32]);
    /// let fleet = RedisFleet::new("rediss://redis.internal/")
    ///     .with_sealing_keys(name_key, [SealingKey::new("2026-11", key)])
    ///     .adopt_unsealed();
    /// ```
    #[must_use]
    pub fn adopt_unsealed(self) -> Self {
        Self { adopts_unsealed: true, store: Arc::default(), ..self }
    }

    /// Has each save of a login wait until `number` replicas of the server have it, for at most half
    /// a second: by default none. Otherwise a failover in the moment after a save may lose what the
    /// server acknowledged; who saved looks again after ten seconds and puts it back, unless its
    /// process has ended.
    ///
    /// Where too few confirm, the token is handed out all the same, and
    /// [`StoreFailed`](crate::auth::TokenEventKind::StoreFailed) tells of
    /// [`FleetError::NotReplicated`]. Nothing is ever read from a replica. It takes one more
    /// connection, and the time of a round trip to the replicas for each save.
    ///
    /// ```
    /// use spotify_web::fleet::RedisFleet;
    ///
    /// let sentinels = "redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster";
    /// let fleet = RedisFleet::new(sentinels).with_replicas(1);
    /// ```
    #[must_use]
    pub fn with_replicas(self, number: u32) -> Self {
        let server = self.server.as_ref().ok().filter(|_| number > 0);
        let replicas = server.map(|server| Replicas::new(number, Arc::new(server.beside())));
        Self { replicas, store: Arc::default(), ..self }
    }

    /// Sets where the time is read, for tests. Processes whose clocks differ share logins all the
    /// same: what reaches another process is measured by the server's clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), store: Arc::default(), ..self }
    }

    /// Has a listener told when this process joins its fleet, goes on alone, and is back. It is
    /// called in a thread of its own, and may be slow. Set it before the fleet is used.
    ///
    /// ```
    /// use spotify_web::fleet::{FleetEvent, RedisFleet};
    ///
    /// let fleet = RedisFleet::new("redis://127.0.0.1/").with_listener(|event| {
    ///     if let FleetEvent::Alone { error } = event {
    ///         eprintln!("without the fleet: {error}");
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn with_listener(self, listener: impl Fn(&FleetEvent) + Send + Sync + 'static) -> Self {
        let listener = Listener::new(listener);
        let server = self.server.map(|server| Arc::new(server.told_to(listener)));
        Self { server, store: Arc::default(), ..self }
    }

    /// How the connection of this process fares. A fleet whose URL cannot be used has called
    /// nobody.
    pub fn stats(&self) -> FleetStats {
        match &self.server {
            Ok(server) => server.stats(),
            Err(_) => health::Health::default().stats(),
        }
    }

    /// The rate of the fleet's app, for the rate limiter of this process.
    ///
    /// ```
    /// use spotify_web::fleet::RedisFleet;
    /// use spotify_web::middleware::RateLimitOptions;
    ///
    /// let fleet = RedisFleet::new("redis://127.0.0.1/");
    /// let options = RateLimitOptions::default().with_shared(fleet.shared_limit());
    /// ```
    pub fn shared_limit(&self) -> RedisSharedLimit {
        RedisSharedLimit::new(self)
    }

    /// The fleet's logins, for the authenticators of this process.
    ///
    /// However often it is called, it is one store, also by clones of the fleet: what was saved or
    /// removed by one of them is put back where the server forgets it, as long as the fleet or a store
    /// of it is kept. So keep the fleet: one that is made to remove a user, and dropped, knows nothing
    /// ten seconds later.
    pub fn tokens(&self) -> RedisTokenStore {
        self.store.get_or_init(|| RedisTokenStore::new(self)).clone()
    }

    /// Asks the server whether it will do, so that a program can say so when it starts.
    ///
    /// It looks for logins, to open one, for up to five seconds: among very many keys of other
    /// programs it may find none, which is no error. The guide `fleet` says what it looks at.
    ///
    /// # Errors
    ///
    /// A [`FleetError`] that says what to do: a setting or a URL that cannot be used, a server that
    /// cannot be reached, is not trusted, does not accept the password, is a replica, takes no writes,
    /// is too old, lacks a right or a replica, may evict logins, or has logins that are not sealed, that none of the sealing keys
    /// opens, or that were saved with another name key. A server whose `INFO` does not tell its policy
    /// passes.
    pub async fn check(&self) -> Result<(), FleetError> {
        self.checked().await.map_err(|error| error.of_prefix(&self.prefix))
    }

    async fn checked(&self) -> Result<(), FleetError> {
        self.sealer.clone()?;
        let server = self.server()?;
        let began = Instant::now();
        let info = server.info("server", To::Any).await.unwrap_or_default();
        if let Some(version) = value_in(&info, "redis_version:") {
            let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
            if major.is_some_and(|major| major < OLDEST) {
                return Err(FleetError::TooOld { version: version.to_owned() });
            }
        }
        RedisTokenStore::check(self).await?;
        self.tokens().check_some().await?;
        self.shared_limit().check().await?;
        for master in masters(&server).await? {
            let info = server.info("memory", To::of(master.as_ref())).await.unwrap_or_default();
            // Every login has an end, so that `volatile-*` evicts it too.
            match value_in(&info, "maxmemory_policy:") {
                None | Some("noeviction") => {}
                Some(policy) => return Err(FleetError::Evicts { policy: clipped(policy) }),
            }
        }
        server.has_all_rights(began);
        Ok(())
    }

    /// As long as its names can be used.
    fn server(&self) -> Result<Arc<Server>, FleetError> {
        Name::Prefix.check(&self.prefix)?;
        self.server.clone()
    }

    /// With sealing keys only.
    fn unsealed(&self) -> Option<Unsealed> {
        self.name_key?;
        let names = Names::new(self.prefix.clone(), None);
        Some(Unsealed { names, adopts: self.adopts_unsealed })
    }

    fn names(&self) -> Names {
        Names::new(self.prefix.clone(), self.name_key.as_ref())
    }
}

/// Without its keys.
impl fmt::Debug for RedisFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFleet")
            .field("server", &self.server)
            .field("prefix", &self.prefix)
            .field("sealer", &self.sealer)
            .finish_non_exhaustive()
    }
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok(),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// Valkey says under the same name which Redis it is compatible with.
fn value_in<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The first whose scripts may read the clock before they write.
const OLDEST: u32 = 5;
