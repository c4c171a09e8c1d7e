//! A request as the fake remembers it.

use std::fmt;

use http::HeaderValue;
use http::request::Parts;
use url::form_urlencoded;

/// A request that arrived.
#[derive(Clone)]
#[non_exhaustive]
pub struct FakeRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, percent-encoded as it came.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The body, where it is text.
    pub body: String,
    /// The type of the body.
    pub content_type: Option<String>,
    /// Whether it came with an `Authorization`.
    pub authorized: bool,
    /// The status of its response; 0 until there is one. What was rejected or refused was not
    /// carried out.
    pub status: u16,
    pub(super) authorization: Option<String>,
    /// By which name the server was called.
    pub(super) host: String,
}

impl FakeRequest {
    pub(super) fn new(head: &Parts, body: &[u8]) -> Self {
        let header = head.headers.get(http::header::AUTHORIZATION);
        let text = |value: Option<&HeaderValue>| Some(value?.to_str().ok()?.to_owned());
        let authorization = text(header);
        let query = head.uri.query().unwrap_or_default();
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: String::from_utf8_lossy(body).into_owned(),
            content_type: text(head.headers.get(http::header::CONTENT_TYPE)),
            authorized: header.is_some(),
            status: 0,
            authorization,
            host: text(head.headers.get(http::header::HOST)).unwrap_or_default(),
        }
    }

    /// A form that is sent to a page, as by a browser.
    pub(super) fn of_a_form(path: &str, body: String) -> Self {
        Self {
            method: "POST".to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            body,
            content_type: None,
            authorized: false,
            status: 0,
            authorization: None,
            host: String::new(),
        }
    }

    /// The value of a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_for_token(&self) -> bool {
        matches!(self.path.as_str(), "/api/token" | "/swap" | "/refresh")
    }

    pub(super) fn is_for_login(&self) -> bool {
        self.path == "/authorize"
    }
}

// By hand, since it holds a token.
impl fmt::Debug for FakeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("authorized", &self.authorized)
            .finish_non_exhaustive()
    }
}
