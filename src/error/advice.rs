//! What to do about an error, where its text does not say it.

use reqwest::StatusCode;

use super::Error;
use super::batch::go_on_after;
use super::message::for_people;
use crate::oauth::Scope;

/// A sentence for those who read the error. The first that holds: what would do harm comes before
/// what would not help.
pub(super) fn what_to_do(error: &Error) -> Option<String> {
    if let Error::PartlyCarriedOut(failed) = error {
        Some(go_on_after(failed.done, &failed.source))
    } else if error.may_have_been_carried_out() {
        Some(
            "It may have been carried out: look at what it changed before it is sent again.".into(),
        )
    } else if error.is_no_active_device() {
        Some("Start Spotify on a device, or name one of `player().devices()` with `device`.".into())
    } else if error.lacks_permission() {
        Some(ask_for(&error.missing_scopes()))
    } else if is_old_token(error) {
        Some(
            "A token is valid for an hour. An authenticator, given by `with_authenticator`, gets a \
             new one in time; one that was given by `with_token` stays as it is."
                .into(),
        )
    } else if error.is_transient() {
        Some(call_again(error))
    } else if error.raw_body().is_some() {
        Some("The body is in `raw_body`, for a report of what this version cannot read.".into())
    } else {
        None
    }
}

/// Whether the token was rejected, as one that has expired is.
fn is_old_token(error: &Error) -> bool {
    matches!(error, Error::Api { status: StatusCode::UNAUTHORIZED, .. })
}

fn ask_for(scopes: &[Scope]) -> String {
    match scopes {
        [] => "Let the user log in, and ask for the scopes that the endpoint names.".to_owned(),
        scopes => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            format!("Let the user log in, and ask for the scope {}.", scopes.join(" or "))
        }
    }
}

fn call_again(error: &Error) -> String {
    match error.retry_after() {
        Some(wait) => format!("Call again in {}.", for_people(wait)),
        None => "Call again later: it may succeed without any change.".to_owned(),
    }
}
