//! What is at stake when settling gives up.

use std::fmt;
use std::sync::Arc;

use super::{AuthError, StoreError, TokenKey};
use crate::oauth::Left;
use crate::transport::clipped;

/// Whose tokens are not saved when settling gives up, and why: what the next start of the program
/// may lack.
///
/// Its text and `Debug` name the first ten logins; [`logins`](Self::logins) has all of them.
///
/// ```
/// # use spotify_web::{Error, SpotifyClient};
/// use spotify_web::auth::AuthError;
///
/// # async fn example(spotify: SpotifyClient) {
/// match spotify.settle().await {
///     Err(Error::Unsettled(AuthError::NotSettled(unsettled))) => {
///         for login in unsettled.logins() {
///             let user = login.key.as_ref().and_then(|key| key.user());
///             eprintln!("{user:?} may have to log in again: {:?}", login.error);
///         }
///     }
///     other => println!("{other:?}"),
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Unsettled(Arc<[UnsettledLogin]>);

/// A login that is not settled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnsettledLogin {
    /// Whose it is: the key in the store. `None` for one without a store, and for an authenticator
    /// of the user's own.
    pub key: Option<Arc<TokenKey>>,
    /// Why it could not be saved the last time; `None` where no store has failed, but its refresh
    /// has not ended.
    pub error: Option<StoreError>,
}

impl Unsettled {
    /// All of them, in no order.
    pub fn logins(&self) -> &[UnsettledLogin] {
        &self.0
    }

    /// Whether all of them may be settled later without any change.
    pub(super) fn is_transient(&self) -> bool {
        let may_pass =
            |login: &UnsettledLogin| login.error.as_ref().is_none_or(StoreError::is_transient);
        self.0.iter().all(may_pass)
    }

    /// These, and those of `others` that are not among them.
    pub(super) fn with(&self, others: &Self) -> Self {
        let is_new = |login: &&UnsettledLogin| {
            login.key.is_none() || !self.0.iter().any(|own| own.key == login.key)
        };
        self.0.iter().chain(others.0.iter().filter(is_new)).cloned().collect()
    }
}

impl FromIterator<UnsettledLogin> for Unsettled {
    fn from_iter<I: IntoIterator<Item = UnsettledLogin>>(logins: I) -> Self {
        Self(logins.into_iter().collect())
    }
}

impl UnsettledLogin {
    /// What a cache has left under way.
    pub(super) fn of(left: Left) -> Self {
        let error = left.obstacle.map(|obstacle| StoreError::of_obstacle(&*obstacle));
        Self { key: left.whose.downcast().ok(), error }
    }

    /// What an authenticator of the user's own has to say.
    fn of_error(error: &AuthError) -> Self {
        let text = line(error);
        let error = match error.is_transient() {
            true => StoreError::custom(text),
            false => StoreError::permanent(text),
        };
        Self { key: None, error: Some(error) }
    }
}

impl AuthError {
    /// Why a client is not settled whose own authenticator said `self`, and its users `users`.
    pub(crate) fn and_of_users(self, users: Self) -> Self {
        match (self, users) {
            (own @ Self::WithinFetch, _) => own,
            (Self::NotSettled(own), Self::NotSettled(users)) => Self::NotSettled(users.with(&own)),
            (own, Self::NotSettled(users)) => {
                let own = [UnsettledLogin::of_error(&own)].into_iter().collect();
                Self::NotSettled(users.with(&own))
            }
            (own, _) => own,
        }
    }
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("1 login is at stake: ")?,
            count => write!(f, "{count} logins are at stake: ")?,
        }
        for (index, login) in self.0.iter().take(MOST_NAMED).enumerate() {
            write!(f, "{}{login}", if index > 0 { "; " } else { "" })?;
        }
        match self.0.len().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for UnsettledLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => f.write_str(&clipped(&key.to_string()))?,
            None => f.write_str("a login without a key")?,
        }
        match &self.error {
            // It may be of any length.
            Some(error @ StoreError::Custom { .. }) => write!(f, ": {}", clipped(&line(error))),
            // What to do stands at its end.
            Some(error) => write!(f, ": {}", without_control(&line(error))),
            None => f.write_str(": still under way"),
        }
    }
}

/// As short as its text.
impl fmt::Debug for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unsettled").field(&self.to_string()).finish()
    }
}

fn without_control(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// An error with its causes.
fn line(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

const MOST_NAMED: usize = 10;
