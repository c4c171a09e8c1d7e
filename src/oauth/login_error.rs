//! What can go wrong with a login before a token is asked for.

/// Why a login brought no code.
///
/// No text of it shows a secret, and all say what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// Neither an address nor a part of one.
    #[error("this is no address; paste the whole address that the browser was sent to")]
    NoAddress,
    /// The code was given without the address that it came in.
    #[error(
        "only the code was given; paste the whole address, whose `state` shows that it is this login's"
    )]
    OnlyCode,
    /// The address does not say which login it belongs to.
    #[error("the address has no `state`; paste the whole address that the browser was sent to")]
    StateMissing,
    /// The address belongs to another login, or somebody made it up ([RFC 6749, section 10.12]).
    ///
    /// [RFC 6749, section 10.12]: https://www.rfc-editor.org/rfc/rfc6749#section-10.12
    #[error("the address belongs to another login; open the address of this one and log in again")]
    StateMismatch,
    /// The user did not allow it (`access_denied`).
    #[error("the user did not allow it; log in again to be asked once more")]
    Denied,
    /// The accounts service refused the login ([RFC 6749, section 4.1.2.1]).
    ///
    /// [RFC 6749, section 4.1.2.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
    #[error("the accounts service refused the login: {code}{}", description.as_deref().map(|it| format!(": {it}")).unwrap_or_default())]
    Refused {
        /// The reason as a code, clipped to 200 characters.
        code: String,
        /// The reason in words, clipped to 200 characters.
        description: Option<String>,
    },
    /// The address brings no code, as that of the login page does not.
    #[error("the address has no `code`; paste the one that the browser was sent to after agreeing")]
    CodeMissing,
}
