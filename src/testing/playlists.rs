//! All playlists of the fake.

use std::collections::HashMap;

use super::playlist::Playlist;

#[derive(Default)]
pub(super) struct Playlists {
    by_id: HashMap<String, Playlist>,
    /// In the order in which they were made.
    ids: Vec<String>,
}

impl Playlists {
    pub(super) fn add(&mut self, playlist: Playlist) {
        self.ids.push(playlist.id.clone());
        self.by_id.insert(playlist.id.clone(), playlist);
    }

    /// A new one, whose id this returns.
    pub(super) fn create(&mut self, name: &str, owner: &str) -> String {
        let id = format!("{:0<22}", format!("playlist{}x", self.ids.len()));
        self.add(Playlist::new(id.clone(), name, owner));
        id
    }

    pub(super) fn get(&self, id: &str) -> Option<&Playlist> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Playlist> {
        self.by_id.get_mut(id)
    }

    pub(super) fn called(&self, name: &str, owner: &str) -> Option<&Playlist> {
        self.all().find(|playlist| playlist.name == name && playlist.owner == owner)
    }

    /// The newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Playlist> {
        self.ids.iter().rev().filter_map(|id| self.by_id.get(id))
    }
}
