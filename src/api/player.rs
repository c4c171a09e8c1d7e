//! The player.

use std::time::Duration;

use reqwest::Method;

use super::Connection;
use super::bodies::StartPlayback;
use super::request::Request;
use super::request::params::{Nothing, OnDevice, Parameters, Playing, RecentlyPlayed};
use super::request::{Path, path};
use super::request::{Repeat, Shuffle, Transfer};
use crate::model::{
    CurrentlyPlaying, CurrentlyPlayingContext, CursorPage, Device, IdError, PlayHistory, Queue,
    SpotifyUri,
};
use crate::oauth::Scope;

/// The player.
///
/// Had from [`SpotifyClient::player`](crate::SpotifyClient::player).
#[derive(Debug, Clone)]
pub struct Player(pub(crate) Connection);

impl Player {
    /// A request to change what is playing: it goes before those that wait.
    fn command<P: Parameters>(&self, method: Method, path: Path) -> Request<(), P> {
        self.0.request(method, path).urgent().scopes(&[Scope::UserModifyPlaybackState])
    }

    /// What is playing and where; `None` when nothing is.
    ///
    /// Scopes: `user-read-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-information-about-the-users-current-playback>
    pub fn state(&self) -> Request<Option<CurrentlyPlayingContext>, Playing> {
        self.0.get(path("me").then("player")).scopes(&[Scope::UserReadPlaybackState])
    }

    /// Moves playback to another device.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/transfer-a-users-playback>
    pub fn transfer(
        &self,
        device_id: impl Into<String>,
        transfer: Transfer,
    ) -> Request<(), Nothing> {
        self.command(Method::PUT, path("me").then("player")).with_json(&transfer.body(device_id))
    }

    /// Devices that can play.
    ///
    /// Scopes: `user-read-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-users-available-devices>
    pub fn devices(&self) -> Request<Vec<Device>, Nothing> {
        self.0
            .get(path("me").then("player").then("devices"))
            .scopes(&[Scope::UserReadPlaybackState])
            .wrapped()
    }

    /// What is playing; `None` when nothing is.
    ///
    /// Scopes: `user-read-currently-playing`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-the-users-currently-playing-track>
    pub fn currently_playing(&self) -> Request<Option<CurrentlyPlaying>, Playing> {
        self.0
            .get(path("me").then("player").then("currently-playing"))
            .scopes(&[Scope::UserReadCurrentlyPlaying])
    }

    /// Plays, or goes on with what was paused.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/start-a-users-playback>
    pub fn play(&self, what: &StartPlayback) -> Request<(), OnDevice> {
        let request =
            self.command(Method::PUT, path("me").then("player").then("play")).with_json(what);
        match what.check() {
            Ok(()) => request,
            Err(error) => request.fail(error),
        }
    }

    /// Pauses.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/pause-a-users-playback>
    pub fn pause(&self) -> Request<(), OnDevice> {
        self.command(Method::PUT, path("me").then("player").then("pause"))
    }

    /// Skips to the next item.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/skip-users-playback-to-next-track>
    pub fn next(&self) -> Request<(), OnDevice> {
        self.command(Method::POST, path("me").then("player").then("next"))
    }

    /// Skips to the item before.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/skip-users-playback-to-previous-track>
    pub fn previous(&self) -> Request<(), OnDevice> {
        self.command(Method::POST, path("me").then("player").then("previous"))
    }

    /// Goes to a position in what is playing; past its end, to the next item.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/seek-to-position-in-currently-playing-track>
    pub fn seek(&self, position: Duration) -> Request<(), OnDevice> {
        self.command(Method::PUT, path("me").then("player").then("seek"))
            .with("position_ms", position.as_millis().to_string())
    }

    /// Sets what is repeated.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/set-repeat-mode-on-users-playback>
    pub fn repeat(&self, repeat: Repeat) -> Request<(), OnDevice> {
        self.command(Method::PUT, path("me").then("player").then("repeat"))
            .with("state", repeat.as_str().to_owned())
    }

    /// Sets the volume, 0 to 100.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/set-volume-for-users-playback>
    pub fn volume(&self, percent: u32) -> Request<(), OnDevice> {
        self.command(Method::PUT, path("me").then("player").then("volume")).in_range(
            "volume_percent",
            percent,
            0,
            100,
        )
    }

    /// Sets whether the order is random.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/toggle-shuffle-for-users-playback>
    pub fn shuffle(&self, shuffle: Shuffle) -> Request<(), OnDevice> {
        self.command(Method::PUT, path("me").then("player").then("shuffle"))
            .with("state", shuffle.as_str().to_owned())
    }

    /// Tracks that were played lately, newest first; not episodes.
    ///
    /// Scopes: `user-read-recently-played`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-recently-played>
    pub fn recently_played(&self) -> Request<CursorPage<PlayHistory>, RecentlyPlayed> {
        self.0
            .get(path("me").then("player").then("recently-played"))
            .scopes(&[Scope::UserReadRecentlyPlayed])
    }

    /// What plays next.
    ///
    /// Scopes: `user-read-currently-playing`, `user-read-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-queue>
    pub fn queue(&self) -> Request<Queue, Nothing> {
        self.0
            .get(path("me").then("player").then("queue"))
            .scopes(&[Scope::UserReadCurrentlyPlaying, Scope::UserReadPlaybackState])
    }

    /// Adds a track or an episode to what plays next.
    ///
    /// Scopes: `user-modify-playback-state`.
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/add-to-queue>
    pub fn add_to_queue(
        &self,
        uri: impl TryInto<SpotifyUri, Error: Into<IdError>>,
    ) -> Request<(), OnDevice> {
        self.command(Method::POST, path("me").then("player").then("queue"))
            .with_list::<_, SpotifyUri>("uri", [uri], 1)
    }
}
