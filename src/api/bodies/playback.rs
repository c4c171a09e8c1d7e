//! What to play, and from where.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::api::request::{IntoId, IntoIds, context, playable};
use crate::error::Error;
use crate::model::{IdError, IdKind, SpotifyUri, UserId};

/// What to play, and from where.
///
/// A context or a list of tracks, never both.
///
/// ```
/// use spotify_web::api::StartPlayback;
///
/// let third_track = StartPlayback::context("spotify:album:0tGPJ0bkWOUmH7MEOR77qc").offset(2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StartPlayback {
    #[serde(skip_serializing_if = "Option::is_none")]
    context_uri: Option<SpotifyUri>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uris: Option<Vec<SpotifyUri>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Offset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "position_ms", serialize_with = "as_milliseconds")]
    position: Option<Duration>,
    /// The first URI that is not valid; returned when the request is sent.
    #[serde(skip)]
    wrong: Option<IdError>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Offset {
    Position(u32),
    Uri(SpotifyUri),
}

impl StartPlayback {
    /// Resumes what was paused.
    pub fn resume() -> Self {
        Self::default()
    }

    /// Plays an album, an artist, a playlist, a podcast, or whatever else Spotify gives as the URI
    /// of a context. An artist is played from the beginning: an offset is an error when the request
    /// is sent, and so is a track or an episode in place of a context.
    pub fn context(uri: impl IntoId<SpotifyUri>) -> Self {
        let mut playback = Self::default();
        playback.context_uri = playback.keep(uri.into_id().and_then(context));
        playback
    }

    /// Plays the songs that a user has saved.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let config = fake.config().with_token(fake.user_token());
    /// # let spotify = spotify_web::SpotifyClient::new(config)?;
    /// use spotify_web::api::{Shuffle, StartPlayback};
    ///
    /// let me = spotify.users().me().await?;
    /// let liked_songs = StartPlayback::liked_songs(&me.id);
    /// # fake.next_api(spotify_web::testing::FakeResponse::json(200, &serde_json::json!({})));
    /// spotify.player().play(&liked_songs).await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn liked_songs(user: impl IntoId<UserId>) -> Self {
        match user.into_id() {
            Ok(user) => Self::context(format!("{}:collection", user.uri())),
            Err(error) => Self { wrong: Some(error), ..Self::default() },
        }
    }

    /// Plays these tracks or episodes.
    pub fn uris(uris: impl IntoIds<SpotifyUri>) -> Self {
        let mut playback = Self::default();
        playback.uris = playback.keep(playable(uris).checked());
        playback
    }

    /// Begins with the item at this place, from 0. A place past the end of [`uris`](Self::uris) is
    /// an error when the request is sent, and so is any with [`resume`](Self::resume).
    #[must_use]
    pub fn offset(self, position: u32) -> Self {
        Self { offset: Some(Offset::Position(position)), ..self }
    }

    /// Begins with this item. One that is none of the [`uris`](Self::uris) is an error when the
    /// request is sent, and so is any with [`resume`](Self::resume).
    #[must_use]
    pub fn offset_uri(mut self, uri: impl IntoId<SpotifyUri>) -> Self {
        let uri = self.keep(playable([uri]).checked()).and_then(|mut uris| uris.pop());
        self.offset = uri.map(Offset::Uri);
        self
    }

    /// Begins at this position of the first item. One that no 32 bits of milliseconds hold, which
    /// are 49 days, is an error when the request is sent.
    #[must_use]
    pub fn position(self, position: Duration) -> Self {
        Self { position: Some(position), ..self }
    }

    /// Keeps the first error.
    fn keep<T>(&mut self, converted: Result<T, IdError>) -> Option<T> {
        match converted {
            Ok(converted) => Some(converted),
            Err(error) => {
                self.wrong.get_or_insert(error);
                None
            }
        }
    }

    fn is_of_an_artist(&self) -> bool {
        self.context_uri.as_ref().is_some_and(|uri| *uri.kind_of_thing() == IdKind::Artist)
    }

    /// Whether there is something to play at the place to begin with.
    pub(in crate::api) fn check(&self) -> Result<(), Error> {
        if let Some(error) = &self.wrong {
            return Err(error.clone().into());
        }
        self.position.map_or(Ok(0), milliseconds)?;
        if self.offset.is_some() && self.is_of_an_artist() {
            let reason =
                "is not taken for an artist; play an album, a playlist or a list of tracks";
            return Err(Error::Parameter { name: "offset", reason: reason.to_owned() });
        }
        if self.offset.is_some() && self.context_uri.is_none() && self.uris.is_none() {
            let reason = "needs a context or a list of tracks that it is a place in";
            return Err(Error::Parameter { name: "offset", reason: reason.to_owned() });
        }
        match &self.uris {
            Some(uris) => self.check_place(uris),
            None => Ok(()),
        }
    }

    fn check_place(&self, uris: &[SpotifyUri]) -> Result<(), Error> {
        let Some(last) = u32::try_from(uris.len()).unwrap_or(u32::MAX).checked_sub(1) else {
            return Err(Error::Parameter { name: "uris", reason: "is empty".to_owned() });
        };
        match &self.offset {
            Some(Offset::Position(value)) if *value > last => {
                Err(Error::Range { name: "offset", value: *value, range: 0..=last, extended: None })
            }
            Some(Offset::Uri(uri)) if !uris.contains(uri) => {
                let reason = format!("is `{uri}`, which is not in the list");
                Err(Error::Parameter { name: "offset", reason })
            }
            _ => Ok(()),
        }
    }
}

/// A position as Spotify wants it, which takes no longer ones.
pub(in crate::api) fn milliseconds(position: Duration) -> Result<u32, Error> {
    u32::try_from(position.as_millis()).map_err(|_| Error::Parameter {
        name: "position_ms",
        reason: "is longer than 49 days".to_owned(),
    })
}

fn as_milliseconds<S: Serializer>(at: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    at.and_then(|at| milliseconds(at).ok()).serialize(serializer)
}
