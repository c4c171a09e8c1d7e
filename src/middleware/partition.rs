//! Whose request it is, for layers that keep something.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crate::auth::Authenticator;

/// Whose request it is: an extension of every request that reaches a layer of the user's own.
///
/// The layers of [`with_middleware`](crate::SpotifyClientConfig::with_middleware) stand outside
/// authentication and see no credentials, so that `GET me` looks the same for everybody. A layer
/// that keeps responses, or anything else of one user, makes the partition a part of its key.
///
/// It says nothing about the user, and may be logged and stored.
///
/// - By default each authenticator that is plugged in has one of its own, which ends with the
///   process. It stays when the token is refreshed, and is another one when the user logs out or in:
///   also when that happened in another process, from when on it is seen here, and with an
///   authenticator of your own, where it has a
///   [`login_number`](crate::auth::Authenticator::login_number). What one user got is not found
///   under the partition of the next.
/// - One that the program has [named](Self::named) is the same in every process and for
///   every login: name the user by it, and not the place of a login that changes.
///
/// What a layer is written with, this crate re-exports:
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use spotify_web::async_trait::async_trait;
/// use spotify_web::middleware::Partition;
/// use spotify_web::reqwest::{Request, Response};
/// use spotify_web::reqwest_middleware::{Middleware, Next, Result};
/// use spotify_web::{SpotifyClient, http};
///
/// /// Keeps every successful response for ever.
/// #[derive(Default)]
/// struct Cache(Mutex<HashMap<(Partition, String), Vec<u8>>>);
///
/// #[async_trait]
/// impl Middleware for Cache {
///     async fn handle(
///         &self,
///         request: Request,
///         extensions: &mut http::Extensions,
///         next: Next<'_>,
///     ) -> Result<Response> {
///         let partition = extensions.get::<Partition>().copied();
///         let (true, Some(partition)) = (request.method() == "GET", partition) else {
///             return next.run(request, extensions).await;
///         };
///         let key = (partition, request.url().to_string());
///         let kept = self.0.lock().unwrap().get(&key).cloned();
///         if let Some(body) = kept {
///             return Ok(http::Response::new(body).into());
///         }
///         let response = next.run(request, extensions).await?;
///         if !response.status().is_success() {
///             return Ok(response);
///         }
///         let body = response.bytes().await?.to_vec();
///         self.0.lock().unwrap().insert(key, body.clone());
///         Ok(http::Response::new(body).into())
///     }
/// }
///
/// let config = fake.config().with_middleware(Cache::default());
/// let alice = SpotifyClient::new(config.with_token(fake.user_token()))?;
/// let bob = alice.for_user(spotify_web::auth::TokenAuthenticator::new(fake.user_token()))?;
/// for user in [&alice, &bob, &alice, &bob] {
///     user.users().me().await?;
/// }
/// assert_eq!(fake.api_requests(), 2, "one for each of them");
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partition([u8; 16]);

impl Partition {
    /// The partition of a name that the program gives a user, such as the key of a database. The
    /// name cannot be read from it.
    ///
    /// ```
    /// use spotify_web::middleware::Partition;
    ///
    /// assert_eq!(Partition::named("user 7"), Partition::named("user 7"));
    /// assert_ne!(Partition::named("user 7"), Partition::named("user 8"));
    /// ```
    pub fn named(name: &str) -> Self {
        Self::hashed(name.as_bytes(), b"spotify-web partition")
    }

    /// That of a login of the authenticator that this one was made for.
    fn at_login(self, number: u64) -> Self {
        if number == 0 {
            return self;
        }
        Self::hashed(&number.to_be_bytes(), &self.0)
    }

    fn hashed(of: &[u8], key: &[u8]) -> Self {
        let hash = hmac_sha256::HMAC::mac(of, key);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(hash.first_chunk::<16>().unwrap_or(&[0; 16]));
        Self(bytes)
    }

    /// One that no other authenticator has.
    pub(crate) fn unique() -> Self {
        static PROCESS: OnceLock<u64> = OnceLock::new();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let process = PROCESS.get_or_init(of_this_process);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self((u128::from(*process) << 64 | u128::from(number)).to_be_bytes())
    }
}

/// A number that no other process has, whatever the program seeds its own random numbers with: what
/// is kept on a disk must not be taken for another user's. A machine without random numbers has a
/// clock and process ids.
fn of_this_process() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_be_bytes(bytes),
        Err(_) => RandomState::new().hash_one((SystemTime::now(), std::process::id())),
    }
}

/// In hexadecimal digits, 32 of them.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({self})")
    }
}

/// Whose the requests of a client are.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    partition: Partition,
    /// Whether the program named it, so that it does not change with the login.
    is_named: bool,
    authenticator: Option<Arc<dyn Authenticator>>,
}

impl Whose {
    pub(crate) fn new(
        partition: Partition,
        is_named: bool,
        authenticator: Option<Arc<dyn Authenticator>>,
    ) -> Self {
        Self { partition, is_named, authenticator }
    }

    /// Whose they are now.
    pub(crate) fn partition(&self) -> Partition {
        self.of_login(self.login())
    }

    /// Whose they are when this login is the current one.
    pub(super) fn of_login(&self, number: u64) -> Partition {
        if self.is_named { self.partition } else { self.partition.at_login(number) }
    }

    /// The number of the current login.
    pub(super) fn login(&self) -> u64 {
        self.authenticator.as_ref().map_or(0, Authenticator::login_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_number_of_its_own_whatever_the_program_seeds() {
        let numbers = [7, 7].map(|seed| {
            fastrand::seed(seed);
            of_this_process()
        });
        assert_ne!(numbers[0], numbers[1]);
    }
}
