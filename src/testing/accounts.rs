//! The accounts service: issues tokens and says which are good.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use serde_json::json;
use tokio::time::Instant;
use url::form_urlencoded;

use super::answer::FakeAnswer;
use super::fake::FakeRequest;
use crate::transport::{HttpOptions, SharedHttpClient};

/// Whom a token acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    App,
    User,
}

pub(super) struct Accounts {
    lifetime: Duration,
    /// The `Authorization` of the only client that is known.
    client: Option<String>,
    /// Each token with its end, and whose it is.
    tokens: HashMap<String, (Instant, Holder)>,
    refuses_all: bool,
    expired_tokens: usize,
}

impl Accounts {
    pub(super) fn new(lifetime: Duration, client: Option<(String, String)>) -> Self {
        let client = client.and_then(|(id, secret)| basic(&id, &secret));
        Self { lifetime, client, tokens: HashMap::new(), refuses_all: false, expired_tokens: 0 }
    }

    pub(super) fn expire_all(&mut self) {
        self.tokens.clear();
    }

    pub(super) fn refuse_all(&mut self) {
        self.refuses_all = true;
    }

    pub(super) fn expired_tokens(&self) -> usize {
        self.expired_tokens
    }

    /// Answers a token request.
    pub(super) fn token(&mut self, request: &FakeRequest) -> FakeAnswer {
        if request.method != "POST" {
            return FakeAnswer::status(405);
        }
        if !self.knows_client(request) {
            return refusal("invalid_client", "Invalid client");
        }
        let mut form = form_urlencoded::parse(request.body.as_bytes());
        match form.find(|(name, _)| name == "grant_type").as_ref().map(|(_, grant)| grant.as_ref())
        {
            Some("client_credentials") => self.answer_with_token(),
            Some(_) => refusal("unsupported_grant_type", "grant_type parameter is unknown"),
            None => refusal("unsupported_grant_type", "grant_type parameter is missing"),
        }
    }

    /// Whom the request's token acts for if it is good, else the answer to it.
    pub(super) fn check(&mut self, request: &FakeRequest) -> Result<Holder, FakeAnswer> {
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
            Some((_, holder)) => Ok(*holder),
        }
    }

    /// A new token.
    pub(super) fn issue(&mut self, holder: Holder) -> String {
        let token = format!("BQ-fake-{:032x}", fastrand::u128(..));
        self.tokens.insert(token.clone(), (Instant::now() + self.lifetime, holder));
        token
    }

    fn answer_with_token(&mut self) -> FakeAnswer {
        let token = self.issue(Holder::App);
        let answer = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.lifetime.as_secs(),
        });
        FakeAnswer::json(200, &answer)
    }

    fn knows_client(&self, request: &FakeRequest) -> bool {
        let Some(authorization) = &request.authorization else { return false };
        match &self.client {
            Some(known) => authorization == known,
            None => authorization.starts_with("Basic "),
        }
    }
}

/// What a known client's `Authorization` is: HTTP Basic as reqwest writes it.
fn basic(id: &str, secret: &str) -> Option<String> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let http = SharedHttpClient::default().get(&HttpOptions::default()).ok()?;
    let request = http.get("http://localhost/").basic_auth(encode(id), Some(encode(secret)));
    let header = request.build().ok()?.headers().get(AUTHORIZATION)?.to_str().ok()?.to_owned();
    Some(header)
}

fn refusal(code: &str, description: &str) -> FakeAnswer {
    FakeAnswer::json(400, &json!({ "error": code, "error_description": description }))
}

fn unauthorized(message: &str) -> FakeAnswer {
    FakeAnswer::json(401, &json!({ "error": { "status": 401, "message": message } }))
}
