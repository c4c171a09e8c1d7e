//! The page that the browser shows in the end. Its words are for the person before it.

use base64::prelude::{BASE64_STANDARD, Engine};

use super::SignInError;
use crate::html::{self, escaped};
use crate::oauth::{LoginError, Token};

/// A page with its status.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) html: String,
}

/// How the login ended.
pub(super) fn outcome(outcome: &Result<Token, SignInError>) -> Page {
    match outcome {
        Ok(_) => page(200, "You are logged in", ""),
        Err(SignInError::Login(error)) => failure(400, &told(error)),
        Err(error) => failure(400, &error.to_string()),
    }
}

/// Why this was not the way back of the login.
pub(super) fn not_it(error: &LoginError) -> Page {
    failure(400, &told(error))
}

/// A reload, while the first page is on its way.
pub(super) fn opened_twice() -> Page {
    let reason =
        "This page was opened twice; how the login ends is shown where it was opened first";
    page(409, "The login goes on elsewhere", reason)
}

/// Why there is no login here.
pub(super) fn failure(status: u16, reason: &str) -> Page {
    page(status, "You are not logged in", reason)
}

/// What a page may do: show itself, and take the code out of the address bar.
pub(super) fn content_security_policy() -> String {
    let script = BASE64_STANDARD.encode(hmac_sha256::Hash::hash(FORGET_THE_CODE.as_bytes()));
    let style = html::CONTENT_SECURITY_POLICY;
    format!(
        "{style}; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn page(status: u16, heading: &str, reason: &str) -> Page {
    let reason = match reason {
        "" => String::new(),
        reason => format!("<p id=\"reason\">{}.</p>\n", escaped(&sentence(reason))),
    };
    let main = format!(
        "<h1>{heading}</h1>\n{reason}<p>You can close this window and go back to the program.</p>\n\
         <script>{FORGET_THE_CODE}</script>"
    );
    Page { status, html: html::page(heading, &main) }
}

/// An error of a login speaks to the program and to who runs it; here, to the user.
fn told(error: &LoginError) -> String {
    match error {
        LoginError::Denied => "You did not allow the program to use your account",
        LoginError::NoUrl
        | LoginError::Repeated { .. }
        | LoginError::StateMissing
        | LoginError::StateMismatch => {
            "This page is not of the login that the program waits for; open the link that it shows"
        }
        LoginError::CodeMissing => "Spotify sent no code; open the link of the program again",
        other => return other.to_string(),
    }
    .to_owned()
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// The code is good for one token and has been used, but an address bar is what people share.
const FORGET_THE_CODE: &str = "history.replaceState(null, \"\", location.pathname)";
