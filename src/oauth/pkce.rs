//! Proof Key for Code Exchange (RFC 7636), and the random texts that logins need.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use zeroize::Zeroizing;

use super::{LoginError, PkceVerifier};

impl PkceVerifier {
    /// A new one of 64 characters, from the system's random numbers.
    ///
    /// # Errors
    ///
    /// [`LoginError::NoRandomness`] when the system has none.
    pub fn generate() -> Result<Self, LoginError> {
        random_text::<48>().map(|text| Self::new(text.as_str()))
    }

    /// The challenge of the method `S256` ([RFC 7636, section 4.2]).
    ///
    /// ```
    /// use spotify_web::oauth::PkceVerifier;
    ///
    /// // RFC 7636, Appendix B.
    /// let verifier = PkceVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    /// assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    /// ```
    ///
    /// [RFC 7636, section 4.2]: https://www.rfc-editor.org/rfc/rfc7636#section-4.2
    pub fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac_sha256::Hash::hash(self.expose().as_bytes()))
    }

    /// Whether it is of 43 to 128 characters of the set that is allowed.
    pub(super) fn is_valid(&self) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (43..=128).contains(&self.expose().len()) && self.expose().bytes().all(allowed)
    }
}

/// This number of random bytes as letters, digits, `-` and `_`.
pub(super) fn random_text<const BYTES: usize>() -> Result<Zeroizing<String>, LoginError> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    getrandom::fill(&mut *bytes).map_err(|error| LoginError::NoRandomness(error.to_string()))?;
    Ok(Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*bytes)))
}
