//! What a user has saved, and when.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Album, Audiobook, Episode, SimplifiedShow, Track};

macro_rules! saved {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $model:ty }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            /// When it was saved; absent for what was saved long ago.
            pub added_at: Option<DateTime<Utc>>,
            $(#[$field_doc])*
            pub $field: $model,
        }
    };
}

saved! {
    /// An album in a user's library.
    SavedAlbum {
        /// The album.
        album: Album
    }
}

saved! {
    /// A track in a user's library.
    SavedTrack {
        /// The track.
        track: Track
    }
}

saved! {
    /// An episode in a user's library.
    SavedEpisode {
        /// The episode.
        episode: Episode
    }
}

saved! {
    /// A podcast in a user's library.
    SavedShow {
        /// The podcast.
        show: SimplifiedShow
    }
}

saved! {
    /// An audiobook in a user's library.
    SavedAudiobook {
        /// The audiobook.
        audiobook: Audiobook
    }
}
