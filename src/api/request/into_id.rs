//! Everything that is taken where an id or a URI is.

use std::borrow::Cow;
use std::str::FromStr;

use crate::model::{
    AlbumId, ArtistId, AudiobookId, ChapterId, EpisodeId, IdError, PlaylistId, ShowId, SpotifyUri,
    TrackId, UserId,
};

/// What can be an id of type `T`, or a [`SpotifyUri`]: a bare id, a URI or a share URL as any kind
/// of string; the id itself; a [`SpotifyUri`] of the right kind. All of them by reference as well.
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
pub trait IntoId<T>: sealed::IntoId<T> {}

/// A list of what can be an id of type `T`: see [`IntoId`]. Sealed.
pub trait IntoIds<T>: sealed::IntoIds<T> {}

impl<T, I: sealed::IntoId<T>> IntoId<T> for I {}

impl<T, L: IntoIterator<Item: IntoId<T>>> IntoIds<T> for L {}

impl<T, L: IntoIterator<Item: IntoId<T>>> sealed::IntoIds<T> for L {
    fn into_ids(self) -> Result<Vec<T>, IdError> {
        self.into_iter().map(sealed::IntoId::into_id).collect()
    }
}

macro_rules! from_strings {
    ($($string:ty),+) => {
        $(impl<T: FromStr<Err = IdError>> sealed::IntoId<T> for $string {
            fn into_id(self) -> Result<T, IdError> {
                AsRef::<str>::as_ref(&self).parse()
            }
        })+
    };
}

from_strings!(&str, String, Box<str>, Cow<'_, str>, &&str, &String, &Box<str>, &Cow<'_, str>);

macro_rules! from_ids {
    ($($id:ident),+) => {
        $(from_ids!(@self $id);
        from_ids!(@other $id => SpotifyUri);
        from_ids!(@other SpotifyUri => $id);)+
        from_ids!(@self SpotifyUri);
    };
    (@self $id:ident) => {
        impl sealed::IntoId<Self> for $id {
            fn into_id(self) -> Result<Self, IdError> {
                Ok(self)
            }
        }

        impl sealed::IntoId<$id> for &$id {
            fn into_id(self) -> Result<$id, IdError> {
                Ok(self.clone())
            }
        }
    };
    (@other $from:ident => $to:ident) => {
        impl sealed::IntoId<$to> for $from {
            fn into_id(self) -> Result<$to, IdError> {
                (&self).into_id()
            }
        }

        impl sealed::IntoId<$to> for &$from {
            fn into_id(self) -> Result<$to, IdError> {
                from_ids!(@uri $from, self).parse()
            }
        }
    };
    (@uri SpotifyUri, $uri:ident) => { $uri.as_str() };
    (@uri $id:ident, $of:ident) => { $of.uri() };
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
    pub trait IntoId<T> {
        fn into_id(self) -> Result<T, IdError>;
    }

    #[expect(unnameable_types, reason = "what seals a trait")]
    pub trait IntoIds<T> {
        fn into_ids(self) -> Result<Vec<T>, IdError>;
    }
}
