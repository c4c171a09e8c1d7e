//! Whose token it is, and what is known of the store. Pure, as [`State`](super::state::State) is.
//!
//! What a look into the store finds, and which of the two is later:
//!
//! | the store has | here there is | then |
//! |---|---|---|
//! | nothing | a login that was in the store | the user has logged out |
//! | nothing | anything else | what is here is saved |
//! | the entry that is here | | nothing new, unless it is marked as ended |
//! | the entry that was seen last | something newer that is not saved yet | what is here is saved over it |
//! | one that this was refreshed from | something newer that is not saved yet | what is here is saved over it |
//! | another entry | a login that was never saved, and is not earlier | what is here is saved over it |
//! | another entry | anything else | the entry is adopted |
//!
//! Which of two logins is earlier is decided by the time that has passed since the one that was
//! made here, and not by the time that the wall clock said then ([`Made::is_before`]).
//!
//! So a revision is only ever compared for equality, and never wins by a number.

use std::time::{Duration, Instant, SystemTime};

use super::Now;
use super::made::Made;
use crate::auth::store::Content;
use crate::auth::{AuthError, LoginId, Revision, StoredToken};
use crate::oauth::Token;

/// What a token is requested with, and where it stands in the store.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    /// Counts what replaced them as a whole: logins and log-outs. A fetch belongs to one number.
    pub(super) generation: u32,
    /// The last token that arrived, also when it was not usable: it has the refresh token.
    pub(super) token: Option<Token>,
    /// The end of its access token by the wall clock.
    expires_at: SystemTime,
    pub(super) login: Option<LoginId>,
    /// Names the token, here and in the store. `None` as long as there is none.
    pub(super) revision: Option<Revision>,
    /// Those from which it was refreshed, as long as the store may have one: a save may have taken
    /// place although it failed, and a refresh token is good only once.
    ancestors: Box<[Revision]>,
    /// Nothing is sent any more: its refresh token has ended, or the user has logged out.
    pub(super) ended: Option<Box<AuthError>>,
    /// The end is to be told to other processes.
    is_end_unsaved: bool,
    /// Whether they are to be tried again although the store says that they have ended.
    is_mark_void: bool,
    logged_out: bool,
    /// The login or log-out here that they come of, until it is in the store.
    made: Option<Box<Made>>,
    /// Whether an entry of this login has been in the store.
    was_stored: bool,
    /// What the store had when it was last looked at.
    known: Known,
}

/// What the store is known to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Unread,
    Nothing,
    Entry(Revision),
}

/// What a look into the store brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing that is not here already.
    NothingNew,
    /// Another token was adopted.
    Adopted,
    /// The user who had logged in has logged out.
    LoggedOut,
}

/// What is to be saved, in place of what.
#[derive(Debug, Clone)]
pub(super) struct Unsaved {
    pub(super) stored: StoredToken,
    pub(super) replaces: Option<Revision>,
}

/// A login or a log-out that replaces all there was.
#[derive(Debug, Clone)]
pub(super) struct Replacement {
    pub(super) login: LoginId,
    pub(super) revision: Revision,
    /// `None` logs out.
    pub(super) token: Option<Token>,
    pub(super) expires_at: SystemTime,
    /// The latest login that it was to be saved over.
    pub(super) replaced: Option<LoginId>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            generation: 0,
            token: None,
            expires_at: SystemTime::UNIX_EPOCH,
            login: None,
            revision: None,
            ancestors: Box::default(),
            ended: None,
            is_end_unsaved: false,
            is_mark_void: false,
            logged_out: false,
            made: None,
            was_stored: false,
            known: Known::Unread,
        }
    }
}

impl Credentials {
    /// Whether they are of a user's login, which can be lost.
    pub(super) fn has_refresh_token(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.refresh_token.is_some())
    }

    /// Whether they must not be lost: no request brings them back.
    pub(super) fn is_precious(&self) -> bool {
        self.has_refresh_token() || self.logged_out
    }

    /// Whether the store was ever read or written.
    pub(super) fn has_used_store(&self) -> bool {
        self.known != Known::Unread || self.was_stored
    }

    /// The store was read: see the table.
    pub(super) fn look(&mut self, found: Option<&StoredToken>, now: Now) -> Seen {
        let Some(found) = found else { return self.look_at_nothing() };
        let entry = Known::Entry(found.revision);
        if self.revision == Some(found.revision) {
            (self.known, self.was_stored) = (entry, true);
            self.ancestors = Box::default();
            if found.has_ended() && self.ended.is_none() && !self.is_mark_void {
                self.ended = Some(has_ended());
            }
            return Seen::NothingNew;
        }
        let is_seen = self.revision.is_some() && self.known == entry;
        let unsaved = self.made.as_ref().filter(|_| !self.was_stored);
        let other = self.login.filter(|login| found.login != *login);
        let is_earlier =
            unsaved.zip(other).is_some_and(|(made, own)| !made.is_before(found, own, now));
        let is_ancestor = self.ancestors.contains(&found.revision);
        self.known = entry;
        self.was_stored |= is_ancestor;
        if is_earlier {
            self.login = self.login.map(|login| login.moved_after(found.login));
        }
        if is_seen || is_earlier || is_ancestor {
            return Seen::NothingNew;
        }
        self.adopt(found)
    }

    fn look_at_nothing(&mut self) -> Seen {
        self.known = Known::Nothing;
        if self.was_stored {
            // Nothing is to be saved: the entry is gone, and stays so.
            self.logged_out = self.logged_out || self.has_refresh_token();
            self.ended = self.logged_out.then(is_logged_out);
            (self.token, self.revision, self.login) = (None, None, None);
            (self.was_stored, self.is_end_unsaved) = (false, false);
        }
        match self.logged_out && self.revision.is_none() {
            true => Seen::LoggedOut,
            // Or a log-out that was never saved: logins that were made before it may come later.
            false => Seen::NothingNew,
        }
    }

    fn adopt(&mut self, found: &StoredToken) -> Seen {
        self.login = Some(found.login);
        self.revision = Some(found.revision);
        self.ancestors = Box::default();
        self.was_stored = true;
        self.made = None;
        (self.is_end_unsaved, self.is_mark_void) = (false, false);
        match &found.content {
            Content::Token { token, expires_at, ended } => {
                self.token = Some(token.clone());
                self.expires_at = *expires_at;
                self.logged_out = false;
                self.ended = ended.then(has_ended);
                Seen::Adopted
            }
            Content::LoggedOut => {
                self.token = None;
                self.logged_out = true;
                self.ended = Some(is_logged_out());
                Seen::LoggedOut
            }
        }
    }

    /// A token arrived that was requested with these credentials.
    pub(super) fn receive(
        &mut self,
        token: Token,
        expires_at: SystemTime,
        login: LoginId,
        revision: Revision,
    ) {
        self.token = Some(token);
        self.expires_at = expires_at;
        self.login.get_or_insert(login);
        let ancestors = std::mem::take(&mut self.ancestors).into_iter();
        self.ancestors = ancestors.chain(self.revision.replace(revision)).collect();
        (self.ended, self.is_end_unsaved, self.logged_out) = (None, false, false);
        self.is_mark_void = false;
    }

    /// They may be tried again. Who has logged out stays so.
    pub(super) fn forget_end(&mut self) {
        let ended = self.ended.take_if(|ended| !matches!(**ended, AuthError::NotLoggedIn));
        self.is_mark_void |= matches!(ended.as_deref(), Some(AuthError::LoginEnded { .. }));
    }

    /// Their refresh token has ended.
    pub(super) fn end(&mut self, error: AuthError) {
        // Only the entry itself can be marked: another would be a login of its own.
        self.is_end_unsaved =
            self.revision.is_some_and(|revision| self.known == Known::Entry(revision));
        self.ended = Some(Box::new(error));
        self.is_mark_void = false;
    }

    /// A login or a log-out has taken their place, which was made at this moment.
    pub(super) fn replace(&mut self, new: Replacement, at: Instant) {
        let Replacement { login, revision, token, expires_at, replaced } = new;
        let unsaved = self.made.as_deref().filter(|_| !self.was_stored);
        let made = Made::after(unsaved, self.login.max(replaced), at);
        *self = Self {
            generation: self.generation.wrapping_add(1),
            ended: token.is_none().then(is_logged_out),
            logged_out: token.is_none(),
            token,
            expires_at,
            login: Some(login),
            revision: Some(revision),
            ancestors: Box::default(),
            is_end_unsaved: false,
            is_mark_void: false,
            made: Some(Box::new(made)),
            was_stored: false,
            known: self.known,
        };
    }

    /// What the store lacks; `None` also when it must be read first.
    pub(super) fn unsaved(&self) -> Option<Unsaved> {
        let login = self.login?;
        let revision = self.revision?;
        let replaces = match self.known {
            Known::Unread => return None,
            Known::Nothing => None,
            Known::Entry(there) if there == revision && !self.is_end_unsaved => return None,
            Known::Entry(there) => Some(there),
        };
        Some(Unsaved { stored: self.stored(login, revision)?, replaces })
    }

    /// Whether the store lacks what is here, as far as is known.
    pub(super) fn is_unsaved(&self) -> bool {
        let Some(revision) = self.revision else { return false };
        self.is_end_unsaved || self.known != Known::Entry(revision)
    }

    fn stored(&self, login: LoginId, revision: Revision) -> Option<StoredToken> {
        let ended = matches!(self.ended.as_deref(), Some(AuthError::LoginEnded { .. }));
        let content = match &self.token {
            Some(token) => {
                Content::Token { token: token.clone(), expires_at: self.expires_at, ended }
            }
            None if self.logged_out => Content::LoggedOut,
            None => return None,
        };
        let made = self.made.as_ref().map(|made| made.at);
        Some(StoredToken { login, revision, content, made, made_about: None })
    }

    /// The store has taken this.
    pub(super) fn saved(&mut self, stored: &StoredToken) {
        self.known = Known::Entry(stored.revision);
        if self.login == Some(stored.login) {
            self.was_stored = true;
            self.made = None;
        }
        if self.revision == Some(stored.revision) {
            self.ancestors = Box::default();
            // A mark that was set while this was being saved is still to be saved.
            self.is_end_unsaved &= !stored.has_ended();
        }
    }

    /// The store has taken the login that has just replaced all there was.
    pub(super) fn saved_as_it_is(&mut self) {
        self.made = None;
        self.was_stored = true;
        self.known = self.revision.map_or(Known::Unread, Known::Entry);
    }

    /// The store has something else than was known.
    pub(super) fn lost_sight(&mut self) {
        self.known = Known::Unread;
    }

    /// The token, and how long its access token is good: never longer than it was when it was new,
    /// whatever the wall clock says.
    pub(super) fn left(&self, now: Now) -> Option<(&Token, Duration)> {
        let token = self.token.as_ref()?;
        let left = self.expires_at.duration_since(now.wall).unwrap_or_default();
        Some((token, left.min(token.expires_in)))
    }
}

/// As the store says it.
fn has_ended() -> Box<AuthError> {
    Box::new(AuthError::LoginEnded { source: None })
}

fn is_logged_out() -> Box<AuthError> {
    Box::new(AuthError::NotLoggedIn)
}
