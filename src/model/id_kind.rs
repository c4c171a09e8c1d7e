//! The kinds of things that have an id.

use super::open_enum::open_enum;

open_enum! {
    /// The kinds of things that have an id.
    pub enum IdKind {
        /// An album, single or compilation.
        Album = "album",
        /// An artist.
        Artist = "artist",
        /// An audiobook.
        Audiobook = "audiobook",
        /// A chapter of an audiobook.
        Chapter = "chapter",
        /// A podcast episode.
        Episode = "episode",
        /// A playlist.
        Playlist = "playlist",
        /// A podcast.
        Show = "show",
        /// A track.
        Track = "track",
        /// A user.
        User = "user",
        /// The songs that a user has saved; only in URIs and contexts.
        Collection = "collection",
    }
}
