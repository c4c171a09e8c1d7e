//! Tracks.

use super::Connection;
use super::request::params::{InMarket, MarketPaging, Seeds};
use super::request::{IntoId, IntoIds, Request, in_batches, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ};
use crate::error::Error;
use crate::model::{
    AudioAnalysis, AudioFeatures, Page, Recommendations, SavedTrack, Track, TrackId,
};

/// Tracks.
///
/// From [`SpotifyClient::tracks`](crate::SpotifyClient::tracks).
#[derive(Debug, Clone)]
pub struct Tracks(pub(crate) Connection);

impl Tracks {
    /// A track.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-track>
    pub fn get(&self, id: impl IntoId<TrackId>) -> Request<Track, InMarket> {
        self.0.get(path("tracks").id(id))
    }

    /// Up to 50 tracks at once.
    ///
    /// In the order of the ids; `None` for what Spotify does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-tracks>
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    pub fn several(&self, ids: impl IntoIds<TrackId>) -> Request<Vec<Option<Track>>, InMarket> {
        self.0.get(path("tracks")).ids("ids", ids, 50).several("tracks")
    }

    /// Any number of tracks, with as many requests as it takes, in the order of their ids; `None`
    /// for what Spotify does not know.
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request; a wrong id is one before any is sent.
    #[deprecated(note = "gone for apps in development mode since February 2026; `get` does one")]
    #[expect(deprecated, reason = "gone together")]
    pub async fn several_in_batches(
        &self,
        ids: impl IntoIds<TrackId>,
    ) -> Result<Vec<Option<Track>>, Error> {
        let responses = in_batches(ids, 50, |ids| self.several(ids)).await?;
        Ok(responses.into_iter().flatten().collect())
    }

    /// What the user has saved, newest first.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-tracks>
    pub fn saved(&self) -> Request<Page<SavedTrack>, MarketPaging> {
        self.0.get(path("me/tracks")).scopes(LIBRARY_READ)
    }

    /// Saves up to 50 tracks for the user.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-tracks-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().save`"
    )]
    pub fn save(&self, ids: impl IntoIds<TrackId>) -> Request<()> {
        self.0.put(path("me/tracks")).scopes(LIBRARY_MODIFY).json_ids("ids", ids, 50)
    }

    /// Removes up to 50 tracks from what the user has saved.
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-tracks-user>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().remove`"
    )]
    pub fn remove(&self, ids: impl IntoIds<TrackId>) -> Request<()> {
        self.0.delete(path("me/tracks")).scopes(LIBRARY_MODIFY).json_ids("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 tracks, in their order.
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-tracks>
    #[deprecated(
        note = "gone for apps in development mode since February 2026; use `library().contains`"
    )]
    pub fn are_saved(&self, ids: impl IntoIds<TrackId>) -> Request<Vec<bool>> {
        self.0.get(path("me/tracks/contains")).scopes(LIBRARY_READ).ids("ids", ids, 50)
    }

    /// Features of a track that its sound was analysed for.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audio-features>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn audio_features(&self, id: impl IntoId<TrackId>) -> Request<AudioFeatures> {
        self.0.get(path("audio-features").id(id))
    }

    /// Features of up to 100 tracks at once.
    ///
    /// In the order of the ids; `None` for what Spotify does not know.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-audio-features>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn several_audio_features(
        &self,
        ids: impl IntoIds<TrackId>,
    ) -> Request<Vec<Option<AudioFeatures>>> {
        self.0.get(path("audio-features")).ids("ids", ids, 100).several("audio_features")
    }

    /// The whole analysis of the sound of a track.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audio-analysis>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn audio_analysis(&self, id: impl IntoId<TrackId>) -> Request<AudioAnalysis> {
        self.0.get(path("audio-analysis").id(id))
    }

    /// Tracks that go with up to five seeds.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recommendations>
    #[deprecated(note = "gone for apps that were registered after 27 November 2024")]
    pub fn recommendations(&self) -> Request<Recommendations, Seeds> {
        self.0.get(path("recommendations"))
    }
}
