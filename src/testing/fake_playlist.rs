//! A playlist of the fake, from the outside.

use std::fmt;
use std::sync::Arc;

use super::catalogue::Kind;
use super::playlist::{Entry, Playlist};
use super::state::Shared;
use super::world::text_of;
use crate::api::Visibility;

/// A playlist of a [`FakeSpotify`](super::FakeSpotify), to set up and to look at. What
/// is set up takes effect at once.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # use spotify_web::SpotifyClient;
/// # use spotify_web::testing::FakeSpotify;
/// let fake = FakeSpotify::start().await?;
/// let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let playlist = fake.playlist("Long drive").with_tracks(5_000);
///
/// let entries = spotify.playlists().items(playlist.id()).all().entries().await?;
///
/// assert_eq!(entries.len(), 5_000);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct FakePlaylist {
    pub(super) shared: Arc<Shared>,
    pub(super) id: String,
}

impl FakePlaylist {
    /// One that this user has of this name; a new one where there is none.
    pub(super) fn called(shared: &Arc<Shared>, name: &str, owner: &str) -> Self {
        let world = &mut shared.state.lock().world;
        let known = world.playlists.called(name, owner).map(|playlist| playlist.id.clone());
        let id = known.unwrap_or_else(|| {
            let id = world.playlists.create(name, owner);
            let now = world.now();
            world.user(owner).library.add(&format!("spotify:playlist:{id}"), now);
            id
        });
        Self { shared: Arc::clone(shared), id }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its URI.
    pub fn uri(&self) -> String {
        format!("spotify:playlist:{}", self.id)
    }

    /// Puts as many tracks of the catalogue at its end, which come in turn and as often as it
    /// takes.
    pub fn with_tracks(self, count: usize) -> Self {
        let world = &mut self.shared.state.lock().world;
        let tracks: Vec<_> = world.catalogue.all(Kind::Track).cloned().collect();
        let at = text_of(world.now());
        if let Some(playlist) = world.playlists.get_mut(&self.id) {
            let owner = playlist.owner.clone();
            let tracks = tracks.iter().cycle().take(count);
            playlist.set_up(tracks.map(|track| Entry::new(track, &owner, &at)));
        }
        self.clone()
    }

    /// Puts these at its end: URIs of tracks, episodes and chapters. A track that is not in the
    /// catalogue is added to it; what else is not there is passed over.
    pub fn with_items<U: AsRef<str>>(self, uris: impl IntoIterator<Item = U>) -> Self {
        let world = &mut self.shared.state.lock().world;
        let things = uris.into_iter().filter_map(|uri| world.catalogue.named(uri.as_ref()));
        let things: Vec<_> = things.filter(|thing| thing.kind.is_playable()).collect();
        let at = text_of(world.now());
        if let Some(playlist) = world.playlists.get_mut(&self.id) {
            let owner = playlist.owner.clone();
            playlist.set_up(things.iter().map(|thing| Entry::new(thing, &owner, &at)));
        }
        self.clone()
    }

    /// Who may read and change it: public by default. A private one is its owner's alone, and of a
    /// collaborative one everybody may change the entries.
    pub fn with_visibility(self, visibility: Visibility) -> Self {
        self.set(|playlist| {
            playlist.public = visibility == Visibility::Public;
            playlist.collaborative = visibility == Visibility::Collaborative;
        });
        self
    }

    /// The URIs of its entries in their order; empty where an entry has none.
    pub fn items(&self) -> Vec<String> {
        let state = self.shared.state.lock();
        let playlist = state.world.playlists.get(&self.id);
        let entries = playlist.into_iter().flat_map(Playlist::entries);
        entries.map(|entry| entry.uri().unwrap_or_default().to_owned()).collect()
    }

    /// The id of its newest version.
    pub fn snapshot_id(&self) -> String {
        let state = self.shared.state.lock();
        state.world.playlists.get(&self.id).map(Playlist::snapshot_id).unwrap_or_default()
    }

    fn set(&self, change: impl FnOnce(&mut Playlist)) {
        let state = &mut *self.shared.state.lock();
        state.world.playlists.get_mut(&self.id).map(change);
    }
}

/// Without what the fake holds.
impl fmt::Debug for FakePlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePlaylist").field("id", &self.id).finish_non_exhaustive()
    }
}
