//! Tracks.

use reqwest::Method;

use super::Connection;
use super::request::Request;
use super::request::in_batches;
use super::request::params::{self, Market, MarketPaging, Nothing};
use super::request::path;
use crate::error::Error;
use crate::model::{
    AudioAnalysis, AudioFeatures, IdError, Page, Recommendations, SavedTrack, Track, TrackId,
};
use crate::oauth::Scope;

/// Tracks.
///
/// Had from [`SpotifyClient::tracks`](crate::SpotifyClient::tracks).
#[derive(Debug, Clone)]
pub struct Tracks(pub(crate) Connection);

impl Tracks {
    /// A track.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-track>
    pub fn get(&self, id: impl TryInto<TrackId, Error: Into<IdError>>) -> Request<Track, Market> {
        self.0.get(path("tracks").id::<TrackId>(id))
    }

    /// Up to 50 tracks at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-tracks>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<TrackId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<Track>>, Market> {
        self.0.get(path("tracks")).with_list::<_, TrackId>("ids", ids, 50).wrapped()
    }

    /// Any number of tracks, with as many requests as it takes, in the order of their ids; `None` for
    /// what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<TrackId, Error: Into<IdError>>>,
    ) -> Result<Vec<Option<Track>>, Error> {
        let answers = in_batches::<TrackId, _, _>(ids, 50, |ids| self.several(ids)).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-tracks>
    pub fn saved(&self) -> Request<Page<SavedTrack>, MarketPaging> {
        self.0.get(path("me").then("tracks")).scopes(&[Scope::UserLibraryRead])
    }

    /// Saves up to 50 tracks for the user.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-tracks-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn save(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<TrackId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::PUT, path("me").then("tracks"))
            .scopes(&[Scope::UserLibraryModify])
            .with_json_list::<_, TrackId>("ids", ids, 50)
    }

    /// Removes up to 50 tracks from what the user has saved.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-tracks-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn remove(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<TrackId, Error: Into<IdError>>>,
    ) -> Request<(), Nothing> {
        self.0
            .request(Method::DELETE, path("me").then("tracks"))
            .scopes(&[Scope::UserLibraryModify])
            .with_json_list::<_, TrackId>("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 tracks, in their order.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-tracks>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn are_saved(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<TrackId, Error: Into<IdError>>>,
    ) -> Request<Vec<bool>, Nothing> {
        self.0
            .get(path("me").then("tracks").then("contains"))
            .scopes(&[Scope::UserLibraryRead])
            .with_list::<_, TrackId>("ids", ids, 50)
    }

    /// Features of a track that its sound was analysed for.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audio-features>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn audio_features(
        &self,
        id: impl TryInto<TrackId, Error: Into<IdError>>,
    ) -> Request<AudioFeatures, Nothing> {
        self.0.get(path("audio-features").id::<TrackId>(id))
    }

    /// Features of up to 100 tracks at once.
    ///
    /// Spotify answers in the order of the ids, with `None` for what it does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-audio-features>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn several_audio_features(
        &self,
        ids: impl IntoIterator<Item = impl TryInto<TrackId, Error: Into<IdError>>>,
    ) -> Request<Vec<Option<AudioFeatures>>, Nothing> {
        self.0.get(path("audio-features")).with_list::<_, TrackId>("ids", ids, 100).wrapped()
    }

    /// The whole analysis of the sound of a track.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audio-analysis>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn audio_analysis(
        &self,
        id: impl TryInto<TrackId, Error: Into<IdError>>,
    ) -> Request<AudioAnalysis, Nothing> {
        self.0.get(path("audio-analysis").id::<TrackId>(id))
    }

    /// Tracks that go with up to five seeds.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recommendations>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn recommendations(&self) -> Request<Recommendations, params::Recommendations> {
        self.0.get(path("recommendations"))
    }
}
