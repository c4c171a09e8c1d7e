//! What a token request is made of.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{ClientSecret, OAuthError};

/// A grant: makes the form that is sent to the token endpoint.
///
/// Implemented for the grants that Spotify knows; implement it for those of another server.
pub trait TokenRequest: fmt::Debug + Send + Sync {
    /// The form to send.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Input`] when a part is missing or cannot be sent.
    fn form(&self) -> Result<TokenForm, OAuthError>;
}

impl<R: TokenRequest + ?Sized> TokenRequest for &R {
    fn form(&self) -> Result<TokenForm, OAuthError> {
        (**self).form()
    }
}

/// The form of a token request and how the client proves who it is.
///
/// ```
/// use spotify_web::oauth::{OAuthError, TokenForm, TokenRequest};
///
/// /// RFC 8628: the last step of the device flow.
/// #[derive(Debug)]
/// struct DeviceCodeRequest {
///     client_id: String,
///     device_code: String,
/// }
///
/// impl TokenRequest for DeviceCodeRequest {
///     fn form(&self) -> Result<TokenForm, OAuthError> {
///         Ok(TokenForm::new("urn:ietf:params:oauth:grant-type:device_code")
///             .parameter("client_id", self.client_id.as_str())
///             .secret_parameter("device_code", self.device_code.as_str()))
///     }
/// }
/// ```
#[must_use]
pub struct TokenForm {
    basic: Option<(String, ClientSecret)>,
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: &'static str,
    value: Zeroizing<String>,
    secret: bool,
}

impl TokenForm {
    /// A form with its `grant_type`.
    pub fn new(grant_type: impl Into<String>) -> Self {
        Self::without_grant_type().parameter("grant_type", grant_type)
    }

    /// A form for a server that knows the grant without being told.
    pub fn without_grant_type() -> Self {
        Self { basic: None, parameters: Vec::new() }
    }

    /// Proves the client's identity with HTTP Basic, as confidential clients do
    /// ([RFC 6749, section 2.3.1]).
    ///
    /// [RFC 6749, section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    pub fn basic(mut self, client_id: impl Into<String>, secret: impl Into<ClientSecret>) -> Self {
        self.basic = Some((client_id.into(), secret.into()));
        self
    }

    /// Adds a parameter; its value is percent-encoded when it is sent.
    pub fn parameter(self, name: &'static str, value: impl Into<String>) -> Self {
        self.push(name, value.into(), false)
    }

    /// Adds a parameter that no error text may repeat: a code, a verifier, a refresh token.
    pub fn secret_parameter(self, name: &'static str, value: impl Into<String>) -> Self {
        self.push(name, value.into(), true)
    }

    fn push(mut self, name: &'static str, value: String, secret: bool) -> Self {
        self.parameters.push(Parameter { name, value: Zeroizing::new(value), secret });
        self
    }

    /// Whether it exchanges a refresh token, also one of a server that is not told the grant.
    pub(super) fn is_refresh(&self) -> bool {
        self.parameters.iter().any(|each| each.name == "refresh_token")
    }

    /// The client id and secret for HTTP Basic, form-encoded as the RFC wants them.
    pub(super) fn encoded_basic(&self) -> Option<(String, Zeroizing<String>)> {
        let (id, secret) = self.basic.as_ref()?;
        Some((encoded(id), Zeroizing::new(encoded(secret.expose()))))
    }

    pub(super) fn body(&self) -> Zeroizing<String> {
        let pairs = self.parameters.iter().map(|each| (each.name, each.value.as_str()));
        Zeroizing::new(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    }

    /// Everything in it that a response might repeat and no error text may, as it is and as it is
    /// sent.
    pub(super) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let parameters = self.parameters.iter().filter(|each| each.secret);
        let plain = parameters.map(|each| each.value.as_str());
        let plain = plain.chain(self.basic.iter().map(|(_, secret)| secret.expose()));
        let forms = plain.flat_map(|secret| [secret.to_owned(), encoded(secret)]);
        let basic = self.encoded_basic().map(|(id, secret)| {
            BASE64_STANDARD.encode(Zeroizing::new(format!("{id}:{}", secret.as_str())))
        });
        forms.chain(basic).map(Zeroizing::new).collect()
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl fmt::Debug for TokenForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|each| each.name).collect();
        f.debug_struct("TokenForm").field("parameters", &names).finish_non_exhaustive()
    }
}
