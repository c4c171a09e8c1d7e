//! Of which kinds the things are that a request takes: a URI of another kind is never sent.

use super::into_id::{IntoIds, sealed};
use crate::model::{IdError, IdKind, PLAYABLE, SpotifyUri};

/// A list of URIs, all of them of certain kinds.
pub(crate) struct OfKinds<L> {
    list: L,
    kinds: &'static [IdKind],
}

/// What can be played by itself, queued and put into a playlist.
pub(crate) fn playable<L: IntoIds<SpotifyUri>>(list: L) -> OfKinds<L> {
    OfKinds { list, kinds: PLAYABLE }
}

/// What can be saved or followed.
pub(crate) fn savable<L: IntoIds<SpotifyUri>>(list: L) -> OfKinds<L> {
    OfKinds { list, kinds: SAVABLE }
}

impl<L: IntoIds<SpotifyUri>> OfKinds<L> {
    pub(crate) fn checked(self) -> Result<Vec<SpotifyUri>, IdError> {
        let uris = self.list.into_ids()?;
        match uris.iter().find(|uri| !self.kinds.contains(uri.kind())) {
            Some(wrong) => Err(IdError::kind_not_taken(wrong, self.kinds)),
            None => Ok(uris),
        }
    }
}

impl<L: IntoIds<SpotifyUri>> IntoIds<SpotifyUri> for OfKinds<L> {}

impl<L: IntoIds<SpotifyUri>> sealed::IntoIds<SpotifyUri> for OfKinds<L> {
    fn into_ids(self) -> Result<Vec<SpotifyUri>, IdError> {
        self.checked()
    }
}

/// A URI of something that holds what is played. Spotify gives many that this crate does not know.
pub(crate) fn context(uri: SpotifyUri) -> Result<SpotifyUri, IdError> {
    match uri.kind_of_thing() {
        IdKind::Unknown(_) => Ok(uri),
        // A part of one, such as the top tracks of a user.
        IdKind::User if *uri.kind() != IdKind::User => Ok(uri),
        kind if CONTEXTS.contains(kind) => Ok(uri),
        _ => Err(IdError::kind_not_taken(&uri, CONTEXTS)),
    }
}

const CONTEXTS: &[IdKind] =
    &[IdKind::Album, IdKind::Artist, IdKind::Playlist, IdKind::Show, IdKind::Collection];

const SAVABLE: &[IdKind] = &[
    IdKind::Album,
    IdKind::Artist,
    IdKind::Episode,
    IdKind::Playlist,
    IdKind::Show,
    IdKind::Track,
    IdKind::User,
];
