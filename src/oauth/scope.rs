//! Scopes: what a user allows an app to do.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::model::clipped;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What a user allows an app to do ([RFC 6749, section 3.3]).
        ///
        /// <https://developer.spotify.com/documentation/web-api/concepts/scopes>
        ///
        /// [RFC 6749, section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Scope {
            $($(#[$doc])* $name,)+
        }

        impl Scope {
            /// All scopes that this version of the crate knows.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The scope in Spotify's spelling.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

scopes! {
    /// Command the Spotify app on the user's device.
    AppRemoteControl = "app-remote-control",
    /// Read private playlists.
    PlaylistReadPrivate = "playlist-read-private",
    /// Read playlists of others that the user may change.
    PlaylistReadCollaborative = "playlist-read-collaborative",
    /// Change public playlists.
    PlaylistModifyPublic = "playlist-modify-public",
    /// Change private playlists.
    PlaylistModifyPrivate = "playlist-modify-private",
    /// Read what is saved.
    UserLibraryRead = "user-library-read",
    /// Save and remove.
    UserLibraryModify = "user-library-modify",
    /// Read country and subscription.
    UserReadPrivate = "user-read-private",
    /// Read the email address.
    UserReadEmail = "user-read-email",
    /// Read whom the user follows.
    UserFollowRead = "user-follow-read",
    /// Follow and unfollow.
    UserFollowModify = "user-follow-modify",
    /// Read the user's favourites.
    UserTopRead = "user-top-read",
    /// Read where the user stopped in an episode or chapter.
    UserReadPlaybackPosition = "user-read-playback-position",
    /// Read what is playing, and on which device.
    UserReadPlaybackState = "user-read-playback-state",
    /// Read what was played.
    UserReadRecentlyPlayed = "user-read-recently-played",
    /// Read what is playing.
    UserReadCurrentlyPlaying = "user-read-currently-playing",
    /// Command playback.
    UserModifyPlaybackState = "user-modify-playback-state",
    /// Upload pictures of playlists.
    UgcImageUpload = "ugc-image-upload",
    /// Play in a program of one's own.
    Streaming = "streaming",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of scopes, as a login asks for them.
///
/// ```
/// use spotify_web::oauth::{Scope, Scopes};
///
/// let scopes: Scopes = [Scope::UserReadEmail, Scope::Streaming, Scope::UserReadEmail].into();
/// assert_eq!(scopes.to_string(), "streaming user-read-email");
/// assert!(scopes.contains(Scope::Streaming));
///
/// // Of any number, such as those that an error names.
/// let scopes: Scopes = vec![Scope::Streaming].into();
/// assert_eq!(scopes.to_string(), "streaming");
///
/// // Also one that this version of the crate does not know.
/// let scopes: Scopes = "streaming made-up-tomorrow".parse().unwrap();
/// assert_eq!(scopes.iter().count(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scopes(BTreeSet<Cow<'static, str>>);

impl Scopes {
    /// Whether a scope is in it.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(scope.as_str())
    }

    /// Whether there is none in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in Spotify's spelling, in the order of the alphabet.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(|scope| scope.as_str().into()).collect())
    }
}

impl<const N: usize> From<[Scope; N]> for Scopes {
    fn from(scopes: [Scope; N]) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<&[Scope]> for Scopes {
    fn from(scopes: &[Scope]) -> Self {
        scopes.iter().copied().collect()
    }
}

/// Scopes with white space between them, also those that are not known.
impl FromStr for Scopes {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.split_whitespace().map(|scope| scope.to_owned().into()).collect()))
    }
}

/// With a space between them ([RFC 6749, section
/// 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{scope}")?;
        }
        Ok(())
    }
}

/// A string that is not a known scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a scope that this version of the crate knows")]
#[non_exhaustive]
pub struct ScopeError {
    /// What was given, at most 80 characters of it.
    pub input: String,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(input: &str) -> Result<Self, ScopeError> {
        let known = Self::ALL.iter().find(|scope| scope.as_str() == input).copied();
        known.ok_or_else(|| ScopeError { input: clipped(input) })
    }
}

/// So that scopes can be passed wherever strings are.
impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.as_str().to_owned()
    }
}
