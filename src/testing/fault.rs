//! What can go wrong on the way, and how often it does.

use fastrand::Rng;
use serde_json::json;

use super::message::Message;

/// Something that goes wrong with one request, for a [`FaultProxy`](super::FaultProxy) to do.
///
/// Each says whether the server gets the request, since that decides what may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is reset before the server gets the request.
    ResetBeforeRequest,
    /// The server carries the request out; the connection is reset in place of the response.
    ResetBeforeResponse,
    /// The server carries it out; the connection is reset after half of the response, head
    /// included.
    ResetInResponse,
    /// The server responds; the connection is reset afterwards, before it is used again.
    ResetAfterResponse,
    /// The server carries it out; the body is only half as long as was announced.
    HalfBody,
    /// The server responds, but the body comes in eight pieces, 50 ms apart.
    SlowBody,
    /// The server carries it out; the response never comes.
    NoResponse,
    /// The server responds, but the response says that it is `text/html`.
    WrongContentType,
    /// A gateway responds with 502 and a page; the server gets nothing.
    GatewayError,
    /// The server carries it out, but the response is a 503.
    ErrorAfterwards,
    /// A 429, with `Retry-After` in seconds or without; the server gets nothing.
    RateLimited {
        /// What `Retry-After` says.
        retry_after: Option<u32>,
    },
    /// A 401 for a token that is good; the server gets nothing.
    Unauthorized,
    /// The server responds; the body does not end.
    EndlessBody,
}

impl Fault {
    /// Whether the server gets the request, and so carries it out.
    pub fn reaches_server(self) -> bool {
        !matches!(
            self,
            Self::ResetBeforeRequest
                | Self::GatewayError
                | Self::RateLimited { .. }
                | Self::Unauthorized
        )
    }

    /// The refusal of a limit, with a `Retry-After` of these seconds or without one.
    pub(super) fn rate_limited(seconds: Option<u64>) -> Self {
        let retry_after = seconds.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
        Self::RateLimited { retry_after }
    }

    /// The response that comes in place of the server's.
    pub(super) fn own_response(self) -> Option<Message> {
        let json = |status: u16, message: &str| {
            json!({ "error": { "status": status, "message": message } }).to_string()
        };
        match self {
            Self::GatewayError => {
                let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
                Some(Message::response("502 Bad Gateway", "text/html", "", page))
            }
            Self::ErrorAfterwards => {
                let body = json(503, "Service unavailable");
                Some(Message::response("503 Service Unavailable", JSON, "", &body))
            }
            Self::RateLimited { retry_after } => {
                let body = json(429, "API rate limit exceeded");
                let wait = retry_after.map(|wait| format!("retry-after: {wait}\r\n"));
                let wait = wait.unwrap_or_default();
                Some(Message::response("429 Too Many Requests", JSON, &wait, &body))
            }
            Self::Unauthorized => {
                let body = json(401, "Invalid access token");
                Some(Message::response("401 Unauthorized", JSON, "", &body))
            }
            _ => None,
        }
    }
}

/// Faults with their shares of the requests; the rest goes well.
#[derive(Debug, Clone, Default)]
pub(super) struct Mixture(Vec<(Fault, f64)>);

impl Mixture {
    /// Sets the share of a fault, from 0 to 1.
    pub(super) fn set(&mut self, fault: Fault, share: f64) {
        self.0.retain(|(other, _)| *other != fault);
        self.0.push((fault, share));
    }

    pub(super) fn draw(&self, random: &mut Rng) -> Option<Fault> {
        let mut left = random.f64();
        for (fault, share) in &self.0 {
            left -= share;
            if left < 0.0 {
                return Some(*fault);
            }
        }
        None
    }
}

const JSON: &str = "application/json";
