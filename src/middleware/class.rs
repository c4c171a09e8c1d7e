//! What the layers need to know of a request.

use std::time::Duration;

use reqwest::Method;
use tokio::time::Instant;

/// Whether a request may be retried when it is not known what became of it.
///
/// Part of an endpoint's definition; without one, the method says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Safety {
    /// It changes nothing.
    Read,
    /// Carried out twice, it has the same effect as once ([RFC 9110, section 9.2.2]).
    ///
    /// [RFC 9110, section 9.2.2]: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
    Idempotent,
    /// Carried out twice, it does something twice. It is sent again only when it was provably not
    /// carried out.
    NonIdempotent,
}

impl Safety {
    /// What a method promises.
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => Self::Read,
            Method::PUT | Method::DELETE => Self::Idempotent,
            _ => Self::NonIdempotent,
        }
    }
}

/// How the layers treat one request: an extension of it. Without one, the method says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestClass {
    /// Whether it may be retried.
    pub safety: Safety,
    /// Whether it goes before those that wait, as a player's commands do.
    pub is_urgent: bool,
    /// How often it may be retried; `None` is as often as the layer has it.
    pub retries: Option<u32>,
    /// How long it may wait for permits and for `Retry-After`, all its attempts together; `None` is
    /// as long as the layers have it.
    pub max_wait: Option<Duration>,
    /// When the call has to be over; a wait that would end later is not begun. `None` for no limit.
    pub deadline: Option<Instant>,
}

impl RequestClass {
    /// A class by the method alone.
    pub fn of(method: &Method) -> Self {
        let safety = Safety::of(method);
        Self { safety, is_urgent: false, retries: None, max_wait: None, deadline: None }
    }
}
