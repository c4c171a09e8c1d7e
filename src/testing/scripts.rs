//! What a test puts in place of the fake's own responses.

use std::collections::VecDeque;
use std::sync::Arc;

use http::Method;

use super::FakeSpotify;
use super::request::FakeRequest;
use super::response::FakeResponse;

/// Responses to the next requests, and responses to certain ones.
#[derive(Default)]
pub(super) struct Scripts {
    pub(super) next_api: VecDeque<FakeResponse>,
    pub(super) next_token: VecDeque<FakeResponse>,
    by_request: Vec<Script>,
}

/// Called without any lock, so that it may ask the fake itself.
pub(super) type Respond = Arc<dyn Fn(&FakeRequest) -> Option<FakeResponse> + Send + Sync>;

struct Script {
    method: Method,
    path: Vec<String>,
    respond: Respond,
}

impl FakeSpotify {
    /// Sets the status of the response to the next API request.
    pub fn next(&self, status: u16) {
        self.next_api(FakeResponse::status(status));
    }

    /// Sets the response to the next API request; several are used up in order.
    pub fn next_api(&self, response: FakeResponse) {
        self.shared.state.lock().scripts.next_api.push_back(response);
    }

    /// Sets the response to the next token request; several are used up in order.
    pub fn next_token(&self, response: FakeResponse) {
        self.shared.state.lock().scripts.next_token.push_back(response);
    }

    /// Sets the responses to all requests with this method and path, such as `/v1/search`. A part of
    /// the path in braces stands for any: `/v1/tracks/{id}`.
    ///
    /// `respond` may return `None`, for requests that are to get what they would without it. Of
    /// several for a request, the latest is asked first. Limits, bans and tokens are checked before,
    /// scopes and quota are not, and what is [next](Self::next_api) goes first.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use reqwest::Method;
    /// use spotify_web::SpotifyClient;
    /// use spotify_web::testing::{FakeResponse, FakeSpotify};
    ///
    /// let fake = FakeSpotify::start().await?;
    /// let spotify = SpotifyClient::new(fake.config_with_credentials())?;
    ///
    /// // Spotify finds nothing for one query, and is not well at another one.
    /// fake.on(Method::GET, "/v1/search", |request| match request.parameter("q") {
    ///     Some("nothing") => Some(FakeResponse::json(200, &serde_json::json!({ "tracks": { "items": [] } }))),
    ///     Some("trouble") => Some(FakeResponse::status(400)),
    ///     _ => None,
    /// });
    ///
    /// assert_eq!(spotify.search().tracks("nothing").await?.items.len(), 0);
    /// assert!(spotify.search().tracks("trouble").await.is_err());
    /// assert_eq!(spotify.search().tracks("feeling").await?.items.len(), 1);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn on<R: Into<Option<FakeResponse>>>(
        &self,
        method: Method,
        path: &str,
        respond: impl Fn(&FakeRequest) -> R + Send + Sync + 'static,
    ) {
        let respond: Respond = Arc::new(move |request| respond(request).into());
        self.shared.state.lock().scripts.add(method, path, respond);
    }
}

impl Scripts {
    pub(super) fn add(&mut self, method: Method, path: &str, respond: Respond) {
        let path = path.trim_start_matches('/').split('/').map(str::to_owned).collect();
        self.by_request.push(Script { method, path, respond });
    }

    /// Those for a request, the latest first.
    pub(super) fn of(&self, request: &FakeRequest) -> Vec<Respond> {
        let scripts = self.by_request.iter().rev().filter(|script| script.is_for(request));
        scripts.map(|script| Arc::clone(&script.respond)).collect()
    }
}

impl Script {
    /// A part in braces stands for any part of a path.
    fn is_for(&self, request: &FakeRequest) -> bool {
        let fits = |(own, part): (&String, &str)| own.starts_with('{') || own == part;
        let parts: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
        self.method.as_str() == request.method
            && self.path.len() == parts.len()
            && self.path.iter().zip(parts).all(fits)
    }
}
