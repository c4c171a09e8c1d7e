//! The accounts service: who is logged in, which tokens are good, and what is exchanged for them.

use std::collections::HashMap;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::form_urlencoded;

use super::catalogue::merge;
use super::consent::Consent;
use super::request::FakeRequest;
use super::response::FakeResponse;
use crate::oauth::{PkceVerifier, Scopes};

/// Whom a token acts for, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    App,
    User { name: String, scopes: Scopes },
}

impl Holder {
    /// A user who has allowed what a login asked for.
    fn of(login: &Consent) -> Self {
        // Whatever text it is, it is a set of scopes.
        let Ok(scopes) = login.scope.parse();
        Self::User { name: login.user.clone(), scopes }
    }

    pub(super) fn allows(&self, scope: &str) -> bool {
        match self {
            Self::App => false,
            Self::User { scopes, .. } => scopes.iter().any(|own| own == scope),
        }
    }
}

pub(super) struct Accounts {
    lifetime: Duration,
    /// The id and secret of the only client that is known.
    client: Option<(String, String)>,
    /// Each token with its end, and whose it is.
    tokens: HashMap<String, (Instant, Holder)>,
    /// Codes that have not been exchanged yet.
    codes: HashMap<String, Consent>,
    /// Refresh tokens that are good.
    logins: HashMap<String, Consent>,
    refuses_all: bool,
    expired_tokens: usize,
}

impl Accounts {
    pub(super) fn new(lifetime: Duration, client: Option<(String, String)>) -> Self {
        Self {
            lifetime,
            client,
            tokens: HashMap::new(),
            codes: HashMap::new(),
            logins: HashMap::new(),
            refuses_all: false,
            expired_tokens: 0,
        }
    }

    pub(super) fn expire_all(&mut self) {
        self.tokens.clear();
    }

    pub(super) fn refuse_all(&mut self) {
        self.refuses_all = true;
    }

    /// Those of one user, or all. A code that has not been exchanged yet is not a login.
    pub(super) fn end_logins(&mut self, user: Option<&str>) {
        self.logins.retain(|_, login| user.is_some_and(|user| login.user != user));
    }

    pub(super) fn expired_tokens(&self) -> usize {
        self.expired_tokens
    }

    /// The page on which users log in, and what becomes of their decision.
    pub(super) fn authorize(&mut self, request: &FakeRequest) -> FakeResponse {
        let form = Form::of(request);
        let parameters = if request.method == "GET" { &request.query } else { &form.0 };
        let consent = match Consent::of(parameters, self.client.as_ref().map(|(id, _)| id.as_str()))
        {
            Ok(consent) => consent,
            Err(refusal) => return refusal,
        };
        if request.method == "GET" {
            return consent.page();
        }
        let agrees = parameters.iter().any(|pair| *pair == ("decision".into(), "agree".into()));
        match agrees {
            true => {
                let code = new_secret("AQ");
                let redirect = consent.redirect(&[("code", code.as_str())]);
                self.codes.insert(code, consent);
                redirect
            }
            false => consent.redirect(&[("error", "access_denied")]),
        }
    }

    /// Responds to a token request.
    pub(super) fn token(&mut self, request: &FakeRequest) -> FakeResponse {
        if request.method != "POST" {
            return FakeResponse::status(405);
        }
        let form = Form::of(request);
        let Some(client) = self.client_of(request, &form) else {
            return refusal("invalid_client", "Invalid client");
        };
        match form.get("grant_type") {
            Some("client_credentials") if client.has_secret => {
                self.respond_with(Holder::App, &json!({}))
            }
            Some("client_credentials") => refusal("invalid_client", "Invalid client"),
            Some("authorization_code") => self.exchange_code(&form, &client),
            Some("refresh_token") => self.refresh(&form, &client),
            Some(_) => refusal("unsupported_grant_type", "grant_type parameter is unknown"),
            None => refusal("unsupported_grant_type", "grant_type parameter is missing"),
        }
    }

    /// How a token swap server responds, which keeps the app's secret: `expires_in` is a string.
    pub(super) fn swap(&mut self, request: &FakeRequest) -> FakeResponse {
        let form = Form::of(request);
        let login = match (form.get("code"), form.get("refresh_token")) {
            (Some(code), _) => self.codes.remove(code),
            (None, Some(token)) => self.logins.get(token).cloned(),
            (None, None) => return refusal("invalid_request", "neither code nor refresh_token"),
        };
        let Some(login) = login else { return refusal("invalid_grant", "Invalid code or token") };
        let access_token = self.issue(Holder::of(&login));
        let mut body = json!({
            "access_token": access_token, "expires_in": self.lifetime.as_secs().to_string(),
        });
        if form.get("code").is_some() {
            merge(&mut body, &json!({ "refresh_token": self.log_in(login) }));
        }
        FakeResponse::json(200, &body)
    }

    /// Whom the request's token acts for if it is good, else the response to it.
    pub(super) fn check(&mut self, request: &FakeRequest) -> Result<Holder, FakeResponse> {
        let Some(authorization) = &request.authorization else {
            return Err(unauthorized("No token provided"));
        };
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        match self.tokens.get(token) {
            _ if self.refuses_all => Err(unauthorized("Invalid access token")),
            None => Err(unauthorized("Invalid access token")),
            Some((end, _)) if Instant::now() >= *end => {
                self.expired_tokens += 1;
                Err(unauthorized("The access token expired"))
            }
            Some((_, holder)) => Ok(holder.clone()),
        }
    }

    /// A new token.
    pub(super) fn issue(&mut self, holder: Holder) -> String {
        let token = new_secret("BQ");
        self.tokens.insert(token.clone(), (Instant::now() + self.lifetime, holder));
        token
    }

    fn exchange_code(&mut self, form: &Form, client: &Client) -> FakeResponse {
        // A code is used up by any attempt.
        let Some(consent) = form.get("code").and_then(|code| self.codes.remove(code)) else {
            return refusal("invalid_grant", "Invalid authorization code");
        };
        let proven = match &consent.challenge {
            Some(challenge) => form
                .get("code_verifier")
                .is_some_and(|verifier| PkceVerifier::new(verifier).challenge() == *challenge),
            None => client.has_secret,
        };
        if consent.client_id != client.id {
            return refusal("invalid_grant", "Invalid authorization code");
        }
        if form.get("redirect_uri") != Some(&consent.redirect_uri) {
            return refusal("invalid_grant", "Invalid redirect URI");
        }
        if !proven {
            return refusal("invalid_grant", "code_verifier was incorrect");
        }
        let holder = Holder::of(&consent);
        let scope = consent.scope.clone();
        let refresh_token = self.log_in(consent);
        self.respond_with(holder, &json!({ "refresh_token": refresh_token, "scope": scope }))
    }

    /// As Spotify does: with PKCE a new refresh token takes the place of the old one, which is dead
    /// from then on; without, the response names none.
    fn refresh(&mut self, form: &Form, client: &Client) -> FakeResponse {
        let token = form.get("refresh_token").unwrap_or_default();
        let Some(login) = self.logins.get(token).filter(|login| login.client_id == client.id)
        else {
            return refusal("invalid_grant", "Refresh token revoked");
        };
        let login = login.clone();
        let holder = Holder::of(&login);
        if client.has_secret {
            return self.respond_with(holder, &json!({}));
        }
        self.logins.remove(token);
        let refresh_token = self.log_in(login);
        self.respond_with(holder, &json!({ "refresh_token": refresh_token }))
    }

    fn log_in(&mut self, login: Consent) -> String {
        let refresh_token = new_secret("AQ-refresh");
        self.logins.insert(refresh_token.clone(), login);
        refresh_token
    }

    fn respond_with(&mut self, holder: Holder, more: &Value) -> FakeResponse {
        let token = self.issue(holder);
        let mut body = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.lifetime.as_secs(),
        });
        merge(&mut body, more);
        FakeResponse::json(200, &body)
    }

    /// Who asks, if it is known.
    fn client_of(&self, request: &FakeRequest, form: &Form) -> Option<Client> {
        let client = match &request.authorization {
            Some(authorization) => {
                let (id, secret) = basic(authorization)?;
                let known = self.client.as_ref();
                known.is_none_or(|known| *known == (id.clone(), secret)).then_some(())?;
                Client { id, has_secret: true }
            }
            None => Client { id: form.get("client_id")?.to_owned(), has_secret: false },
        };
        let known = self.client.as_ref().is_none_or(|(id, _)| *id == client.id);
        known.then_some(client)
    }
}

/// Who asks for a token.
struct Client {
    id: String,
    has_secret: bool,
}

struct Form(Vec<(String, String)>);

impl Form {
    fn of(request: &FakeRequest) -> Self {
        Self(form_urlencoded::parse(request.body.as_bytes()).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// The id and secret in HTTP Basic, which are form-encoded in it.
fn basic(authorization: &str) -> Option<(String, String)> {
    let encoded = authorization.strip_prefix("Basic ")?;
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |text: &str| {
        let (text, _) = form_urlencoded::parse(text.as_bytes()).next()?;
        Some(text.into_owned())
    };
    Some((decode(id).unwrap_or_default(), decode(secret).unwrap_or_default()))
}

fn new_secret(prefix: &str) -> String {
    format!("{prefix}-fake-{:032x}", fastrand::u128(..))
}

fn refusal(code: &str, description: &str) -> FakeResponse {
    FakeResponse::json(400, &json!({ "error": code, "error_description": description }))
}

fn unauthorized(message: &str) -> FakeResponse {
    FakeResponse::json(401, &json!({ "error": { "status": 401, "message": message } }))
}
