//! Sealed records: what stands in the server shows no token, no client id and no user.
//!
//! A record is `P1` and JSON where there is no key, else `S1`, the key's name, 16 random bytes, and
//! what ChaCha20-Poly1305 ([RFC 8439]) makes of the same JSON. Each record has a key of its own,
//! made of the sealing key and the random bytes: random nonces of 96 bits under one key would be
//! used up after 2^32 records. The place of the record is authenticated with it, so that none can
//! be moved.
//!
//! [RFC 8439]: https://www.rfc-editor.org/rfc/rfc8439

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::FleetError;
use super::names::{Name, Place};
use crate::auth::{StoredToken, TokenKey};

/// A key that seals what a fleet keeps in its server: 32 random bytes, with a name that says which.
///
/// ```
/// use spotify_web::fleet::SealingKey;
///
/// # let bytes = [7; 32];
/// let key = SealingKey::new("2026-11", bytes);
/// assert!(!format!("{key:?}").contains('7'));
/// ```
#[derive(Clone)]
pub struct SealingKey {
    name: String,
    key: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    /// A key by its name, from 1 to 32 bytes, which stands beside what it seals and is no secret.
    ///
    /// A name never gets another key: what the old one sealed could not be opened any more.
    pub fn new(name: impl Into<String>, key: [u8; 32]) -> Self {
        Self { name: name.into(), key: Zeroizing::new(key) }
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Seals with the first key, and opens with any.
#[derive(Debug, Clone, Default)]
pub(super) struct Sealer {
    keys: Vec<SealingKey>,
}

/// What stands in a record.
#[derive(Serialize, Deserialize)]
struct Record {
    client_id: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    token: Zeroizing<String>,
}

/// A record that was opened.
pub(super) struct Opened {
    pub(super) key: TokenKey,
    pub(super) token: StoredToken,
    /// Whether it was sealed with the first key, or is to be sealed with none.
    pub(super) is_current: bool,
}

impl Sealer {
    pub(super) fn new(keys: impl IntoIterator<Item = SealingKey>) -> Result<Self, FleetError> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() {
            let reason = "there is no sealing key; give at least one, or do not set them";
            return Err(FleetError::Config { reason });
        }
        keys.iter().try_for_each(|key| Name::SealingKey.check(&key.name))?;
        for (number, key) in keys.iter().enumerate() {
            let is_again = |other: &SealingKey| other.name == key.name;
            if keys.iter().skip(number + 1).any(is_again) {
                let reason = "two sealing keys have the same name; give each its own";
                return Err(FleetError::Config { reason });
            }
        }
        Ok(Self { keys })
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What is kept for `token` at its place.
    pub(super) fn seal(
        &self,
        key: &TokenKey,
        place: &Place,
        token: &StoredToken,
    ) -> Result<Vec<u8>, FleetError> {
        let record = Record::of(key, token);
        // Strings in a struct always become JSON.
        let json = Zeroizing::new(serde_json::to_vec(&record).unwrap_or_default());
        let Some(first) = self.keys.first() else { return Ok([PLAIN, json.as_slice()].concat()) };
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|_| no_random_numbers())?;
        let mut sealed = json.to_vec();
        let context = context_of(place, &token.revision().to_string());
        let of_record =
            first.of_record(&salt).ok_or_else(|| FleetError::sealed(place, UNSEALABLE))?;
        let sealing = of_record.seal_in_place_append_tag(nonce(), Aad::from(context), &mut sealed);
        sealing.map_err(|_| FleetError::sealed(place, UNSEALABLE))?;
        // At most 32, as was checked.
        let length = u8::try_from(first.name.len()).unwrap_or_default();
        Ok([SEALED, &[length], first.name.as_bytes(), &salt, &sealed].concat())
    }

    /// Opens what stands at a place under a revision, where what is not sealed is anybody's who can
    /// write to the server: it is refused if there are keys.
    pub(super) fn open(
        &self,
        place: &Place,
        revision: &str,
        record: &[u8],
    ) -> Result<Opened, FleetError> {
        self.check_seal(place, record)?;
        self.open_any(place, revision, record)
    }

    pub(super) fn check_seal(&self, place: &Place, record: &[u8]) -> Result<(), FleetError> {
        let reason = "is not sealed, and stands where only sealed ones do";
        match self.has_keys() && is_unsealed(record) {
            true => Err(FleetError::sealed(place, reason)),
            false => Ok(()),
        }
    }

    /// The same, sealed or not.
    pub(super) fn open_any(
        &self,
        place: &Place,
        revision: &str,
        record: &[u8],
    ) -> Result<Opened, FleetError> {
        let opened = match (record.strip_prefix(PLAIN), record.strip_prefix(SEALED)) {
            (Some(json), _) => read(json, !self.has_keys()),
            (None, Some(sealed)) => {
                let (json, is_current) = self.open_sealed(place, revision, sealed)?;
                read(&json, is_current)
            }
            (None, None) => None,
        };
        let opened = opened.ok_or_else(|| FleetError::sealed(place, UNREADABLE))?;
        // Sealed or not, it is what it says it is.
        if opened.token.revision().to_string() != revision {
            return Err(FleetError::sealed(place, "was altered, since its revision is another"));
        }
        Ok(opened)
    }

    /// What was sealed, and whether the first key did it.
    fn open_sealed(
        &self,
        place: &Place,
        revision: &str,
        sealed: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, bool), FleetError> {
        let (name, salt, sealed) =
            parts_of(sealed).ok_or_else(|| FleetError::sealed(place, "is truncated"))?;
        let mut keys = self.keys.iter().enumerate();
        let (number, key) = keys
            .find(|(_, key)| key.name.as_bytes() == name)
            .ok_or_else(|| FleetError::unknown_key(place, name))?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let context = context_of(place, revision);
        let of_record =
            key.of_record(salt).ok_or_else(|| FleetError::sealed(place, MAY_BE_THE_KEY))?;
        let opened = of_record.open_in_place(nonce(), Aad::from(context), &mut sealed);
        let length = opened.map_err(|_| FleetError::sealed(place, MAY_BE_THE_KEY))?.len();
        sealed.truncate(length);
        Ok((sealed, number == 0))
    }
}

impl SealingKey {
    /// Keys of this length always make one.
    fn of_record(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.key.as_slice()), salt);
        UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).ok().map(LessSafeKey::new)
    }
}

impl Record {
    fn of(key: &TokenKey, token: &StoredToken) -> Self {
        Self {
            client_id: Zeroizing::new(key.client_id().to_owned()),
            user: key.user().map(|user| Zeroizing::new(user.to_owned())),
            scopes: key.scopes().to_vec(),
            token: Zeroizing::new(token.to_text().expose().to_owned()),
        }
    }
}

fn read(json: &[u8], is_current: bool) -> Option<Opened> {
    let record: Record = serde_json::from_slice(json).ok()?;
    let token = StoredToken::from_text(&record.token).ok()?;
    let key = TokenKey::new(record.client_id.as_str()).with_scopes(record.scopes);
    let key = match &record.user {
        Some(user) => key.with_user(user.as_str()),
        None => key,
    };
    Some(Opened { key, token, is_current })
}

/// As it is without a key.
pub(super) fn is_unsealed(record: &[u8]) -> bool {
    record.starts_with(PLAIN)
}

/// As it is with keys.
pub(super) fn is_sealed(record: &[u8]) -> bool {
    record.starts_with(SEALED)
}

/// The name of the key, the salt, and what was sealed.
fn parts_of(sealed: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = sealed.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (salt, sealed) = rest.split_at_checked(SALT)?;
    Some((name, salt, sealed))
}

/// What is authenticated with a record; no part of it can hold a zero.
fn context_of(place: &Place, revision: &str) -> String {
    [&place.logins, &place.scopes, revision].join("\0")
}

/// Each key seals one record only.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn no_random_numbers() -> FleetError {
    FleetError::Config { reason: "the system gives no random numbers" }
}

const UNREADABLE: &str = "is damaged, or was written by another version of spotify-web";
pub(super) const MAY_BE_THE_KEY: &str =
    "was altered or moved, or its sealing key is another one of the same name";
const UNSEALABLE: &str = "cannot be sealed";

const PLAIN: &[u8] = b"P1";
const SEALED: &[u8] = b"S1";
const SALT: usize = 16;
