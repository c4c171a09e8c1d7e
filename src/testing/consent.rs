//! The page on which a user allows an app something, or does not.

use url::Url;

use super::response::FakeResponse;
use crate::html::{self, escaped};

/// What an app asks a user for, and who the user is.
#[derive(Debug, Clone)]
pub(super) struct Consent {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<String>,
    pub(super) scope: String,
    pub(super) user: String,
    state: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Consent {
    /// What the parameters of a login's URL ask for, or the page that refuses it.
    pub(super) fn of(
        parameters: &[(String, String)],
        known_client: Option<&str>,
    ) -> Result<Self, FakeResponse> {
        let get = |name: &str| {
            let found = parameters.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.clone())
        };
        let client_id = get("client_id").filter(|id| !id.is_empty());
        let client_id = client_id.filter(|id| known_client.is_none_or(|known| known == id));
        let client_id = client_id.ok_or_else(|| refusal("INVALID_CLIENT: Invalid client"))?;
        let redirect_uri = get("redirect_uri").filter(|uri| is_allowed(uri));
        let redirect_uri =
            redirect_uri.ok_or_else(|| refusal("INVALID_CLIENT: Insecure redirect URI"))?;
        if get("response_type").as_deref() != Some("code") {
            return Err(refusal("response_type must be code"));
        }
        let challenge = get("code_challenge");
        if challenge.is_some() && get("code_challenge_method").as_deref() != Some("S256") {
            return Err(refusal("code_challenge_method must be S256"));
        }
        if get("show_dialog").is_some_and(|show| show != "true" && show != "false") {
            return Err(refusal("show_dialog must be true or false"));
        }
        Ok(Self {
            client_id,
            redirect_uri,
            challenge,
            scope: get("scope").unwrap_or_default(),
            user: get("user").filter(|user| !user.is_empty()).unwrap_or_else(|| "wizzler".into()),
            state: get("state"),
            parameters: parameters.to_vec(),
        })
    }

    /// Asks the user.
    pub(super) fn page(&self) -> FakeResponse {
        let hidden: String = self
            .parameters
            .iter()
            .filter(|(name, _)| name != "user" && name != "decision")
            .map(|(name, value)| {
                let name = escaped(name);
                let value = escaped(value);
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n")
            })
            .collect();
        let scopes: String = match self.scope.is_empty() {
            true => "<li>your public profile</li>".to_owned(),
            false => {
                self.scope.split(' ').map(|scope| format!("<li>{}</li>", escaped(scope))).collect()
            }
        };
        let app = escaped(&self.client_id);
        page(
            200,
            "Log in",
            &format!(
                "<h1>Allow <b>{app}</b> to act for you?</h1>
<p>This is not Spotify, but a fake to test with. The app asks for:</p>
<ul>{scopes}</ul>
<form method=\"post\" action=\"/authorize\">
{hidden}<label>Your name <input name=\"user\" value=\"{}\" autocomplete=\"off\"></label>
<div class=\"buttons\">
<button name=\"decision\" value=\"agree\" id=\"agree\" class=\"primary\">Agree</button>
<button name=\"decision\" value=\"cancel\" id=\"cancel\">Cancel</button>
</div>
</form>",
                escaped(&self.user),
            ),
        )
    }

    /// Sends the user back to the app.
    pub(super) fn redirect(&self, parameters: &[(&str, &str)]) -> FakeResponse {
        // Only what parses gets past `of`.
        let Ok(mut url) = Url::parse(&self.redirect_uri) else { return FakeResponse::status(400) };
        let state = self.state.as_deref().map(|state| ("state", state));
        url.query_pairs_mut().extend_pairs(parameters.iter().copied().chain(state));
        FakeResponse::body(303, "text/plain", "").with_header("location", url)
    }
}

/// As Spotify has it since November 2025: HTTPS, or loopback by its number, or an app's own scheme.
fn is_allowed(redirect_uri: &str) -> bool {
    let Ok(url) = Url::parse(redirect_uri) else { return false };
    match url.scheme() {
        "http" => matches!(url.host_str(), Some("127.0.0.1" | "[::1]")),
        _ => url.host_str() != Some("localhost"),
    }
}

fn refusal(reason: &str) -> FakeResponse {
    page(400, "Refused", &format!("<h1>Refused</h1><p id=\"reason\">{}</p>", escaped(reason)))
}

fn page(status: u16, title: &str, main: &str) -> FakeResponse {
    let html = html::page(&format!("{title} - fake Spotify"), main);
    FakeResponse::body(status, "text/html; charset=utf-8", html)
        .with_header("content-security-policy", html::CONTENT_SECURITY_POLICY)
        .with_header("cache-control", "no-store")
}
