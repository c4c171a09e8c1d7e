//! Tracks.

use chrono::{DateTime, Utc};

use super::Connection;
use super::bodies::with_dates;
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
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-tracks>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<TrackId>) -> Request<Vec<Option<Track>>, InMarket> {
        self.0.get(path("tracks")).ids("ids", ids, 50).several("tracks")
    }

    /// Any number of tracks, with as many requests as it takes, in the order of their ids; `None`
    /// for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// # Errors
    ///
    /// The first [`Error`] of a request. A wrong id is an error before anything is sent.
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    #[allow(deprecated, reason = "with the feature `extended-quota` it is not")]
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
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-tracks-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<TrackId>) -> Request<()> {
        self.0.put(path("me/tracks")).scopes(LIBRARY_MODIFY).json_ids("ids", ids, 1..=50)
    }

    /// Saves up to 50 tracks as if they had been saved at these times, which decide their order.
    ///
    /// Spotify orders by the minute.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/save-tracks-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save_with_dates<I: IntoId<TrackId>>(
        &self,
        tracks: impl IntoIterator<Item = (I, DateTime<Utc>)>,
    ) -> Request<()> {
        self.0.put(path("me/tracks")).scopes(LIBRARY_MODIFY).with_checked(with_dates(tracks))
    }

    /// Removes up to 50 tracks from what the user has saved.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-modify`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/remove-tracks-user>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<TrackId>) -> Request<()> {
        self.0.delete(path("me/tracks")).scopes(LIBRARY_MODIFY).ids("ids", ids, 50)
    }

    /// Whether the user has saved each of up to 50 tracks, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-tracks>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().contains`"
        )
    )]
    pub fn are_saved(&self, ids: impl IntoIds<TrackId>) -> Request<Vec<Option<bool>>> {
        self.0
            .get(path("me/tracks/contains"))
            .scopes(LIBRARY_READ)
            .ids("ids", ids, 50)
            .one_for_each()
    }

    /// The audio features of a track.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audio-features>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn audio_features(&self, id: impl IntoId<TrackId>) -> Request<AudioFeatures> {
        self.0.get(path("audio-features").id(id))
    }

    /// The audio features of up to 100 tracks at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-audio-features>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn several_audio_features(
        &self,
        ids: impl IntoIds<TrackId>,
    ) -> Request<Vec<Option<AudioFeatures>>> {
        self.0.get(path("audio-features")).ids("ids", ids, 100).several("audio_features")
    }

    /// The audio analysis of a track.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audio-analysis>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn audio_analysis(&self, id: impl IntoId<TrackId>) -> Request<AudioAnalysis> {
        self.0.get(path("audio-analysis").id(id))
    }

    /// Recommended tracks for up to five seeds.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recommendations>
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn recommendations(&self) -> Request<Recommendations, Seeds> {
        self.0.get(path("recommendations"))
    }
}
