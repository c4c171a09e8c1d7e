//! How a playlist is made, and changed.

use serde::Serialize;
use serde_json::{Value, json};

use super::check_count;
use crate::api::request::{IntoId, playable};
use crate::error::Error;
use crate::model::{IdError, SpotifyUri};

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
///
/// ```
/// use spotify_web::api::{PlaylistDetails, Visibility};
///
/// let details = PlaylistDetails::new().description("Loud").visibility(Visibility::Private);
/// ```
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

    /// The body for a new one of this name.
    pub(in crate::api) fn named(self, name: String) -> Result<Value, Error> {
        match &self.name {
            Some(other) if *other != name => {
                let reason = format!("is given twice, as `{name}` and in the details");
                Err(Error::Parameter { name: "name", reason })
            }
            _ => self.name(name).body(),
        }
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

    pub(in crate::api) fn body(&self) -> Result<Value, Error> {
        let wrong = |name, reason: &str| Err(Error::Parameter { name, reason: reason.to_owned() });
        match &self.name {
            Some(name) if name.trim().is_empty() => wrong("name", "is empty"),
            None if *self == Self::default() => wrong("details", "hold no change"),
            _ => Ok(json!(self)),
        }
    }
}

/// Which items are removed from a playlist: everywhere, or at places of their own.
///
/// ```
/// use spotify_web::api::PlaylistRemoval;
///
/// let removal = PlaylistRemoval::new()
///     .everywhere("spotify:track:11dFghVXANMlKmJXsNCbNl")
///     .at("spotify:track:2TpxZ7JUBn3uw46aR7qd6V", [0, 7])
///     .snapshot_id("AAAAAg");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlaylistRemoval {
    items: Vec<RemovedItem>,
    snapshot_id: Option<String>,
    /// The first URI that is none; comes out when the request is sent.
    wrong: Option<IdError>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::api) struct RemovedItem {
    uri: SpotifyUri,
    /// `None` is everywhere; no places are a mistake, since Spotify takes them for everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    positions: Option<Vec<u32>>,
}

impl PlaylistRemoval {
    /// Nothing yet; up to 100 items in one request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes an item wherever it is.
    #[must_use]
    pub fn everywhere(self, uri: impl IntoId<SpotifyUri>) -> Self {
        self.item(uri, None)
    }

    /// Removes an item at these places only, from 0; they are those of the version of
    /// [`snapshot_id`](Self::snapshot_id). No places at all are an error when the request is sent.
    ///
    /// The current reference of [removing items] names no places, though it says that the items are
    /// looked for "in the specified positions". A server that passes over them removes the item
    /// everywhere: look at the playlist afterwards where that would matter.
    ///
    /// [removing items]: https://developer.spotify.com/documentation/web-api/reference/remove-items-playlist
    #[must_use]
    pub fn at(
        self,
        uri: impl IntoId<SpotifyUri>,
        positions: impl IntoIterator<Item = u32>,
    ) -> Self {
        self.item(uri, Some(positions.into_iter().collect()))
    }

    fn item(mut self, uri: impl IntoId<SpotifyUri>, positions: Option<Vec<u32>>) -> Self {
        match playable([uri]).checked().map(|mut uris| uris.pop()) {
            Ok(uri) => self.items.extend(uri.map(|uri| RemovedItem { uri, positions })),
            Err(error) => {
                self.wrong.get_or_insert(error);
            }
        }
        self
    }

    /// The version that the places are meant for.
    #[must_use]
    pub fn snapshot_id(self, snapshot_id: impl Into<String>) -> Self {
        Self { snapshot_id: Some(snapshot_id.into()), ..self }
    }

    /// The body, with the items in the field of this name.
    pub(in crate::api) fn body(&self, field: &'static str) -> Result<Value, Error> {
        self.check()?;
        check_count(field, self.items.len(), 100)?;
        let mut body = serde_json::Map::new();
        body.insert(field.to_owned(), json!(self.items));
        if let Some(snapshot_id) = &self.snapshot_id {
            body.insert("snapshot_id".to_owned(), snapshot_id.as_str().into());
        }
        Ok(body.into())
    }

    /// The items, to be removed by `size` at a time.
    pub(in crate::api) fn items_for_batches(&self, size: usize) -> Result<Vec<RemovedItem>, Error> {
        self.check()?;
        let has_places = self.items.iter().any(|item| item.positions.is_some());
        if self.items.len() > size && has_places && self.snapshot_id.is_none() {
            let reason = "is missing; the places in several batches are those of one version";
            return Err(Error::Parameter { name: "snapshot_id", reason: reason.to_owned() });
        }
        Ok(self.items.clone())
    }

    /// The same removal of these items.
    pub(in crate::api) fn of(&self, items: Vec<RemovedItem>) -> Self {
        Self { items, ..self.clone() }
    }

    fn check(&self) -> Result<(), Error> {
        if let Some(error) = &self.wrong {
            return Err(error.clone().into());
        }
        let has_no_place = |item: &RemovedItem| item.positions.as_ref().is_some_and(Vec::is_empty);
        if self.items.iter().any(has_no_place) {
            let reason = "is empty; `everywhere` removes an item wherever it is";
            return Err(Error::Parameter { name: "positions", reason: reason.to_owned() });
        }
        check_snapshot(self.snapshot_id.as_deref())
    }
}

/// Which entries of a playlist are moved, and where to.
///
/// ```
/// use spotify_web::api::PlaylistReorder;
///
/// // The three entries that begin at place 10 come first.
/// let reorder = PlaylistReorder::new(10, 0).length(3);
/// ```
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
    /// Moves the entry at place `from` in front of the one at `before`, both from 0. `before` may
    /// be the length of the playlist, which is its end.
    pub fn new(from: u32, before: u32) -> Self {
        Self { range_start: from, insert_before: before, range_length: None, snapshot_id: None }
    }

    /// The number of entries to move, 1 by default; none is an error when the request is sent.
    #[must_use]
    pub fn length(self, length: u32) -> Self {
        Self { range_length: Some(length), ..self }
    }

    /// The version that the places are meant for.
    #[must_use]
    pub fn snapshot_id(self, snapshot_id: impl Into<String>) -> Self {
        Self { snapshot_id: Some(snapshot_id.into()), ..self }
    }

    pub(in crate::api) fn body(&self) -> Result<Value, Error> {
        check_snapshot(self.snapshot_id.as_deref())?;
        match self.range_length {
            Some(0) => {
                let range = 1..=u32::MAX;
                Err(Error::Range { name: "range_length", value: 0, range, extended: None })
            }
            _ => Ok(json!(self)),
        }
    }
}

/// An empty one would mean the newest version, and the places those of things that have moved.
fn check_snapshot(snapshot_id: Option<&str>) -> Result<(), Error> {
    match snapshot_id.is_some_and(|id| id.trim().is_empty()) {
        true => Err(Error::Parameter { name: "snapshot_id", reason: "is empty".to_owned() }),
        false => Ok(()),
    }
}
