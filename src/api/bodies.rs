//! What is sent in the body of a request.

use std::time::Duration;

use serde::Serialize;

use super::request::{IntoId, IntoIds};
use crate::error::Error;
use crate::model::{IdError, SpotifyUri};

/// What to play, and from where.
///
/// A context or a list of tracks, never both.
///
/// ```
/// use spotify_web::api::StartPlayback;
///
/// let third_track = StartPlayback::context("spotify:album:0tGPJ0bkWOUmH7MEOR77qc").offset(2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StartPlayback {
    #[serde(skip_serializing_if = "Option::is_none")]
    context_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Offset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_ms: Option<u64>,
    /// The first URI that is none; comes out when the request is sent.
    #[serde(skip)]
    wrong: Option<IdError>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Offset {
    Position(u32),
    Uri(String),
}

impl StartPlayback {
    /// Goes on with what was paused.
    pub fn resume() -> Self {
        Self::default()
    }

    /// Plays an album, an artist or a playlist.
    pub fn context(uri: impl IntoId<SpotifyUri>) -> Self {
        let mut playback = Self::default();
        playback.context_uri = playback.keep(uri.into_id()).map(|uri| uri.to_string());
        playback
    }

    /// Plays these tracks or episodes.
    pub fn uris(uris: impl IntoIds<SpotifyUri>) -> Self {
        let mut playback = Self::default();
        let uris = playback.keep(uris.into_ids());
        playback.uris = uris.map(|uris| uris.iter().map(ToString::to_string).collect());
        playback
    }

    /// Begins with the item at this place, from 0. A place past the end of [`uris`](Self::uris) is
    /// an error when the request is sent.
    #[must_use]
    pub fn offset(self, position: u32) -> Self {
        Self { offset: Some(Offset::Position(position)), ..self }
    }

    /// Begins with this item.
    #[must_use]
    pub fn offset_uri(mut self, uri: impl IntoId<SpotifyUri>) -> Self {
        self.offset = self.keep(uri.into_id()).map(|uri| Offset::Uri(uri.to_string()));
        self
    }

    /// Begins at this position of the first item.
    #[must_use]
    pub fn position(self, position: Duration) -> Self {
        let position = u64::try_from(position.as_millis()).unwrap_or(u64::MAX);
        Self { position_ms: Some(position), ..self }
    }

    /// Keeps the first error.
    fn keep<T>(&mut self, converted: Result<T, IdError>) -> Option<T> {
        match converted {
            Ok(converted) => Some(converted),
            Err(error) => {
                self.wrong.get_or_insert(error);
                None
            }
        }
    }

    /// Whether there is something to play at the place to begin with.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(error) = &self.wrong {
            return Err(error.clone().into());
        }
        let Some(uris) = &self.uris else { return Ok(()) };
        let Some(last) = u32::try_from(uris.len()).unwrap_or(u32::MAX).checked_sub(1) else {
            return Err(Error::Parameter { name: "uris", reason: "is empty".to_owned() });
        };
        match self.offset {
            Some(Offset::Position(value)) if value > last => {
                Err(Error::Range { name: "offset", value, range: 0..=last })
            }
            _ => Ok(()),
        }
    }
}

/// Who sees a playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Visibility {
    /// It shows on the owner's profile.
    Public,
    /// It does not.
    Private,
    /// It does not, and others may change it.
    Collaborative,
}

/// The name, description and visibility of a playlist: for a new one, or to be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlaylistDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collaborative: Option<bool>,
}

impl PlaylistDetails {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the description.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// Sets who sees it.
    #[must_use]
    pub fn visibility(self, visibility: Visibility) -> Self {
        let (public, collaborative) = match visibility {
            Visibility::Public => (true, false),
            Visibility::Private => (false, false),
            Visibility::Collaborative => (false, true),
        };
        Self { public: Some(public), collaborative: Some(collaborative), ..self }
    }
}

/// Which entries of a playlist are moved, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaylistReorder {
    range_start: u32,
    insert_before: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    range_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_id: Option<String>,
}

impl PlaylistReorder {
    /// Moves the entry at place `from` to before the one at `before`, both from 0. `before` may be
    /// the length of the playlist, which is its end.
    pub fn new(from: u32, before: u32) -> Self {
        Self { range_start: from, insert_before: before, range_length: None, snapshot_id: None }
    }

    /// The number of entries to move, 1 by default.
    #[must_use]
    pub fn length(self, length: u32) -> Self {
        Self { range_length: Some(length), ..self }
    }

    /// The version that the places are meant for.
    #[must_use]
    pub fn snapshot_id(self, snapshot_id: impl Into<String>) -> Self {
        Self { snapshot_id: Some(snapshot_id.into()), ..self }
    }
}
