//! The scopes that endpoints need: by what they do, since many need the same.

use crate::oauth::Scope;

pub(super) const LIBRARY_READ: &[Scope] = &[Scope::UserLibraryRead];
pub(super) const LIBRARY_MODIFY: &[Scope] = &[Scope::UserLibraryModify];
pub(super) const SAVED_EPISODES_READ: &[Scope] =
    &[Scope::UserLibraryRead, Scope::UserReadPlaybackPosition];
pub(super) const PLAYBACK_POSITION: &[Scope] = &[Scope::UserReadPlaybackPosition];

/// Of things of any kind, some of which are followed rather than saved.
pub(super) const ANY_READ: &[Scope] =
    &[Scope::UserLibraryRead, Scope::UserFollowRead, Scope::PlaylistReadPrivate];
pub(super) const ANY_MODIFY: &[Scope] =
    &[Scope::UserLibraryModify, Scope::UserFollowModify, Scope::PlaylistModifyPublic];

pub(super) const PLAYLIST_READ: &[Scope] = &[Scope::PlaylistReadPrivate];
pub(super) const PLAYLISTS_READ: &[Scope] =
    &[Scope::PlaylistReadPrivate, Scope::PlaylistReadCollaborative];
pub(super) const PLAYLIST_MODIFY: &[Scope] =
    &[Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate];
pub(super) const COVER_UPLOAD: &[Scope] =
    &[Scope::UgcImageUpload, Scope::PlaylistModifyPublic, Scope::PlaylistModifyPrivate];

pub(super) const PLAYBACK_READ: &[Scope] = &[Scope::UserReadPlaybackState];
pub(super) const PLAYBACK_MODIFY: &[Scope] = &[Scope::UserModifyPlaybackState];
pub(super) const PLAYING_READ: &[Scope] = &[Scope::UserReadCurrentlyPlaying];
pub(super) const QUEUE_READ: &[Scope] =
    &[Scope::UserReadCurrentlyPlaying, Scope::UserReadPlaybackState];
pub(super) const HISTORY_READ: &[Scope] = &[Scope::UserReadRecentlyPlayed];

pub(super) const PROFILE_READ: &[Scope] = &[Scope::UserReadPrivate, Scope::UserReadEmail];
pub(super) const TOP_READ: &[Scope] = &[Scope::UserTopRead];
pub(super) const FOLLOW_READ: &[Scope] = &[Scope::UserFollowRead];
pub(super) const FOLLOW_MODIFY: &[Scope] = &[Scope::UserFollowModify];
