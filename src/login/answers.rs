//! What a user answers, and the page that they see then.

use tokio::sync::oneshot;

use super::SignInError;
use crate::html::{escaped, page as html};
use crate::oauth::{AuthorizationCode, LoginError, Token};

/// What came of a login.
pub(super) enum Answer {
    /// The browser came back; it waits for a page.
    Redirect { code: Result<AuthorizationCode, LoginError>, reply: oneshot::Sender<Page> },
    /// A line that the user pasted.
    Pasted(String),
}

/// A page with its status.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) html: String,
}

/// What the user sees in the end.
pub(super) fn page(outcome: &Result<Token, SignInError>) -> Page {
    match outcome {
        Ok(_) => Page {
            status: 200,
            html: html(
                "Logged in",
                "<h1>You are logged in</h1>\n<p>You can close this window and go back to the program.</p>",
            ),
        },
        Err(error) => failure(400, &error.to_string()),
    }
}

/// Why it did not work.
pub(super) fn failure(status: u16, reason: &str) -> Page {
    let main = format!(
        "<h1>You are not logged in</h1>\n<p id=\"reason\">{}.</p>\n\
         <p>You can close this window and go back to the program.</p>",
        escaped(&sentence(reason))
    );
    Page { status, html: html("Not logged in", &main) }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}
