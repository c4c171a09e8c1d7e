//! What a store keeps for a key.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::StoreError;
use crate::oauth::Token;

/// What a store keeps for a key: a token with the login that it belongs to, or the mark that the
/// user has logged out.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use spotify_web::auth::StoredToken;
/// use spotify_web::oauth::Token;
///
/// let token = Token::new("access", Duration::from_secs(3600)).with_refresh_token("refresh");
/// let stored = StoredToken::new(token, SystemTime::now() + Duration::from_secs(3600));
///
/// let column = stored.to_text();
/// let read = StoredToken::from_text(column.expose())?;
/// assert_eq!(read.revision(), stored.revision());
/// # Ok::<(), spotify_web::auth::StoreError>(())
/// ```
#[derive(Clone)]
pub struct StoredToken {
    pub(in crate::auth) login: LoginId,
    pub(in crate::auth) revision: Revision,
    pub(in crate::auth) content: Content,
    /// When this process made the login, by the clock that nobody sets: as long as it was in no store.
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "a fleet asks for it"))]
    pub(in crate::auth) made: Option<Instant>,
    /// When the login was made by whichever process, by the same clock, where the store knows.
    pub(in crate::auth) made_about: Option<Instant>,
}

/// The token, or what there is in its place.
#[derive(Debug, Clone)]
pub(in crate::auth) enum Content {
    Token {
        token: Token,
        expires_at: SystemTime,
        /// Its refresh token has ended; the access token may still be good.
        ended: bool,
    },
    LoggedOut,
}

impl StoredToken {
    /// The token of a login that has just succeeded, such as one that was made elsewhere.
    ///
    /// `expires_at` is the end of the access token by the wall clock.
    pub fn new(token: Token, expires_at: SystemTime) -> Self {
        let login = LoginId::next(SystemTime::now(), None);
        Self::of(login, token, expires_at)
    }

    /// The token that follows this one in the same login, as after a refresh.
    #[must_use]
    pub fn followed_by(&self, token: Token, expires_at: SystemTime) -> Self {
        Self::of(self.login, token, expires_at)
    }

    fn of(login: LoginId, token: Token, expires_at: SystemTime) -> Self {
        let content = Content::Token { token, expires_at, ended: false };
        Self { login, revision: Revision::random(), content, made: None, made_about: None }
    }

    /// Which login it belongs to.
    pub fn login(&self) -> LoginId {
        self.login
    }

    /// Names this very entry: every save has a revision of its own.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The token; its lifetime is the one that it had when it was new. `None` when the user has
    /// logged out.
    pub fn token(&self) -> Option<&Token> {
        match &self.content {
            Content::Token { token, .. } => Some(token),
            Content::LoggedOut => None,
        }
    }

    /// When the access token expires, by the wall clock.
    pub fn expires_at(&self) -> Option<SystemTime> {
        match &self.content {
            Content::Token { expires_at, .. } => Some(*expires_at),
            Content::LoggedOut => None,
        }
    }

    /// Whether the accounts service has said that the refresh token has ended: the user must log in
    /// again, and nothing is sent with it.
    pub fn has_ended(&self) -> bool {
        matches!(self.content, Content::Token { ended: true, .. })
    }

    /// Whether the user has logged out.
    pub fn is_logged_out(&self) -> bool {
        matches!(self.content, Content::LoggedOut)
    }
}

/// Without the time, which differs from run to run.
impl fmt::Debug for StoredToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredToken")
            .field("login", &self.login)
            .field("revision", &self.revision)
            .field("content", &self.content)
            .finish()
    }
}

/// What a store needs that measures time by another clock.
#[cfg(feature = "redis")]
impl StoredToken {
    /// How long ago this process made the login, if no store has had it yet.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.made.map(|made| now.saturating_duration_since(made))
    }

    /// The same entry, by a store that knows when its login was made.
    pub(crate) fn made_about(self, made_about: Option<Instant>) -> Self {
        Self { made_about, ..self }
    }

    /// The same entry, with another end of its access token.
    pub(crate) fn expiring_at(mut self, end: SystemTime) -> Self {
        if let Content::Token { expires_at, .. } = &mut self.content {
            *expires_at = end;
        }
        self
    }
}

/// What only the cache makes, for who checks a store.
#[cfg(feature = "testing")]
impl StoredToken {
    /// The same entry with the mark that its refresh token has ended.
    pub(crate) fn ended(mut self) -> Self {
        if let Content::Token { ended, .. } = &mut self.content {
            *ended = true;
        }
        self
    }

    /// What takes its place when the user logs out.
    pub(crate) fn logged_out(&self) -> Self {
        let login = LoginId::next(SystemTime::now(), Some(self.login));
        Self {
            login,
            revision: Revision::random(),
            content: Content::LoggedOut,
            made: None,
            made_about: None,
        }
    }
}

/// Identifies one login of a user. A later login has a greater id than the one that it replaced,
/// whatever the clocks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginId {
    /// Microseconds since 1970 when it was made, or one more than the login that it replaced.
    at: u64,
    /// The process and, in its lower half, the number of the login there.
    nonce: u64,
}

impl LoginId {
    /// The id of a login at `now` that replaces `old`.
    pub(crate) fn next(now: SystemTime, old: Option<Self>) -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self::after(now, old, *PROCESS & IN_PROCESS | u64::from(number))
    }

    /// The same with a `nonce` that is known.
    pub(in crate::auth) fn after(now: SystemTime, old: Option<Self>, nonce: u64) -> Self {
        Self { at: micros(now).max(old.map_or(0, |old| old.at.saturating_add(1))), nonce }
    }

    /// The same login, later than `other`.
    pub(in crate::auth) fn moved_after(self, other: Self) -> Self {
        Self { at: self.at.max(other.at.saturating_add(1)), ..self }
    }

    /// The same login, with the time at which it was made.
    pub(in crate::auth) fn made_at(self, time: SystemTime) -> Self {
        Self { at: micros(time), ..self }
    }

    /// Whether it is the login of a later moment than `other`. One from the future is of a clock
    /// that is wrong, and says nothing.
    pub(in crate::auth) fn is_known_later(self, other: Self, now: SystemTime) -> bool {
        let latest = now.checked_add(CLOCK_SKEW).map_or(u64::MAX, micros);
        self.at > other.at && self.at <= latest
    }

    /// Whether it was made after `other`, where both are of this moment of one process: a clock may
    /// stand still meanwhile. `None` where they are not.
    ///
    /// Only of a moment, since processes that were forked have one number.
    pub(in crate::auth) fn is_next_at_once(self, other: Self) -> Option<bool> {
        let is_same = (self.nonce ^ other.nonce) & IN_PROCESS == 0;
        let is_at_once = self.at.abs_diff(other.at) <= MOMENT;
        (is_same && is_at_once).then_some(self.nonce > other.nonce)
    }
}

impl fmt::Display for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.at, self.nonce)
    }
}

impl FromStr for LoginId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (at, nonce) = text.split_at_checked(16).ok_or_else(no_id)?;
        Ok(Self { at: hex(at)?, nonce: hex(nonce)? })
    }
}

/// Names one entry of a store, as an `ETag` does ([RFC 9110, section 8.8.3]).
///
/// `Display` and `FromStr` are a text of 16 characters, for a column of a database.
///
/// [RFC 9110, section 8.8.3]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(pub(in crate::auth) u64);

impl Revision {
    pub(in crate::auth) fn random() -> Self {
        Self(fastrand::u64(..))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Revision {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        hex(text).map(Self)
    }
}

/// The part of a nonce that is that of the process.
const IN_PROCESS: u64 = u64::MAX << 32;

/// In microseconds. By a clock that stands still, each login is one after what it replaced.
const MOMENT: u64 = 1000;

fn micros(time: SystemTime) -> u64 {
    let micros = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    u64::try_from(micros).unwrap_or(u64::MAX)
}

/// By how much the clocks of machines that are set by the network differ at most.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

fn hex(text: &str) -> Result<u64, StoreError> {
    let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    number.ok_or_else(no_id)
}

fn no_id() -> StoreError {
    StoreError::unreadable("its id has not the right number of hexadecimal digits")
}
