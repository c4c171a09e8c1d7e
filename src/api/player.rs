//! The player.

use std::time::Duration;

use super::Connection;
use super::bodies::{StartPlayback, milliseconds};
use super::request::params::{OnDevice, Parameters, Playing, RecentlyPlayed};
use super::request::{IntoId, Request, path, playable};
use super::request::{Repeat, Shuffle, Transfer};
use super::scopes::{HISTORY_READ, PLAYBACK_MODIFY, PLAYBACK_READ, PLAYING_READ, QUEUE_READ};
use super::slider::Slider;
use crate::model::{
    CurrentlyPlaying, CurrentlyPlayingContext, CursorPage, Device, PlayHistory, Queue, SpotifyUri,
};

/// The player.
///
/// From [`SpotifyClient::player`](crate::SpotifyClient::player).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// use spotify_web::api::StartPlayback;
///
/// let player = spotify.player();
/// let devices = player.devices().await?;
/// if let Some(device) = devices.first().and_then(|device| device.id.clone()) {
///     let tracks = StartPlayback::uris(["spotify:track:11dFghVXANMlKmJXsNCbNl"]);
///     player.play(&tracks).device(device).await?;
///     player.volume(40).await?;
///     player.next().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Player(pub(crate) Connection);

impl Player {
    /// A request to change what is playing: it goes before those that wait.
    fn put<P: Parameters>(&self, action: &'static str) -> Request<(), P> {
        self.0.put(path("me/player").then(action)).urgent().scopes(PLAYBACK_MODIFY)
    }

    fn post<P: Parameters>(&self, action: &'static str) -> Request<(), P> {
        self.0.post(path("me/player").then(action)).urgent().scopes(PLAYBACK_MODIFY)
    }

    /// What is playing and where; `None` when nothing is.
    ///
    /// Optional: [`market`](Request::market), [`additional_types`](Request::additional_types).
    ///
    /// Scopes: `user-read-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-information-about-the-users-current-playback>
    #[doc(alias(
        "GetCurrentPlayback",
        "current_playback",
        "get_information_about_the_users_current_playback"
    ))]
    pub fn state(&self) -> Request<Option<CurrentlyPlayingContext>, Playing> {
        self.0.get(path("me/player")).scopes(PLAYBACK_READ)
    }

    /// Moves playback to another device.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/transfer-a-users-playback>
    #[doc(alias("transfer_a_users_playback", "transfer_playback"))]
    pub fn transfer(&self, device_id: impl Into<String>, transfer: Transfer) -> Request<()> {
        self.0
            .put(path("me/player"))
            .urgent()
            .scopes(PLAYBACK_MODIFY)
            .with_checked(transfer.body(device_id))
    }

    /// Devices that can play.
    ///
    /// Scopes: `user-read-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-users-available-devices>
    #[doc(alias("GetAvailableDevices", "device", "get_a_users_available_devices"))]
    pub fn devices(&self) -> Request<Vec<Device>> {
        self.0.get(path("me/player/devices")).scopes(PLAYBACK_READ).list("devices")
    }

    /// What is playing; `None` when nothing is.
    ///
    /// Optional: [`market`](Request::market), [`additional_types`](Request::additional_types).
    ///
    /// Scopes: `user-read-currently-playing`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-the-users-currently-playing-track>
    #[doc(alias(
        "GetCurrentlyPlaying",
        "current_playing",
        "current_user_playing_item",
        "current_user_playing_track",
        "get_the_users_currently_playing_track"
    ))]
    pub fn currently_playing(&self) -> Request<Option<CurrentlyPlaying>, Playing> {
        self.0.get(path("me/player/currently-playing")).scopes(PLAYING_READ)
    }

    /// Plays, or resumes what was paused.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/start-a-users-playback>
    #[doc(alias(
        "resume_playback",
        "start_a_users_playback",
        "start_context_playback",
        "start_playback",
        "start_uris_playback"
    ))]
    pub fn play(&self, what: &StartPlayback) -> Request<(), OnDevice> {
        let request = self.put("play").with_json(what);
        match what.check() {
            Ok(()) => request,
            Err(error) => request.fail(error),
        }
    }

    /// Pauses.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/pause-a-users-playback>
    #[doc(alias("pause_a_users_playback", "pause_playback"))]
    pub fn pause(&self) -> Request<(), OnDevice> {
        self.put("pause")
    }

    /// Skips to the next item.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/skip-users-playback-to-next-track>
    #[doc(alias("SkipNext", "next_track", "skip", "skip_users_playback_to_next_track"))]
    pub fn next(&self) -> Request<(), OnDevice> {
        self.post("next")
    }

    /// Skips to the previous item.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/skip-users-playback-to-previous-track>
    #[doc(alias("SkipPrevious", "previous_track", "skip_users_playback_to_previous_track"))]
    pub fn previous(&self) -> Request<(), OnDevice> {
        self.post("previous")
    }

    /// Goes to a position in what is playing; past its end, to the next item. One that no 32 bits
    /// of milliseconds hold, which are 49 days, is an error when the request is sent.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/seek-to-position-in-currently-playing-track>
    #[doc(alias("SeekTo", "seek_to_position_in_currently_playing_track", "seek_track"))]
    pub fn seek(&self, position: Duration) -> Request<(), OnDevice> {
        match milliseconds(position) {
            Ok(position) => self.put("seek").with("position_ms", position.to_string()),
            Err(error) => self.put("seek").fail(error),
        }
    }

    /// A control for the position whose last value wins, as [`seek`](Self::seek) with values that
    /// change faster than requests can follow.
    pub fn seek_slider(&self) -> Slider<Duration> {
        Slider::of_position(self)
    }

    /// Sets what is repeated.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/set-repeat-mode-on-users-playback>
    #[doc(alias("set_repeat", "set_repeat_mode_on_users_playback"))]
    pub fn repeat(&self, repeat: Repeat) -> Request<(), OnDevice> {
        self.put("repeat").with("state", repeat.as_str().to_owned())
    }

    /// Sets the volume, 0 to 100.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/set-volume-for-users-playback>
    #[doc(alias("set_volume", "set_volume_for_users_playback"))]
    pub fn volume(&self, percent: u32) -> Request<(), OnDevice> {
        self.put("volume").in_range("volume_percent", percent, 0, 100)
    }

    /// A control for the [`volume`](Self::volume) whose last value wins, for values that change
    /// faster than requests can follow.
    pub fn volume_slider(&self) -> Slider<u32> {
        Slider::of_volume(self)
    }

    /// Turns shuffle on or off.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/toggle-shuffle-for-users-playback>
    #[doc(alias("set_shuffle", "toggle_shuffle_for_users_playback"))]
    pub fn shuffle(&self, shuffle: Shuffle) -> Request<(), OnDevice> {
        self.put("shuffle").with("state", shuffle.as_str().to_owned())
    }

    /// Recently played tracks, newest first; not episodes.
    ///
    /// Optional: [`limit`](Request::limit), [`played_after`](Request::played_after),
    /// [`played_before`](Request::played_before).
    ///
    /// Scopes: `user-read-recently-played`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recently-played>
    #[doc(alias("GetRecentlyPlayed", "current_user_recently_played", "get_recently_played"))]
    pub fn recently_played(&self) -> Request<CursorPage<PlayHistory>, RecentlyPlayed> {
        self.0.get(path("me/player/recently-played")).scopes(HISTORY_READ)
    }

    /// What plays next.
    ///
    /// Scopes: `user-read-currently-playing`, `user-read-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-queue>
    #[doc(alias("current_user_queue", "get_queue"))]
    pub fn queue(&self) -> Request<Queue> {
        self.0.get(path("me/player/queue")).scopes(QUEUE_READ)
    }

    /// Adds a track or an episode to what plays next.
    ///
    /// Optional: [`device`](Request::device).
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-to-queue>
    #[doc(alias = "add_item_to_queue")]
    pub fn add_to_queue(&self, uri: impl IntoId<SpotifyUri>) -> Request<(), OnDevice> {
        self.post("queue").ids("uri", playable([uri]), 1)
    }
}
