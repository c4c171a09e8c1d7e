//! A real OAuth server, certified: `oidc-provider` on Node.js, with rotation and the detection of
//! reuse.
//!
//! `.ci/run` installs it into `target/oauth_server`; by hand, `npm ci` in there with the two
//! package files of `tests/oauth_server`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use spotify_web::SpotifyClientConfig;
use spotify_web::oauth::{Login, OAuthClient, Scope};
use url::Url;

/// A server of its own for a test; ends with it, also when the test is killed.
pub(crate) struct OAuthServer {
    process: Child,
    origin: String,
    /// Follows no redirect, as a browser would that a test looks at.
    http: Client<HttpConnector, Full<Bytes>>,
}

/// What has happened at the server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct OAuthStats {
    /// Token requests that have arrived.
    pub(crate) token_requests: u64,
    /// Those that have no response yet.
    pub(crate) in_flight: u64,
    /// Tokens, by grant type.
    pub(crate) granted: HashMap<String, u64>,
    /// Errors, by code.
    pub(crate) refused: HashMap<String, u64>,
    /// Refresh tokens that were replaced.
    pub(crate) rotations: u64,
    /// Refresh tokens that came again after that: each has ended a login.
    pub(crate) reused: u64,
}

impl OAuthServer {
    pub(crate) const PUBLIC: &str = "public";
    pub(crate) const CONFIDENTIAL: &str = "confidential";
    pub(crate) const SECRET: &str = "the-secret-of-the-client";

    /// `None` where Node.js or the package is missing.
    pub(crate) fn start() -> Option<Self> {
        let directory = directory();
        if !directory.join("node_modules/oidc-provider").exists() {
            return skipped("oidc-provider is not installed in target/oauth_server");
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oauth_server/server.mjs");
        let started = Command::new("node")
            .args([script, directory])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut process) = started else { return skipped("node is not installed") };
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let origin = lines.next().expect("the server has started").unwrap();
        let http = Client::builder(TokioExecutor::new()).build_http();
        Some(Self { process, origin, http })
    }

    /// Leads token requests, and calls of the API as far as the server has one, to it.
    pub(crate) fn config(&self) -> SpotifyClientConfig {
        SpotifyClientConfig::default()
            .with_base_url(self.base_url())
            .with_token_url(self.token_url())
    }

    pub(crate) fn oauth(&self) -> OAuthClient {
        OAuthClient::new(&self.config())
    }

    pub(crate) fn base_url(&self) -> String {
        format!("{}/v1/", self.origin)
    }

    pub(crate) fn token_url(&self) -> String {
        format!("{}/token", self.origin)
    }

    /// A login with PKCE of the public client. This server takes an agreement to nothing for a
    /// refusal, so that there is a scope.
    pub(crate) fn login(&self) -> Login {
        self.leading_here(Login::pkce(Self::PUBLIC, REDIRECT_URI))
    }

    /// A login of the confidential client.
    pub(crate) fn confidential_login(&self) -> Login {
        self.leading_here(Login::authorization_code(Self::CONFIDENTIAL, REDIRECT_URI))
    }

    fn leading_here(&self, login: Login) -> Login {
        login
            .with_authorize_url(format!("{}/auth", self.origin))
            .with_scopes([Scope::UserReadEmail])
    }

    /// Opens a URL as a user's browser does, in a new profile, until it leads away from the server:
    /// there the user has logged in and agreed.
    pub(crate) async fn open(&self, url: &str) -> String {
        let mut url = Url::parse(url).unwrap();
        let mut cookies: HashMap<String, String> = HashMap::new();
        while url.as_str().starts_with(&self.origin) {
            let sent: Vec<_> =
                cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = Request::get(url.as_str()).header(COOKIE, sent.join("; "));
            let response = self.http.request(request.body(Full::default()).unwrap()).await.unwrap();
            for cookie in response.headers().get_all(SET_COOKIE) {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
            cookies.retain(|_, value| !value.is_empty());
            let Some(next) = response.headers().get(LOCATION) else {
                panic!("{url} leads nowhere: {}", text(response).await)
            };
            url = url.join(next.to_str().unwrap()).unwrap();
        }
        url.into()
    }

    pub(crate) async fn stats(&self) -> OAuthStats {
        serde_json::from_str(&self.admin(Method::GET, "stats", String::new()).await).unwrap()
    }

    /// How long an access token is good for, in seconds.
    /// Waits for this number of refreshes from now on that rotated, with none under way.
    pub(crate) async fn after_rotations(&self, number: u64) {
        let before = self.stats().await.rotations;
        loop {
            let stats = self.stats().await;
            if stats.rotations >= before + number && stats.in_flight == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn set_lifetime(&self, seconds: u32) {
        self.set("lifetime", json!(seconds)).await;
    }

    /// Whether the users who log in next refuse.
    pub(crate) async fn set_denies(&self, denies: bool) {
        self.set("denies", json!(denies)).await;
    }

    /// Turns a knob of `tests/oauth_server/server.mjs`.
    pub(crate) async fn set(&self, knob: &str, value: Value) {
        self.admin(Method::POST, "knobs", json!({ knob: value }).to_string()).await;
    }

    async fn admin(&self, method: Method, path: &str, body: String) -> String {
        let url = format!("{}/admin/{path}", self.origin);
        let request = Request::builder().method(method).uri(url).body(Full::from(body)).unwrap();
        let response = self.http.request(request).await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
        text(response).await
    }
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

impl Drop for OAuthServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Beside the directory of the test's profile.
fn directory() -> PathBuf {
    let profile = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    profile.parent().unwrap().join("oauth_server")
}

fn skipped(reason: &str) -> Option<OAuthServer> {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    eprintln!("skipped: {reason}; see tests/api/common/oauth_server.rs");
    None
}

const REDIRECT_URI: &str = "http://127.0.0.1:8888/callback";
