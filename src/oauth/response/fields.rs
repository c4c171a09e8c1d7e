//! What a response to a token request says, which comes in many shapes.
//!
//! Each field is read for itself, so that one that makes no sense costs no other: a refresh token
//! that was rotated is good once, and a response that loses it ends the login.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer as JsonDeserializer, Value};
use zeroize::Zeroizing;

use super::objects::{Budget, first_object};
use crate::oauth::named_secrets::{is_word, secrets_in};
use crate::oauth::scrub::Scrubber;
use crate::oauth::{OAuthErrorCode, RefreshToken, Token};
use crate::transport::json_fault;

/// What was said about a token. Of a field that comes twice, the last value that can be read.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) access_token: Option<Zeroizing<String>>,
    pub(super) token_type: Option<String>,
    /// In seconds.
    expires_in: Option<f64>,
    pub(super) refresh_token: Option<Zeroizing<String>>,
    scope: Option<Vec<String>>,
    pub(super) error: Option<String>,
    pub(super) error_description: Option<String>,
    /// The secrets of the whole body, used or not.
    named: Vec<Zeroizing<String>>,
    /// Why the object was not read to its end: category and place only, since the words of serde
    /// quote the response.
    pub(super) syntax: Option<String>,
}

/// How much an object in a response has to say: the first that differs decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    /// What the request was for, or a refresh token, also of an object that breaks off.
    has_token: bool,
    /// Its refresh token is not the one that was sent, as in a request that is repeated.
    is_new: bool,
    says_something: bool,
    is_whole: bool,
    /// How much it says of its token: one in a log comes with less.
    fields: usize,
}

impl Fields {
    /// Reads the object in `body` that says the most, and of several the first, whatever is around
    /// it: a byte order mark, what an interpreter warns of, a line of HTML or of a log. Where none
    /// is whole, what one that breaks off says until then. Of those with both tokens the last: a
    /// log stands before the response.
    ///
    /// A token in a page that tells of an error is an example or somebody else's: without a success
    /// status, only an object with which the body begins can have one.
    pub(super) fn of(body: &[u8], sent: &[Zeroizing<String>], is_success: bool) -> Self {
        // A letter in another encoding costs no more than itself.
        let text = Zeroizing::new(String::from_utf8_lossy(body).into_owned());
        let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
        let mut rest = text;
        let mut best: Option<Self> = None;
        let mut budget = Budget::default();
        while let Some(object) = first_object(rest).filter(|_| !budget.is_spent()) {
            let mut fields = Self::read_tolerantly(object, &mut budget, is_success);
            if is_success || object.len() == text.len() {
                fields.forget_refresh_token_in(sent);
            } else {
                fields.forget_tokens();
            }
            if !is_success && fields.error.is_some() && fields.access_token.is_none() {
                // A word about the refresh token that was sent.
                fields.refresh_token.take_if(|token| is_word(token));
            }
            best = Some(fields.or_better(best, sent));
            let Some(skipped) = budget.extent_of(object) else { break };
            rest = object.get(skipped..).unwrap_or_default();
        }
        let none = || Self { syntax: Some("it has no JSON object".to_owned()), ..Self::default() };
        let best = best.unwrap_or_else(none);
        let named = secrets_in(text, best.error.as_deref());
        Self { named, ..best }
    }

    /// The better one of these and what came before. A refresh token may be the only one that still
    /// works, wherever it stands.
    fn or_better(mut self, before: Option<Self>, sent: &[Zeroizing<String>]) -> Self {
        let Some(mut before) = before else { return self };
        let worth = self.worth(sent);
        let worth_before = before.worth(sent);
        if worth_before.has_token && self.is_refusal() {
            // The token was one in a log, such as the one that has ended.
            self.refresh_token = before.refresh_token.filter(|token| !sent.contains(token));
            return self;
        }
        let is_complete = worth.is_new && worth.is_whole && self.tokens().count() == 2;
        if is_complete || worth_before < worth {
            self.refresh_token = self.refresh_token.or(before.refresh_token);
            return self;
        }
        if worth.is_new {
            before.refresh_token = before.refresh_token.or(self.refresh_token);
        }
        before
    }

    /// An error of the standard and no token. What a log tells of has codes of its own.
    fn is_refusal(&self) -> bool {
        let code = self.error.as_deref().map(OAuthErrorCode::from);
        let is_known = code.is_some_and(|code| !matches!(code, OAuthErrorCode::Unknown(_)));
        is_known && self.syntax.is_none() && self.tokens().next().is_none()
    }

    /// An object from its `{` on. The refresh token also of one that is not JSON, or that breaks off
    /// within the object that has it.
    fn read_tolerantly(object: &str, budget: &mut Budget, is_success: bool) -> Self {
        let mut fields = Self::read(object);
        if fields.syntax.is_none() || fields.refresh_token.is_some() {
            return fields;
        }
        fields.refresh_token = refresh_token_in(object, budget);
        if is_success && fields.tokens().next().is_none() {
            let inner = budget.unfinished_in(object);
            fields.refresh_token =
                inner.into_iter().find_map(|inner| refresh_token_in(inner, budget));
        }
        fields
    }

    fn read(object: &str) -> Self {
        let mut fields = Self::default();
        let read = JsonDeserializer::from_str(object).deserialize_map(&mut fields);
        fields.syntax = read.err().map(|error| json_fault(&error));
        fields
    }

    fn worth(&self, sent: &[Zeroizing<String>]) -> Worth {
        let texts = [&self.token_type, &self.error, &self.error_description];
        let is_whole = self.syntax.is_none();
        let has_token = self.refresh_token.is_some() || is_whole && self.access_token.is_some();
        let others = [self.token_type.is_some(), self.expires_in.is_some(), self.scope.is_some()];
        let of_token = others.iter().filter(|is_there| **is_there).count() + self.tokens().count();
        Worth {
            has_token,
            is_new: !self.refresh_token.as_ref().is_some_and(|token| sent.contains(token)),
            says_something: texts.iter().any(|text| text.is_some()) || self.tokens().count() > 0,
            is_whole,
            fields: if has_token { of_token } else { 0 },
        }
    }

    fn tokens(&self) -> impl Iterator<Item = &Zeroizing<String>> {
        [&self.access_token, &self.refresh_token].into_iter().flatten()
    }

    fn forget_tokens(&mut self) {
        self.access_token = None;
        self.refresh_token = None;
    }

    /// A server that repeats the refresh token that it was sent has rotated nothing.
    fn forget_refresh_token_in(&mut self, sent: &[Zeroizing<String>]) {
        if self.access_token.is_none() {
            self.refresh_token.take_if(|token| sent.contains(token));
        }
    }

    /// On a refresh an empty scope says as little as none: what was granted stays
    /// ([RFC 6749, section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    pub(super) fn forget_empty_scope(&mut self) {
        self.scope.take_if(|scope| scope.is_empty());
    }

    /// Scrubs what was sent, and what came.
    pub(super) fn scrubber<'a>(&'a self, sent: &'a [Zeroizing<String>]) -> Scrubber<'a> {
        let came = self.tokens().chain(&self.named);
        Scrubber::new(sent.iter().chain(came).map(|secret| secret.as_str()))
    }

    fn set(&mut self, name: &str, value: Value) {
        match (name, value) {
            ("access_token", Value::String(text)) if !is_mask(&text) => {
                set(&mut self.access_token, text);
            }
            ("refresh_token", Value::String(text)) if is_refresh_token(&text) => {
                set(&mut self.refresh_token, text);
            }
            ("token_type", Value::String(text)) => set(&mut self.token_type, text),
            ("error", Value::String(text)) => set(&mut self.error, text),
            ("error_description", Value::String(text)) => set(&mut self.error_description, text),
            ("expires_in", Value::Number(seconds)) => self.expires_in = seconds.as_f64(),
            ("expires_in", Value::String(text)) => self.set_lifetime(&text),
            ("scope", Value::String(text)) => self.scope = Some(scopes_in([text.as_str()])),
            ("scope", Value::Array(list)) => {
                self.scope = Some(scopes_in(list.iter().filter_map(Value::as_str)));
            }
            _ => {}
        }
    }

    /// A number that only overflows is a very large one, unlike the word "inf".
    fn set_lifetime(&mut self, text: &str) {
        let Ok(seconds) = text.trim().parse::<f64>() else { return };
        let is_number = text.contains(|letter: char| letter.is_ascii_digit());
        let seconds = if is_number { seconds.clamp(f64::MIN, f64::MAX) } else { seconds };
        self.expires_in = Some(seconds);
    }

    /// A lifetime that makes no sense counts as none.
    pub(super) fn token(&self) -> Token {
        let access_token = self.access_token.as_deref().filter(|token| can_be_sent(token));
        Token {
            access_token: access_token.map_or("", |token| token.as_str()).into(),
            expires_in: self.lifetime().unwrap_or_default(),
            refresh_token: self
                .refresh_token
                .as_ref()
                .map(|text| RefreshToken::from(text.as_str())),
            scopes: self.scope.clone(),
        }
    }

    /// `expires_in` may be an integer, a float or a string; when it is missing, `null` or no number
    /// at all, the token is taken to be good for an hour, which a 401 corrects. Some servers say a
    /// very large number for one that never expires.
    pub(super) fn lifetime(&self) -> Result<Duration, String> {
        let Some(seconds) = self.expires_in else { return Ok(Token::DEFAULT_LIFETIME) };
        if !seconds.is_finite() || seconds < 0.0 {
            return Err(format!("it is said to expire in {seconds} seconds"));
        }
        let lifetime = Duration::try_from_secs_f64(seconds).unwrap_or(Token::LONGEST_LIFETIME);
        Ok(lifetime.min(Token::LONGEST_LIFETIME))
    }
}

/// What RFC 6750 allows is less, but all of this can be sent.
pub(super) fn can_be_sent(access_token: &str) -> bool {
    access_token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Of a field of the object itself: what is wrong with the values before it, such as a `NaN`, costs
/// a token nothing.
fn refresh_token_in(object: &str, budget: &mut Budget) -> Option<Zeroizing<String>> {
    budget.text_in(object, "\"refresh_token\"").filter(|text| is_refresh_token(text))
}

/// Unlike a sentence about one.
fn is_refresh_token(text: &str) -> bool {
    !text.trim().contains(char::is_whitespace) && !is_mask(text)
}

/// What a log shows in place of a secret: `[FILTERED]`, `***`, `AQB***`, `xxxxxxxx`.
fn is_mask(text: &str) -> bool {
    let text = text.trim();
    let is_covered = text.chars().all(|letter| "xX*•·.-_#".contains(letter));
    let is_short = text.len() < LONGEST_MASK;
    text.starts_with(['[', '<'])
        || is_short && text.contains("***")
        || is_short && is_covered && text.chars().count() >= SHORTEST_MASK
}

fn scopes_in<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    texts.into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// An empty string says nothing.
fn set<T: From<String>>(field: &mut Option<T>, text: String) {
    if !text.trim().is_empty() {
        *field = Some(text.into());
    }
}

impl<'de> Visitor<'de> for &mut Fields {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if !FIELDS.contains(&name.as_str()) {
                // However deep.
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            // Not yet read: a number without bounds, or half a surrogate pair, costs this field
            // only.
            let value: &RawValue = map.next_value()?;
            match serde_json::from_str(value.get()) {
                Ok(value) => self.set(&name, value),
                Err(_) if name == "expires_in" => self.set_lifetime(value.get()),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

const FIELDS: [&str; 7] = [
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
    "scope",
    "error",
    "error_description",
];

const SHORTEST_MASK: usize = 3;

/// A token that is longer may have any characters in a row.
const LONGEST_MASK: usize = 64;
