//! What can go wrong with a login before a token is requested.

use super::error::colon;
use crate::report::{debug_for_people, says_it_all};

/// Why a login returned no code.
///
/// No text of it shows a secret, and all say what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// A part of the login cannot be used.
    #[error("{name} {reason}")]
    Input {
        /// Which part.
        name: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The system has no random numbers to make a login of.
    #[error("the system gave no random numbers: {0}")]
    NoRandomness(String),
    /// Neither a URL nor a part of one.
    #[error("this is not a URL; paste the whole URL that the browser was sent to")]
    NoUrl,
    /// The code was given without the URL that it came in.
    #[error(
        "only the code was given; paste the whole URL, whose `state` shows that it belongs to this login"
    )]
    OnlyCode,
    /// The URL has a parameter twice, which no URL of the accounts service has ([RFC 6749,
    /// section 3.1]). It may be forged, and neither of the two counts.
    ///
    /// [RFC 6749, section 3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-3.1
    #[error("the URL has `{name}` more than once; paste it as the browser was sent to it")]
    Repeated {
        /// Which parameter.
        name: &'static str,
    },
    /// The URL does not say which login it belongs to.
    #[error("the URL has no `state`; paste the whole URL that the browser was sent to")]
    StateMissing,
    /// The URL belongs to another login, or was forged ([RFC 6749, section 10.12]).
    ///
    /// [RFC 6749, section 10.12]: https://www.rfc-editor.org/rfc/rfc6749#section-10.12
    #[error("the URL belongs to another login; open the URL of this one and log in again")]
    StateMismatch,
    /// The user did not allow it (`access_denied`).
    #[error("the user did not allow it; begin a new login to ask again")]
    Denied,
    /// The accounts service rejected the login ([RFC 6749, section 4.1.2.1]).
    ///
    /// [RFC 6749, section 4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
    #[error("the accounts service rejected the login: {code}{}", colon(description.as_deref()))]
    Rejected {
        /// The reason as a code, clipped to 200 characters.
        code: String,
        /// The reason in words, clipped to 200 characters.
        description: Option<String>,
    },
    /// The URL has no code, as that of the login page has none.
    #[error("the URL has no `code`; paste the one that the browser was sent to after agreeing")]
    CodeMissing,
}

debug_for_people! {
    LoginError, says_it_all;
    fields
        Input { name, reason }
        Repeated { name }
        Rejected { code, description };
    values NoRandomness;
    words NoUrl OnlyCode StateMissing StateMismatch Denied CodeMissing;
}
