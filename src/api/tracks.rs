//! Tracks.

use chrono::{DateTime, Utc};

use super::Connection;
use super::bodies::with_dates;
use super::request::params::{InMarket, MarketPaging, Seeds};
use super::request::{Batches, IntoId, IntoIds, Request, path};
use super::scopes::{LIBRARY_MODIFY, LIBRARY_READ};
use crate::model::{
    AudioAnalysis, AudioFeatures, Page, Recommendations, SavedTrack, Track, TrackId,
};

/// Tracks.
///
/// From [`SpotifyClient::tracks`](crate::SpotifyClient::tracks).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let track = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").market("DE").await?;
/// let saved = spotify.tracks().saved().all().await?;
/// println!("{}, and {} that the user has saved", track.name, saved.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tracks(pub(crate) Connection);

impl Tracks {
    /// A track.
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-track>
    #[doc(alias("get_track", "track"))]
    pub fn get(&self, id: impl IntoId<TrackId>) -> Request<Track, InMarket> {
        self.0.get(path("tracks").id(id))
    }

    /// Up to 50 tracks at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-tracks>
    #[doc(alias("get_several_tracks", "tracks"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<TrackId>) -> Request<Vec<Option<Track>>, InMarket> {
        self.0
            .get(path("tracks"))
            .ids("ids", ids, 50)
            .or_in_batches("several_in_batches")
            .several("tracks")
    }

    /// Any number of tracks, with as many requests as it takes, in the order of their ids; `None`
    /// for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// # Errors
    ///
    /// The [`BatchError`](crate::BatchError) of the first request that fails. A wrong id is an
    /// error before anything is sent.
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    #[allow(deprecated, reason = "with the feature `extended-quota` it is not")]
    pub fn several_in_batches(&self, ids: impl IntoIds<TrackId>) -> Batches<Vec<Option<Track>>> {
        let group = self.clone();
        Batches::new(ids.into_ids(), 50, move |_, ids| group.several(ids))
    }

    /// What the user has saved, newest first.
    ///
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`offset`](Request::offset).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-tracks>
    #[doc(alias("current_user_saved_tracks", "get_users_saved_tracks"))]
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
    #[doc(alias("SaveTracks", "current_user_saved_tracks_add", "save_tracks_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().save`"
        )
    )]
    pub fn save(&self, ids: impl IntoIds<TrackId>) -> Request<()> {
        self.0
            .put(path("me/tracks"))
            .scopes(LIBRARY_MODIFY)
            .json_ids("ids", ids, 1..=50)
            .or_in_batches("library().save_in_batches")
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
    #[doc(alias("RemoveTracks", "current_user_saved_tracks_delete", "remove_tracks_user"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(
            note = "gone for apps in development mode since February 2026; use `library().remove`"
        )
    )]
    pub fn remove(&self, ids: impl IntoIds<TrackId>) -> Request<()> {
        self.0
            .delete(path("me/tracks"))
            .scopes(LIBRARY_MODIFY)
            .ids("ids", ids, 50)
            .or_in_batches("library().remove_in_batches")
    }

    /// Whether the user has saved each of up to 50 tracks, in their order; `None` where Spotify
    /// does not say.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Scopes: `user-library-read`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/check-users-saved-tracks>
    #[doc(alias("CheckTracks", "check_users_saved_tracks", "current_user_saved_tracks_contains"))]
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
            .or_in_batches("library().contains_in_batches")
            .one_for_each()
    }

    /// The audio features of a track.
    ///
    /// Only for apps with [extended quota](crate::Quota) that were registered before 27 November
    /// 2024.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-audio-features>
    #[doc(alias("get_audio_features", "track_features"))]
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
    #[doc(alias("get_several_audio_features", "tracks_features"))]
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
    #[doc(alias("get_audio_analysis", "track_analysis"))]
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
    /// Optional: [`market`](Request::market), [`limit`](Request::limit),
    /// [`seed_artists`](Request::seed_artists), [`seed_tracks`](Request::seed_tracks),
    /// [`seed_genres`](Request::seed_genres), [`min`](Request::min), [`max`](Request::max),
    /// [`target`](Request::target).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recommendations>
    #[doc(alias("GetRecommendationTracks", "GetRecommendations", "get_recommendations"))]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps that were registered after 27 November 2024")
    )]
    pub fn recommendations(&self) -> Request<Recommendations, Seeds> {
        self.0.get(path("recommendations"))
    }
}
