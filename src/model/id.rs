//! Ids, and everything that people paste where an id is asked for.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id_kind::IdKind;
use super::lenient;
use super::link::{self, Link};
use super::pasted;
use super::uri::SpotifyUri;

/// Why a string is not the id that is needed.
///
/// Known before anything is sent. A [`Request`](crate::api::Request) keeps it and returns it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Neither an id nor a URI nor a share URL.
    #[error(
        "`{input}` is not a valid {expected} id; expected 22 letters and digits, a Spotify URI or a share URL"
    )]
    Malformed {
        /// The kind that was asked for.
        expected: IdKind,
        /// What was given instead, at most 80 characters of it.
        input: String,
    },
    /// A good URI or URL, but of a thing of another kind.
    #[error("`{input}` names {}, but {} is needed", one(found), one(expected))]
    WrongKind {
        /// The kind that was asked for.
        expected: IdKind,
        /// The kind that was given.
        found: IdKind,
        /// What was given, at most 80 characters of it.
        input: String,
    },
    /// Neither a URI nor the share URL of a thing of a known kind, where a bare id would not say
    /// what it names.
    #[error(
        "`{input}` is neither a Spotify URI nor the share URL of something that the Web API knows; expected one such as `spotify:track:…`"
    )]
    NoUri {
        /// What was given, at most 80 characters of it.
        input: String,
    },
    /// A good URI or URL, but of a kind that the request does not take.
    #[error(
        "`{input}` names {}, but what is needed is one of these: {}",
        one(found),
        listed(taken)
    )]
    KindNotTaken {
        /// The kinds that the request takes.
        taken: &'static [IdKind],
        /// The kind that was given.
        found: IdKind,
        /// What was given, at most 80 characters of it.
        input: String,
    },
    /// An empty user name.
    #[error("the {expected} id is empty")]
    Empty {
        /// The kind that was asked for.
        expected: IdKind,
    },
    /// A short link, such as `https://spotify.link/…`, which names nothing before it is opened.
    #[error("`{input}` is a short link; open it first and take the URL that it leads to")]
    ShortLink {
        /// What was given, at most 80 characters of it.
        input: String,
    },
    /// A file of the user's own, which only Spotify's apps can play and put into playlists.
    #[error("`{input}` is a local file, which the Web API cannot take")]
    LocalFile {
        /// What was given, at most 80 characters of it.
        input: String,
    },
}

impl IdError {
    pub(super) fn no_uri(input: &str) -> Self {
        Self::NoUri { input: clipped(input) }
    }

    pub(crate) fn kind_not_taken(uri: &SpotifyUri, taken: &'static [IdKind]) -> Self {
        Self::KindNotTaken { taken, found: uri.kind().clone(), input: clipped(uri.as_str()) }
    }
}

/// A kind with its article.
fn one(kind: &IdKind) -> String {
    // `user` begins with a consonant when it is spoken.
    let has_vowel = kind.as_str().starts_with(['a', 'e', 'i', 'o']);
    format!("{} {kind}", if has_vowel { "an" } else { "a" })
}

fn listed(kinds: &[IdKind]) -> String {
    kinds.iter().map(IdKind::as_str).collect::<Vec<_>>().join(", ")
}

impl From<Infallible> for IdError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

macro_rules! base62_id {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        base62_id!($(#[$doc])* $name, $kind, $kind);
    };
    ($(#[$doc:meta])* $name:ident, $kind:ident, $uri_kind:ident) => {
        $(#[$doc])*
        ///
        /// Parses bare ids, URIs and links in [all their forms](TrackId#forms). 22 bytes, so it is
        /// copied rather than borrowed.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 22]);

        impl $name {
            /// The kind of thing that this id names.
            pub const KIND: IdKind = IdKind::$kind;

            /// The kind that its URI and its link name.
            pub(super) const URI_KIND: IdKind = IdKind::$uri_kind;

            /// The bare id: 22 letters and digits.
            pub fn as_str(&self) -> &str {
                // Only ASCII letters and digits get past `FromStr`.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(input: &str) -> Result<Self, IdError> {
                // What a response holds costs no more than that.
                if let Some(id) = only_base62(input) {
                    return Ok(Self(id));
                }
                let input = link::decoded(input);
                let id = id_in(&Self::KIND, &Self::URI_KIND, &input)?;
                base62(id).map(Self).ok_or_else(|| malformed(Self::KIND, &input))
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
                format!("spotify:{}:{}", Self::URI_KIND, Encoded(self.as_str()))
            }

            /// The URL of the thing's page, as the share button gives it.
            pub fn url(&self) -> String {
                format!("https://open.spotify.com/{}/{}", Self::URI_KIND, Encoded(self.as_str()))
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
    ///
    /// To a player an audiobook is a podcast: its URI is `spotify:show:…` and its link `/show/…`.
    /// Both are given, and taken as well as those that say `audiobook`.
    AudiobookId, Audiobook, Show
);
base62_id!(
    /// The id of a chapter of an audiobook.
    ///
    /// To a player a chapter is an episode: its URI is `spotify:episode:…` and its link
    /// `/episode/…`. Both are given, and taken as well as those that say `chapter`.
    ChapterId, Chapter, Episode
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
    /// # Forms
    ///
    /// What every id is parsed from. Neither the case of scheme, host and kind matters, nor what
    /// stands around it: spaces, brackets, quotes, the marks of chats, the full stop after a link.
    /// In a URI or a link, an id ends where anything but a letter or a digit follows. A link within
    /// a text is refused, be it behind words, before them, or as in `[Song](https://…)`: the
    /// example `resolve_links` finds those.
    ///
    /// | form | such as |
    /// |---|---|
    /// | bare id | `11dFghVXANMlKmJXsNCbNl`, also with `?si=…` or `/` |
    /// | URI | `spotify:track:11dFghVXANMlKmJXsNCbNl`, also with `?si=…` or `?context=…` |
    /// | URI with slashes | `spotify://track/11dFghVXANMlKmJXsNCbNl`, `spotify://open.spotify.com/track/…` |
    /// | URI with more behind it | `spotify:artist:ID:top:tracks` |
    /// | old URI of a playlist | `spotify:user:NAME:playlist:ID` |
    /// | link | `https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl?si=…`, also without a scheme |
    /// | link in a language, in a frame | `…/intl-de/track/…`, `…/embed/track/…` |
    /// | link with more behind it | `…/artist/ID/discography/all` |
    /// | old link | `https://play.spotify.com/track/…`, `…/user/NAME/playlist/ID` |
    /// | URL in the Web API | `https://api.spotify.com/v1/tracks/11dFghVXANMlKmJXsNCbNl` |
    /// | link within a link | `…/embed?uri=spotify:track:…`, `…/oembed?url=https%3A…`, `accounts.spotify.com/login?continue=https%3A…`; where its path names something, that is meant |
    /// | encoded link | `spotify%3Atrack%3A…`, `spotify:track%3A…`, `https%3A%2F%2Fopen.spotify.com%2Ftrack%2F…` |
    /// | from a chat | `<https://open.spotify.com/track/…>`, `(spotify:track:…).`, `<https://…\|title>`, `_https://…_`, `&lt;https://…&gt;` |
    ///
    /// A string with two links in it is an error. What follows a `?`, `#`, `&`, `|`, `<`, `>` or `"` is a
    /// query, a fragment or a title, and is not looked at. A short link such as
    /// `https://spotify.link/…` must be opened first: [`IdError::ShortLink`]. A local file is
    /// [`IdError::LocalFile`].
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

/// The id of a user: any string, such as `wizzler` or an e-mail address; encoded where it enters a
/// path.
///
/// `.` and `..` are refused, since a path cannot hold them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Box<str>);

impl UserId {
    /// The kind of thing that this id names.
    pub const KIND: IdKind = IdKind::User;

    pub(super) const URI_KIND: IdKind = IdKind::User;

    /// The bare user name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = IdError;

    fn from_str(input: &str) -> Result<Self, IdError> {
        let input = &*link::decoded(input);
        let id = match id_in(&Self::KIND, &Self::KIND, input)? {
            Id::Bare(id) => Cow::Borrowed(id),
            Id::OfLink(id) => {
                percent_decode_str(id).decode_utf8().map_err(|_| malformed(Self::KIND, input))?
            }
        };
        match id.trim() {
            "" => Err(IdError::Empty { expected: Self::KIND }),
            "." | ".." => Err(malformed(Self::KIND, input)),
            id => Ok(Self(id.into())),
        }
    }
}

id_conversions!(UserId);

/// An id as it was given.
#[derive(Clone, Copy)]
enum Id<'input> {
    /// By itself.
    Bare(&'input str),
    /// Within a URI or a link.
    OfLink(&'input str),
}

/// The id in what somebody gave, where it names a thing of the expected kind.
fn id_in<'input>(
    expected: &IdKind,
    as_uri: &IdKind,
    input: &'input str,
) -> Result<Id<'input>, IdError> {
    match link::parse(input) {
        Link::Bare(id) => Ok(Id::Bare(id)),
        Link::Thing(kind, id) | Link::Part { of: (kind, id), .. }
            if kind == *expected || kind == *as_uri =>
        {
            Ok(Id::OfLink(id))
        }
        Link::Thing(found, _)
        | Link::Part { of: (found, _), .. }
        | Link::Other(found @ IdKind::Collection, _) => {
            Err(IdError::WrongKind { expected: expected.clone(), found, input: clipped(input) })
        }
        Link::Short => Err(IdError::ShortLink { input: clipped(input) }),
        Link::LocalFile => Err(IdError::LocalFile { input: clipped(input) }),
        Link::Other(..) | Link::Nothing => Err(malformed(expected.clone(), input)),
    }
}

/// 22 letters and digits, which end where something else begins.
fn base62(id: Id<'_>) -> Option<[u8; 22]> {
    let text = match id {
        Id::Bare(id) => pasted::unwrapped(id),
        Id::OfLink(id) => id,
    };
    let (text, behind) = text.split_at_checked(22)?;
    let is_end = match id {
        Id::OfLink(_) => !behind.starts_with(|letter: char| letter.is_ascii_alphanumeric()),
        Id::Bare(_) => behind.is_empty() || behind == "/" || behind.starts_with(['?', '#', '&']),
    };
    only_base62(text).filter(|_| is_end && !behind.contains(char::is_whitespace))
}

fn only_base62(text: &str) -> Option<[u8; 22]> {
    let id = <[u8; 22]>::try_from(text.as_bytes()).ok()?;
    id.iter().all(u8::is_ascii_alphanumeric).then_some(id)
}

/// As it stands in a URI or a URL; that of a user may hold anything.
struct Encoded<'id>(&'id str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a chat puts behind a link is told apart from what a name ends with.
        let body = self.0.trim_end_matches(pasted::is_punctuation);
        let (body, tail) = self.0.split_at_checked(body.len()).unwrap_or((self.0, ""));
        let tail = utf8_percent_encode(tail, NON_ALPHANUMERIC);
        write!(f, "{}{tail}", utf8_percent_encode(body, RESERVED))
    }
}

/// What is not unreserved ([RFC 3986, section
/// 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
pub(crate) const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn malformed(expected: IdKind, input: &str) -> IdError {
    IdError::Malformed { expected, input: clipped(input) }
}

/// What somebody gave, as far as an error repeats it.
pub(crate) fn clipped(input: &str) -> String {
    input.chars().take(80).collect()
}
