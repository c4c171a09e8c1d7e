//! URIs of things of any kind.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::clipped;
use super::link::{self, Link};
use super::{
    AlbumId, ArtistId, AudiobookId, ChapterId, EpisodeId, IdError, IdKind, PlaylistId, ShowId,
    TrackId, UserId, lenient,
};

/// A Spotify URI, where things of several kinds are allowed:
/// `spotify:track:11dFghVXANMlKmJXsNCbNl`.
///
/// Made of any id; parses URIs and links in [all their forms](TrackId#forms), and whatever else
/// Spotify gives as a URI of at least two words, such as the `spotify:user:NAME:collection` of
/// liked songs or `spotify:search:hello!`. That stays as it is, but for kinds in capitals and
/// slashes in place of colons. Local files are refused, which the Web API cannot take.
///
/// Where a request needs things of certain kinds, it takes no URIs of others.
///
/// ```
/// use spotify_web::model::{IdKind, SpotifyUri, TrackId};
///
/// let id: TrackId = "11dFghVXANMlKmJXsNCbNl".parse()?;
/// let uri: SpotifyUri = "https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl?si=1".parse()?;
/// assert_eq!(uri, SpotifyUri::from(id));
/// assert_eq!(uri.kind(), &IdKind::Track);
/// # Ok::<(), spotify_web::model::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpotifyUri {
    kind: IdKind,
    /// Of what it names a part, where it says more than a thing and its id.
    part_of: Option<IdKind>,
    text: Box<str>,
}

impl SpotifyUri {
    /// What kind of thing it names. To a player, audiobooks are shows and chapters are episodes.
    pub fn kind(&self) -> &IdKind {
        &self.kind
    }

    /// The kind of the thing that it names, or of that which it names a part of.
    pub(crate) fn kind_of_thing(&self) -> &IdKind {
        self.part_of.as_ref().unwrap_or(&self.kind)
    }

    /// One that is the same when it is written and read.
    fn settled(mut kind: IdKind, mut text: String) -> Option<Self> {
        for _ in 0..MOST_ROUNDS {
            let (again, written, part_of) = match link::parse(&text) {
                Link::Other(kind, uri) => (kind, uri, None),
                Link::Part { of: (of, _), kind, uri } => (kind, uri, Some(of)),
                _ => return None,
            };
            if written == text && again == kind {
                return Some(Self { kind, part_of, text: text.into() });
            }
            (kind, text) = (again, written);
        }
        None
    }

    /// The URI as a string.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SpotifyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What was pasted behind a URI is in several layers where somebody tries.
const MOST_ROUNDS: usize = 8;

macro_rules! uri_of {
    ($($id:ident)+) => {
        $(impl From<$id> for SpotifyUri {
            fn from(id: $id) -> Self {
                Self { kind: $id::URI_KIND, part_of: None, text: id.uri().into() }
            }
        }

        impl From<&$id> for SpotifyUri {
            fn from(id: &$id) -> Self {
                Self { kind: $id::URI_KIND, part_of: None, text: id.uri().into() }
            }
        })+

        $(/// Where it is of that kind.
        impl TryFrom<&SpotifyUri> for $id {
            type Error = IdError;

            fn try_from(uri: &SpotifyUri) -> Result<Self, IdError> {
                uri.as_str().parse()
            }
        }

        /// Where it is of that kind.
        impl TryFrom<SpotifyUri> for $id {
            type Error = IdError;

            fn try_from(uri: SpotifyUri) -> Result<Self, IdError> {
                uri.as_str().parse()
            }
        })+

        impl FromStr for SpotifyUri {
            type Err = IdError;

            fn from_str(input: &str) -> Result<Self, IdError> {
                let input = &*link::decoded(input);
                match link::parse(input) {
                    $(Link::Thing($id::KIND, _) => input.parse::<$id>().map(Self::from),)+
                    $(Link::Part { of: ($id::KIND, _), kind, uri } => {
                        input.parse::<$id>()?;
                        Self::settled(kind, uri).ok_or_else(|| IdError::no_uri(input))
                    })+
                    Link::Other(kind, uri) => {
                        Self::settled(kind, uri).ok_or_else(|| IdError::no_uri(input))
                    }
                    Link::Short => Err(IdError::ShortLink { input: clipped(input) }),
                    Link::LocalFile => Err(IdError::LocalFile { input: clipped(input) }),
                    _ => Err(IdError::no_uri(input)),
                }
            }
        }
    };
}

uri_of!(AlbumId ArtistId AudiobookId ChapterId EpisodeId PlaylistId ShowId TrackId UserId);

impl Serialize for SpotifyUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SpotifyUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::parsed(deserializer)
    }
}

impl TryFrom<&str> for SpotifyUri {
    type Error = IdError;

    fn try_from(input: &str) -> Result<Self, IdError> {
        input.parse()
    }
}

impl TryFrom<String> for SpotifyUri {
    type Error = IdError;

    fn try_from(input: String) -> Result<Self, IdError> {
        input.parse()
    }
}
