//! Reading responses to token requests, which come in many shapes.
//!
//! Each field is read for itself, so that one that makes no sense costs no other: a refresh token
//! that was rotated is good once, and a response that loses it ends the login.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer as JsonDeserializer, Value};
use zeroize::Zeroizing;

use super::named_secrets::{is_word, secrets_in};
use super::scrub::Scrubber;
use super::{OAuthError, RefreshToken, Token, TokenForm};
use crate::transport::json_fault;

/// What was received, which may be less than was sent.
pub(super) struct TokenResponse {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl TokenResponse {
    /// The token, or the error that keeps the most of the response; `cut` says why the end of the
    /// body is missing, where it is.
    ///
    /// | the response has | result |
    /// |---|---|
    /// | a success status and a token without fault | the token |
    /// | a refresh token, or an access token that cannot be used | [`OAuthError::Unusable`] |
    /// | an error code, under any status | [`OAuthError::Rejected`] |
    /// | no end | why it has none |
    /// | a success status, and a body | [`OAuthError::NoToken`] |
    /// | nothing of it | [`OAuthError::Status`] |
    pub(super) fn read(
        &self,
        form: &TokenForm,
        cut: Option<OAuthError>,
    ) -> Result<Token, OAuthError> {
        let status = self.status;
        let retry_after = self.retry_after;
        let sent = form.secrets();
        let mut fields = Fields::of(&self.body, &sent, status.is_success());
        if form.is_refresh() {
            fields.forget_empty_scope();
        }
        let scrubber = fields.scrubber(&sent);
        let Some(reason) = self.fault(&fields, &scrubber) else { return Ok(fields.token()) };
        let code = fields.error.as_deref().and_then(|code| scrubber.code(code));
        if fields.refresh_token.is_some() || self.has_odd_token(&fields) && code.is_none() {
            let token = Box::new(Token { expires_in: Duration::ZERO, ..fields.token() });
            return Err(OAuthError::Unusable { status, code, reason, retry_after, token });
        }
        if let Some(code) = code {
            let description = fields.error_description.as_deref().map(|text| scrubber.words(text));
            return Err(OAuthError::Rejected { status, code, description, retry_after });
        }
        let has_content = status == StatusCode::OK || !self.body.is_empty();
        Err(match cut {
            Some(cut) => cut,
            None if status.is_success() && has_content => OAuthError::NoToken { reason },
            None => OAuthError::Status { status, retry_after },
        })
    }

    /// What keeps the token from being used, if anything does.
    fn fault(&self, fields: &Fields, scrubber: &Scrubber<'_>) -> Option<String> {
        if !self.status.is_success() {
            return Some(format!("it came with HTTP {}", self.status));
        }
        if let Some(syntax) = &fields.syntax {
            return Some(syntax.clone());
        }
        let Some(access_token) = &fields.access_token else {
            return Some("access_token is missing, empty or not a string".to_owned());
        };
        if !can_be_sent(access_token) {
            return Some("access_token has characters that cannot be sent".to_owned());
        }
        let other =
            fields.token_type.as_deref().filter(|name| !name.trim().eq_ignore_ascii_case("bearer"));
        if let Some(other) = other {
            return Some(format!("its type is {:?}, not bearer", scrubber.words(other)));
        }
        fields.lifetime().err()
    }

    /// A whole response with an access token, about which something else makes no sense.
    fn has_odd_token(&self, fields: &Fields) -> bool {
        let has_token = fields.access_token.as_deref().is_some_and(|token| can_be_sent(token));
        self.status.is_success() && fields.syntax.is_none() && has_token
    }
}

/// What RFC 6750 allows is less, but all of this can be sent.
fn can_be_sent(access_token: &str) -> bool {
    access_token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What was said about a token. Of a field that comes twice, the last value that can be read.
#[derive(Default)]
struct Fields {
    access_token: Option<Zeroizing<String>>,
    token_type: Option<String>,
    /// In seconds.
    expires_in: Option<f64>,
    refresh_token: Option<Zeroizing<String>>,
    scope: Option<Vec<String>>,
    error: Option<String>,
    error_description: Option<String>,
    /// The secrets of the whole body, used or not.
    named: Vec<Zeroizing<String>>,
    /// Why the object was not read to its end: category and place only, since the words of serde
    /// quote the response.
    syntax: Option<String>,
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
    fn of(body: &[u8], sent: &[Zeroizing<String>], is_success: bool) -> Self {
        // A letter in another encoding costs no more than itself.
        let text = Zeroizing::new(String::from_utf8_lossy(body).into_owned());
        let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
        let mut rest = text;
        let mut best: Option<Self> = None;
        let mut budget = Budget { read: MOST_READ, scanned: MOST_READ };
        while let Some(object) = first_object(rest).filter(|_| budget.read > 0) {
            let mut fields = Self::read(object);
            if fields.syntax.is_some() && fields.refresh_token.is_none() {
                fields.refresh_token = budget.text_in(object, "\"refresh_token\"");
            }
            if is_success || object.len() == text.len() {
                fields.forget_refresh_token_in(sent);
            } else {
                fields.forget_tokens();
            }
            if !is_success && fields.error.is_some() && fields.access_token.is_none() {
                // A word about the refresh token that was sent.
                fields.refresh_token.take_if(|token| is_word(token));
            }
            let worth = fields.worth(sent);
            let is_complete = worth.is_new && worth.is_whole && fields.tokens().count() == 2;
            if is_complete || best.as_ref().is_none_or(|best| best.worth(sent) < worth) {
                // A refresh token may be the only one that still works, wherever it stands.
                let known = best.take().and_then(|best| best.refresh_token);
                fields.refresh_token = fields.refresh_token.or(known);
                best = Some(fields);
            } else if let Some(best) = best.as_mut().filter(|_| worth.is_new) {
                best.refresh_token = best.refresh_token.take().or(fields.refresh_token);
            }
            let Some(skipped) = budget.extent_of(object) else { break };
            rest = object.get(skipped..).unwrap_or_default();
        }
        let none = || Self { syntax: Some("it has no JSON object".to_owned()), ..Self::default() };
        Self { named: secrets_in(text), ..best.unwrap_or_else(none) }
    }

    /// An object from its `{` on.
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
    fn forget_empty_scope(&mut self) {
        self.scope.take_if(|scope| scope.is_empty());
    }

    /// Scrubs what was sent, and what came.
    fn scrubber<'a>(&'a self, sent: &'a [Zeroizing<String>]) -> Scrubber<'a> {
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
    fn token(&self) -> Token {
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
    fn lifetime(&self) -> Result<Duration, String> {
        let Some(seconds) = self.expires_in else { return Ok(Token::DEFAULT_LIFETIME) };
        if !seconds.is_finite() || seconds < 0.0 {
            return Err(format!("it is said to expire in {seconds} seconds"));
        }
        let lifetime = Duration::try_from_secs_f64(seconds).unwrap_or(Token::LONGEST_LIFETIME);
        Ok(lifetime.min(Token::LONGEST_LIFETIME))
    }
}

/// From the first `{` on that is not just a brace in some text.
fn first_object(text: &str) -> Option<&str> {
    let braces = text.match_indices('{').filter_map(|(start, _)| text.get(start..));
    let begins = |object: &&str| {
        object.get(1..).is_some_and(|rest| rest.trim_start().starts_with(['"', '}']))
    };
    braces.into_iter().find(begins)
}

/// How much may still be read of a body, some of it several times.
struct Budget {
    read: usize,
    scanned: usize,
}

impl Budget {
    /// How far an object reaches that is to be passed over; `None` where all that follows is within
    /// it.
    ///
    /// What is within an object speaks of something else. One that is none, and that no brace ends,
    /// may only be a brace before the object itself.
    fn extent_of(&mut self, object: &str) -> Option<usize> {
        match JsonDeserializer::from_str(object).into_iter::<&RawValue>().next()? {
            Ok(whole) => {
                self.read = self.read.saturating_sub(whole.get().len());
                Some(whole.get().len())
            }
            Err(error) if error.is_eof() => None,
            Err(error) => {
                let lines = object.split_inclusive('\n').take(error.line().saturating_sub(1));
                let read = lines.map(str::len).sum::<usize>() + error.column();
                self.read = self.read.saturating_sub(read.max(1));
                Some(self.end_of(object).unwrap_or(1))
            }
        }
    }

    /// What an object says behind a name, in quotes, of its own: what is wrong with the values
    /// before it, such as a `NaN`, costs a token nothing.
    fn text_in(&mut self, object: &str, name: &str) -> Option<Zeroizing<String>> {
        let mut depth = 0_usize;
        let mut found = None;
        let scanned = self.scannable(object);
        for (at, byte) in outside_of_strings(scanned) {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' if depth == 1 => found = text_behind(object.get(at..), name).or(found),
                _ => {}
            }
        }
        self.scanned -= scanned.len();
        found
    }

    /// Behind the brace that ends an object, whatever else is wrong with it.
    fn end_of(&mut self, object: &str) -> Option<usize> {
        let mut depth = 0_usize;
        let scanned = self.scannable(object);
        let end = outside_of_strings(scanned).find_map(|(at, byte)| {
            match byte {
                b'{' => depth += 1,
                b'}' if depth == 1 => return Some(at + 1),
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            None
        });
        self.scanned -= end.unwrap_or(scanned.len());
        end
    }

    fn scannable<'a>(&self, object: &'a str) -> &'a [u8] {
        object.as_bytes().get(..self.scanned).unwrap_or(object.as_bytes())
    }
}

/// The bytes outside of strings, and the quotes with which strings begin.
fn outside_of_strings(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let mut is_text = false;
    let mut is_escaped = false;
    bytes.iter().copied().enumerate().filter(move |(_, byte)| {
        let was_text = is_text;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ => {}
        }
        !was_text
    })
}

/// The string of a field with this name, in quotes, with which `text` begins.
fn text_behind(text: Option<&str>, name: &str) -> Option<Zeroizing<String>> {
    let value = text?.strip_prefix(name)?.trim_start().strip_prefix(':')?;
    let text = JsonDeserializer::from_str(value).into_iter::<String>().next()?.ok()?;
    Some(Zeroizing::new(text)).filter(|text| !text.trim().is_empty() && is_refresh_token(text))
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

/// What is none may be read again from each of its braces on: as much as 64 of the longest bodies.
const MOST_READ: usize = 64 * 64 * 1024;
