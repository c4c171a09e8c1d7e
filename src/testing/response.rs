//! The responses of the fake.

use std::fmt;

use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

/// A response to script the fake with; see [`FakeSpotify::next_api`](super::FakeSpotify::next_api).
#[derive(Clone)]
pub struct FakeResponse(Kind);

#[derive(Clone)]
enum Kind {
    Http { status: u16, headers: Vec<(String, String)>, body: Body },
    HangUp,
    Never,
}

/// JSON is written when it is sent, and so without the lock of the fake.
#[derive(Clone)]
enum Body {
    Bytes(Vec<u8>),
    Json(Value),
}

impl FakeResponse {
    /// A response with this status and Spotify's JSON for it.
    pub fn status(status: u16) -> Self {
        let message =
            StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        Self::json(status, &json!({ "error": { "status": status, "message": message } }))
    }

    /// A response with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// What a browser asks for before scripts of another origin may call: they may, as at Spotify.
    pub(super) fn preflight() -> Self {
        Self::body(204, "text/plain", "")
            .with_header("access-control-allow-headers", "Authorization, Content-Type")
            .with_header("access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS")
    }

    pub(super) fn of_json(status: u16, json: Value) -> Self {
        Self::with_body(status, "application/json", Body::Json(json))
    }

    /// A response with any body.
    pub fn body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::with_body(status, content_type, Body::Bytes(body.into()))
    }

    fn with_body(status: u16, content_type: &str, body: Body) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self(Kind::Http { status, headers, body })
    }

    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Kind::Http { headers, .. } = &mut self.0 {
            headers.push((name.into(), value.into()));
        }
        self
    }

    pub(super) fn with_status(mut self, code: u16) -> Self {
        if let Kind::Http { status, .. } = &mut self.0 {
            *status = code;
        }
        self
    }

    /// Closes the connection without a response.
    pub fn hang_up() -> Self {
        Self(Kind::HangUp)
    }

    /// Keeps the connection open and never responds.
    pub fn never() -> Self {
        Self(Kind::Never)
    }

    /// Its status; 0 where there is no response.
    pub(super) fn status_code(&self) -> u16 {
        match self.0 {
            Kind::Http { status, .. } => status,
            Kind::HangUp | Kind::Never => 0,
        }
    }

    /// Where it leads.
    pub(super) fn location(&self) -> Option<&str> {
        let Kind::Http { headers, .. } = &self.0 else { return None };
        headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.as_str())
    }

    /// The response for the wire, or `None` to hang up.
    pub(super) async fn into_response(self) -> Option<Response<Full<Bytes>>> {
        match self.0 {
            Kind::HangUp => None,
            Kind::Never => std::future::pending().await,
            Kind::Http { status, headers, body } => {
                let mut response =
                    Response::builder().status(status).header("access-control-allow-origin", "*");
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                let body = match body {
                    Body::Bytes(bytes) => bytes,
                    Body::Json(json) => json.to_string().into_bytes(),
                };
                response.body(Full::new(body.into())).ok()
            }
        }
    }
}

/// Without the body, which may hold a token.
impl fmt::Debug for FakeResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Http { status, .. } => write!(f, "FakeResponse({status})"),
            Kind::HangUp => f.write_str("FakeResponse(hang up)"),
            Kind::Never => f.write_str("FakeResponse(never)"),
        }
    }
}
