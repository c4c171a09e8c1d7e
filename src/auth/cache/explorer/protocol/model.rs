//! What the caches play against: one store, one accounts service, one clock; and what an observer
//! knows who sees all of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use reqwest::StatusCode;

use crate::auth::store::Content;
use crate::auth::{AuthError, LoginId, Now, Revision, StoredToken};
use crate::oauth::{OAuthError, OAuthErrorCode, Token};

/// Users are numbered as the logins are: each login is another user's.
pub(super) type User = usize;

#[derive(Debug)]
pub(super) struct Model {
    pub(super) entry: Option<StoredToken>,
    /// Which login or log-out the entry, or its absence, comes of.
    pub(super) entry_of: User,
    pub(super) is_locked: bool,
    pub(super) server: Server,
    pub(super) history: Vec<Happened>,
    pub(super) step: u32,
    start: Instant,
    passed: Duration,
    /// The marks of log-outs, by their revision.
    gravestones: BTreeMap<u64, User>,
    /// What must not happen; a panic in here would be taken for the source's.
    pub(super) violations: Vec<String>,
}

/// The accounts service: each refresh token is good once.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) forgives: bool,
    /// Whether a refresh token may come twice, since a store could not save what followed it.
    pub(super) may_see_twice: bool,
    /// How many tokens each user was given.
    pub(super) issued: BTreeMap<User, u32>,
}

/// A login, a log-out or the removal of the entry.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    /// `None` for somebody outside.
    pub(super) process: Option<usize>,
    pub(super) is_login: bool,
    pub(super) begun: u32,
    pub(super) ended: Option<u32>,
    /// Whose entry was removed.
    removed: Option<User>,
}

impl Model {
    pub(super) fn new(is_logged_in: bool, forgives: bool) -> Self {
        let before = Happened {
            process: None,
            is_login: is_logged_in,
            begun: 0,
            ended: Some(0),
            removed: None,
        };
        let mut model = Self {
            entry: None,
            entry_of: 0,
            is_locked: false,
            server: Server { forgives, ..Server::default() },
            history: vec![before],
            step: 1,
            start: *START,
            passed: Duration::ZERO,
            gravestones: BTreeMap::new(),
            violations: Vec::new(),
        };
        if is_logged_in {
            let token = model.server.issue(0);
            let login = LoginId::after(model.now().wall - HOUR, None, 0);
            let content = Content::Token { token, expires_at: model.now().wall, ended: false };
            model.entry = Some(StoredToken {
                login,
                revision: Revision(0),
                content,
                made: None,
                made_about: None,
            });
        }
        model
    }

    pub(super) fn now(&self) -> Now {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + self.passed;
        Now { monotonic: self.start + self.passed, wall }
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.passed += span;
    }

    pub(super) fn begin(&mut self, process: Option<usize>, is_login: bool) -> User {
        let ended = process.is_none().then_some(self.step);
        let removed = process.is_none().then_some(self.entry_of);
        self.history.push(Happened { process, is_login, begun: self.step, ended, removed });
        self.history.len() - 1
    }

    /// Whether `one` had ended when `other` began, or began before it in the same process.
    pub(super) fn is_before(&self, one: User, other: User) -> bool {
        let earlier = &self.history[one];
        let later = &self.history[other];
        if let Some(removed) = later.removed {
            // What was never in the store was not removed from it.
            return one == removed || (one != other && self.is_before(one, removed));
        }
        let is_same = earlier.process.is_some() && earlier.process == later.process;
        one != other
            && (earlier.ended.is_some_and(|ended| ended < later.begun) || (is_same && one < other))
    }

    /// Whether a login or log-out after that of `user` has returned in this process.
    pub(super) fn is_past(&self, user: User, process: usize) -> bool {
        let mut later = self.history.iter().enumerate();
        later.any(|(index, it)| {
            it.process == Some(process) && it.ended.is_some() && self.is_before(user, index)
        })
    }

    /// Those that none is later than.
    pub(super) fn last(&self) -> Vec<User> {
        let all = 0..self.history.len();
        all.clone().filter(|one| !all.clone().any(|other| self.is_before(*one, other))).collect()
    }

    /// Which login or log-out an entry comes of.
    pub(super) fn owner(&mut self, stored: &StoredToken, process: usize) -> User {
        if let Some(token) = stored.token() {
            return user_of(token.access_token.expose());
        }
        let revision = stored.revision().0;
        if let Some(user) = self.gravestones.get(&revision) {
            return *user;
        }
        let mine = |(index, it): &(usize, &Happened)| {
            it.process == Some(process)
                && !it.is_login
                && !self.gravestones.values().any(|other| other == index)
        };
        let owner = self.history.iter().enumerate().find(mine).map_or(0, |(index, _)| index);
        self.gravestones.insert(revision, owner);
        owner
    }

    /// Compare and swap.
    pub(super) fn save(
        &mut self,
        stored: &StoredToken,
        replaces: Option<Revision>,
        process: usize,
    ) -> bool {
        if self.entry.as_ref().map(StoredToken::revision) != replaces {
            return false;
        }
        let owner = self.owner(stored, process);
        if self.is_before(owner, self.entry_of) {
            self.violation(format!("P50, P51: {owner} was saved over {}", self.entry_of));
        }
        let old = self.entry.as_ref().filter(|old| old.login != stored.login);
        if old.is_some_and(|old| stored.login <= old.login) {
            self.violation(format!("P51: the id of {owner} is not later than what it replaced"));
        }
        if stored.has_ended() && !self.may_see_twice(owner) {
            self.violation(format!("P48, P54: {owner} was marked as ended"));
        }
        (self.entry, self.entry_of) = (Some(stored.clone()), owner);
        true
    }

    pub(super) fn remove(&mut self) {
        self.entry = None;
        self.entry_of = self.begin(None, false);
        // Whatever begins from here on is later.
        self.step += 1;
    }

    pub(super) fn request(&mut self, sent: &str) -> Result<Token, AuthError> {
        let user = user_of(sent);
        let newest = self.server.refresh_token(user, 0);
        let is_last = self.server.refresh_token(user, 1) == sent;
        if sent == newest {
            return Ok(self.server.issue(user));
        }
        if !self.may_see_twice(user) {
            self.violation(format!("P6, P48: {sent} was sent again"));
        }
        if is_last && self.server.forgives {
            // What follows it is told again.
            return Ok(self.server.token(user));
        }
        let status = StatusCode::BAD_REQUEST;
        let code = OAuthErrorCode::InvalidGrant;
        Err(OAuthError::Rejected { status, code, description: None, retry_after: None }.into())
    }

    /// Whether a refresh token of this user may come twice: what followed it could not be saved, or
    /// was given up for a later login.
    fn may_see_twice(&self, user: User) -> bool {
        let is_replaced = (0..self.history.len()).any(|other| self.is_before(user, other));
        self.server.may_see_twice || is_replaced
    }

    pub(super) fn violation(&mut self, violation: String) {
        self.violations.push(violation);
    }
}

impl Server {
    pub(super) fn issue(&mut self, user: User) -> Token {
        *self.issued.entry(user).or_default() += 1;
        self.token(user)
    }

    fn token(&self, user: User) -> Token {
        let access_token = format!("a{user}.{}", self.issued[&user]);
        Token::new(access_token, HOUR).with_refresh_token(self.refresh_token(user, 0))
    }

    /// The newest, or one of before.
    pub(super) fn refresh_token(&self, user: User, before: u32) -> String {
        let issued = self.issued.get(&user).copied().unwrap_or_default();
        format!("r{user}.{}", issued.saturating_sub(before))
    }
}

/// Whose a token is: `a1.2` is the second access token of user 1.
pub(super) fn user_of(token: &str) -> User {
    let (user, _) = token[1..].split_once('.').unwrap();
    user.parse().unwrap()
}

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// The same in every path, so that states can be compared.
static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
