//! Ids, and everything that people paste where an id is asked for.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lenient;
use super::open_enum::open_enum;

/// Why a text is not the id that is needed.
///
/// Known before anything is sent. A [`Request`](crate::api::Request) keeps it and answers with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Neither an id nor a URI nor a share URL.
    #[error(
        "`{input}` is no {expected} id; expected 22 letters and digits, a Spotify URI or a share URL"
    )]
    Malformed {
        /// The kind that was asked for.
        expected: IdKind,
        /// What was given instead, at most 80 characters of it.
        input: String,
    },
    /// A good URI or URL, but of a thing of another kind.
    #[error("`{input}` names a {found}, but a {expected} is needed")]
    WrongKind {
        /// The kind that was asked for.
        expected: IdKind,
        /// The kind that was given.
        found: IdKind,
        /// What was given, at most 80 characters of it.
        input: String,
    },
    /// Neither a URI nor a share URL, where a bare id would not say what it names.
    #[error("`{input}` is no Spotify URI and no share URL; expected one such as `spotify:track:…`")]
    NoUri {
        /// What was given, at most 80 characters of it.
        input: String,
    },
    /// An empty user name.
    #[error("the {expected} id is empty")]
    Empty {
        /// The kind that was asked for.
        expected: IdKind,
    },
}

impl IdError {
    pub(super) fn no_uri(input: &str) -> Self {
        Self::NoUri { input: clipped(input) }
    }
}

impl From<Infallible> for IdError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

open_enum! {
    /// The kinds of things that have an id.
    pub enum IdKind {
        /// An album, single or compilation.
        Album = "album",
        /// An artist.
        Artist = "artist",
        /// An audiobook.
        Audiobook = "audiobook",
        /// A chapter of an audiobook.
        Chapter = "chapter",
        /// A podcast episode.
        Episode = "episode",
        /// A playlist.
        Playlist = "playlist",
        /// A podcast.
        Show = "show",
        /// A track.
        Track = "track",
        /// A user.
        User = "user",
    }
}

macro_rules! base62_id {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        ///
        /// Parses bare ids, URIs and share URLs. 22 bytes, so it is copied rather than borrowed.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 22]);

        impl $name {
            /// The kind of thing that this id names.
            pub const KIND: IdKind = IdKind::$kind;

            /// The bare id: 22 letters and digits.
            pub fn as_str(&self) -> &str {
                // Only ASCII letters and digits get past `FromStr`.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(input: &str) -> Result<Self, IdError> {
                let id = bare(Self::KIND, input)?;
                match <[u8; 22]>::try_from(id.as_bytes()) {
                    Ok(id) if id.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(id)),
                    _ => Err(malformed(Self::KIND, input)),
                }
            }
        }

        id_conversions!($name);
    };
}

macro_rules! id_conversions {
    ($name:ident) => {
        impl $name {
            /// The Spotify URI, as in `spotify:track:11dFghVXANMlKmJXsNCbNl`.
            pub fn uri(&self) -> String {
                format!("spotify:{}:{}", Self::KIND, encoded(self.as_str()))
            }

            /// The address of the thing's page, as the share button gives it.
            pub fn url(&self) -> String {
                format!("https://open.spotify.com/{}/{}", Self::KIND, encoded(self.as_str()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }

        impl TryFrom<&str> for $name {
            type Error = IdError;

            fn try_from(input: &str) -> Result<Self, IdError> {
                input.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(input: String) -> Result<Self, IdError> {
                input.parse()
            }
        }

        impl TryFrom<&String> for $name {
            type Error = IdError;

            fn try_from(input: &String) -> Result<Self, IdError> {
                input.parse()
            }
        }

        impl From<&$name> for $name {
            fn from(id: &$name) -> Self {
                id.clone()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                lenient::parsed(deserializer)
            }
        }
    };
}

base62_id!(
    /// The id of an album.
    AlbumId, Album
);
base62_id!(
    /// The id of an artist.
    ArtistId, Artist
);
base62_id!(
    /// The id of an audiobook.
    AudiobookId, Audiobook
);
base62_id!(
    /// The id of a chapter of an audiobook.
    ChapterId, Chapter
);
base62_id!(
    /// The id of a podcast episode.
    EpisodeId, Episode
);
base62_id!(
    /// The id of a playlist.
    PlaylistId, Playlist
);
base62_id!(
    /// The id of a podcast.
    ShowId, Show
);
base62_id!(
    /// The id of a track.
    ///
    /// ```
    /// use spotify_web::model::TrackId;
    ///
    /// let id: TrackId = "https://open.spotify.com/intl-de/track/11dFghVXANMlKmJXsNCbNl?si=1".parse()?;
    /// assert_eq!(id.to_string(), "11dFghVXANMlKmJXsNCbNl");
    /// assert_eq!(id.uri(), "spotify:track:11dFghVXANMlKmJXsNCbNl");
    /// # Ok::<(), spotify_web::model::IdError>(())
    /// ```
    TrackId, Track
);

/// The id of a user: any text, such as `wizzler` or an address; encoded where it enters a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Box<str>);

impl UserId {
    /// The kind of thing that this id names.
    pub const KIND: IdKind = IdKind::User;

    /// The bare user name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = IdError;

    fn from_str(input: &str) -> Result<Self, IdError> {
        let id = bare(Self::KIND, input)?;
        let id = match id == input.trim() {
            true => Cow::Borrowed(id),
            false => {
                percent_decode_str(id).decode_utf8().map_err(|_| malformed(Self::KIND, input))?
            }
        };
        match id.trim() {
            "" => Err(IdError::Empty { expected: Self::KIND }),
            id => Ok(Self(id.into())),
        }
    }
}

id_conversions!(UserId);

/// Takes the id out of a URI or a share URL; anything else is taken for a bare id.
fn bare(expected: IdKind, input: &str) -> Result<&str, IdError> {
    let trimmed = input.trim();
    let Some((kind, id)) = split(trimmed) else { return Ok(trimmed) };
    if kind == expected.as_str() {
        return Ok(id);
    }
    match IdKind::from(kind) {
        IdKind::Unknown(_) => Err(malformed(expected, input)),
        found => Err(IdError::WrongKind { expected, found, input: clipped(input) }),
    }
}

/// The kind and the id in a URI or a share URL.
pub(super) fn split(input: &str) -> Option<(&str, &str)> {
    split_uri(input).or_else(|| split_url(input))
}

/// `spotify:track:ID`, and the old `spotify:user:NAME:playlist:ID`.
fn split_uri(input: &str) -> Option<(&str, &str)> {
    let (head, id) = input.strip_prefix("spotify:")?.rsplit_once(':')?;
    let kind = head.rsplit_once(':').map_or(head, |(_, kind)| kind);
    Some((kind, id))
}

/// `https://open.spotify.com/track/ID?si=…`, also below `/intl-de/` and `/embed/`.
fn split_url(input: &str) -> Option<(&str, &str)> {
    let rest =
        input.strip_prefix("https://").or_else(|| input.strip_prefix("http://")).unwrap_or(input);
    let path = rest.strip_prefix("open.spotify.com/")?;
    let path = path.split(['?', '#']).next()?.trim_matches('/');
    let is_for_readers = |part: &str| part.starts_with("intl-") || part == "embed";
    let path = match path.split_once('/') {
        Some((first, rest)) if is_for_readers(first) => rest,
        _ => path,
    };
    let (head, id) = path.rsplit_once('/')?;
    Some((head.rsplit_once('/').map_or(head, |(_, kind)| kind), id))
}

/// As it stands in an address; that of a user may hold anything.
fn encoded(id: &str) -> PercentEncode<'_> {
    utf8_percent_encode(id, ENCODED)
}

/// What is not unreserved ([RFC 3986, section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn malformed(expected: IdKind, input: &str) -> IdError {
    IdError::Malformed { expected, input: clipped(input) }
}

/// What somebody gave, as far as an error repeats it.
pub(crate) fn clipped(input: &str) -> String {
    input.chars().take(80).collect()
}
