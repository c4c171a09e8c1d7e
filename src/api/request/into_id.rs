//! Everything that is taken where an id or a URI is.

use std::borrow::Cow;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::{
    AlbumId, ArtistId, AudiobookId, ChapterId, EpisodeId, IdError, PlaylistId, ShowId, SpotifyUri,
    TrackId, UserId,
};

/// What can be an id of type `T`, or a [`SpotifyUri`]: a bare id, a URI or a share URL as any kind
/// of string; the id itself; a [`SpotifyUri`] of the right kind. All of them by reference as well,
/// however often, and in a `Box`, an `Arc`, an `Rc` or a `Cow`.
///
/// Sealed. What is not a valid id comes out as an [`IdError`] when the request is sent.
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
/// use spotify_web::model::{SpotifyUri, TrackId};
///
/// let tracks = spotify.tracks();
/// let id: TrackId = "11dFghVXANMlKmJXsNCbNl".parse()?;
/// let uri = SpotifyUri::from(id);
/// tracks.get(id).await?;
/// tracks.get(&uri).await?;
/// tracks.get(&uri.to_string()).await?;
/// tracks.get("https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl?si=1").await?;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a `{T}`",
    label = "no id, URI or share URL",
    note = "a `{T}` is taken as an id, a `SpotifyUri`, or a string, by value or by reference"
)]
pub trait IntoId<T>: sealed::IntoId<T> {}

/// A list of what can be an id of type `T`: see [`IntoId`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a list of `{T}`",
    label = "no list of ids, URIs or share URLs",
    note = "a single one is given as `[id]`"
)]
pub trait IntoIds<T>: sealed::IntoIds<T> {}

impl<T, I: sealed::IntoId<T>> IntoId<T> for I {}

impl<T, I: sealed::ToId<T>> sealed::IntoId<T> for I {
    fn into_id(self) -> Result<T, IdError> {
        self.to_id()
    }
}

impl<T, L: IntoIterator<Item: IntoId<T>>> IntoIds<T> for L {}

impl<T, L: IntoIterator<Item: IntoId<T>>> sealed::IntoIds<T> for L {
    fn into_ids(self) -> Result<Vec<T>, IdError> {
        self.into_iter().map(sealed::IntoId::into_id).collect()
    }
}

impl<T: FromStr<Err = IdError>> sealed::ToId<T> for str {
    fn to_id(&self) -> Result<T, IdError> {
        self.parse()
    }
}

impl<T: FromStr<Err = IdError>> sealed::ToId<T> for String {
    fn to_id(&self) -> Result<T, IdError> {
        self.parse()
    }
}

impl<T, I: sealed::ToId<T> + ToOwned + ?Sized> sealed::ToId<T> for Cow<'_, I> {
    fn to_id(&self) -> Result<T, IdError> {
        I::to_id(self)
    }
}

macro_rules! through_pointers {
    ($($pointer:ty),+) => {
        $(impl<T, I: sealed::ToId<T> + ?Sized> sealed::ToId<T> for $pointer {
            fn to_id(&self) -> Result<T, IdError> {
                I::to_id(self)
            }
        })+
    };
}

through_pointers!(&I, Box<I>, Arc<I>, Rc<I>);

macro_rules! from_ids {
    ($($id:ident),+) => {
        $(from_ids!(@self $id);

        impl sealed::ToId<SpotifyUri> for $id {
            fn to_id(&self) -> Result<SpotifyUri, IdError> {
                self.uri().parse()
            }
        }

        impl sealed::ToId<$id> for SpotifyUri {
            fn to_id(&self) -> Result<$id, IdError> {
                self.as_str().parse()
            }
        })+
        from_ids!(@self SpotifyUri);
    };
    (@self $id:ident) => {
        impl sealed::ToId<Self> for $id {
            fn to_id(&self) -> Result<Self, IdError> {
                Ok(self.clone())
            }
        }
    };
}

from_ids!(
    AlbumId,
    ArtistId,
    AudiobookId,
    ChapterId,
    EpisodeId,
    PlaylistId,
    ShowId,
    TrackId,
    UserId
);

pub(crate) mod sealed {
    use crate::model::IdError;

    #[expect(unnameable_types, reason = "what seals a trait")]
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a `{T}`",
        label = "no id, URI or share URL",
        note = "a `{T}` is taken as an id, a `SpotifyUri`, or a string, by value or by reference"
    )]
    pub trait IntoId<T> {
        fn into_id(self) -> Result<T, IdError>;
    }

    #[expect(unnameable_types, reason = "what seals a trait")]
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a list of `{T}`",
        label = "no list of ids, URIs or share URLs",
        note = "a single one is given as `[id]`"
    )]
    pub trait IntoIds<T> {
        fn into_ids(self) -> Result<Vec<T>, IdError>;
    }

    /// What is an id whether it is owned or borrowed.
    #[expect(unnameable_types, reason = "what seals a trait")]
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be a `{T}`",
        label = "no id, URI or share URL",
        note = "a `{T}` is taken as an id, a `SpotifyUri`, or a string, by value or by reference"
    )]
    pub trait ToId<T> {
        fn to_id(&self) -> Result<T, IdError>;
    }
}
