//! All that the Web API of the fake is about.

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::time::Instant;

use super::catalogue::{Catalogue, Kind};
use super::clock::FakeClock;
use super::playlist::{PLAYLIST_ID, mixed_bag};
use super::playlists::Playlists;
use super::user::{User, Users};
use crate::api::Quota;

pub(super) struct World {
    pub(super) catalogue: Catalogue,
    pub(super) playlists: Playlists,
    pub(super) users: Users,
    pub(super) quota: Quota,
    pub(super) clock: FakeClock,
}

impl World {
    /// With the user whom Spotify's own documentation uses, who is listening to something.
    pub(super) fn new(quota: Quota, playlist_length: usize) -> Self {
        let catalogue = Catalogue::new();
        let tracks: Vec<_> = catalogue.all(Kind::Track).cloned().collect();
        let mut playlists = Playlists::default();
        playlists.add(mixed_bag(&tracks, playlist_length));
        let mut world = Self {
            catalogue,
            playlists,
            users: Users::default(),
            quota,
            clock: FakeClock::start(),
        };
        let at = world.clock.moment(Instant::now());
        let user = world.users.get(WIZZLER, at);
        user.settle(&world.catalogue, at);
        user.player.begin(tracks);
        world
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.moment(Instant::now())
    }

    pub(super) fn user(&mut self, name: &str) -> &mut User {
        let now = self.now();
        self.users.get(name, now)
    }
}

/// Who agrees to logins unless it is said, and whose tokens are given out.
pub(super) const WIZZLER: &str = "wizzler";

/// What everybody has in their library from the beginning.
pub(super) fn everybodys_playlist() -> String {
    format!("spotify:playlist:{PLAYLIST_ID}")
}

/// As Spotify writes moments.
pub(super) fn text_of(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
