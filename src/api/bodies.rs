//! What is sent in the body of a request.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::request::{IntoId, IntoIds, context, playable};
use crate::error::Error;
use crate::model::{IdError, IdKind, SpotifyUri, TrackId, UserId};

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
    context_uri: Option<SpotifyUri>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uris: Option<Vec<SpotifyUri>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<Offset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "position_ms", serialize_with = "as_milliseconds")]
    position: Option<Duration>,
    /// The first URI that is not valid; returned when the request is sent.
    #[serde(skip)]
    wrong: Option<IdError>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Offset {
    Position(u32),
    Uri(SpotifyUri),
}

impl StartPlayback {
    /// Resumes what was paused.
    pub fn resume() -> Self {
        Self::default()
    }

    /// Plays an album, an artist, a playlist, a podcast, or whatever else Spotify gives as the URI
    /// of a context. An artist is played from the beginning: an offset is an error when the request
    /// is sent, and so is a track or an episode in place of a context.
    pub fn context(uri: impl IntoId<SpotifyUri>) -> Self {
        let mut playback = Self::default();
        playback.context_uri = playback.keep(uri.into_id().and_then(context));
        playback
    }

    /// Plays the songs that a user has saved.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let config = fake.config().with_token(fake.user_token());
    /// # let spotify = spotify_web::SpotifyClient::new(config)?;
    /// use spotify_web::api::{Shuffle, StartPlayback};
    ///
    /// let me = spotify.users().me().await?;
    /// let liked_songs = StartPlayback::liked_songs(&me.id);
    /// # fake.next_api(spotify_web::testing::FakeResponse::json(200, &serde_json::json!({})));
    /// spotify.player().play(&liked_songs).await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn liked_songs(user: impl IntoId<UserId>) -> Self {
        match user.into_id() {
            Ok(user) => Self::context(format!("{}:collection", user.uri())),
            Err(error) => Self { wrong: Some(error), ..Self::default() },
        }
    }

    /// Plays these tracks or episodes.
    pub fn uris(uris: impl IntoIds<SpotifyUri>) -> Self {
        let mut playback = Self::default();
        playback.uris = playback.keep(playable(uris).checked());
        playback
    }

    /// Begins with the item at this place, from 0. A place past the end of [`uris`](Self::uris) is
    /// an error when the request is sent, and so is any with [`resume`](Self::resume).
    #[must_use]
    pub fn offset(self, position: u32) -> Self {
        Self { offset: Some(Offset::Position(position)), ..self }
    }

    /// Begins with this item. One that is none of the [`uris`](Self::uris) is an error when the
    /// request is sent, and so is any with [`resume`](Self::resume).
    #[must_use]
    pub fn offset_uri(mut self, uri: impl IntoId<SpotifyUri>) -> Self {
        let uri = self.keep(playable([uri]).checked()).and_then(|mut uris| uris.pop());
        self.offset = uri.map(Offset::Uri);
        self
    }

    /// Begins at this position of the first item. One that no 32 bits of milliseconds hold, which
    /// are 49 days, is an error when the request is sent.
    #[must_use]
    pub fn position(self, position: Duration) -> Self {
        Self { position: Some(position), ..self }
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

    fn is_of_an_artist(&self) -> bool {
        self.context_uri.as_ref().is_some_and(|uri| *uri.kind_of_thing() == IdKind::Artist)
    }

    /// Whether there is something to play at the place to begin with.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(error) = &self.wrong {
            return Err(error.clone().into());
        }
        self.position.map_or(Ok(0), milliseconds)?;
        if self.offset.is_some() && self.is_of_an_artist() {
            let reason =
                "is not taken for an artist; play an album, a playlist or a list of tracks";
            return Err(Error::Parameter { name: "offset", reason: reason.to_owned() });
        }
        if self.offset.is_some() && self.context_uri.is_none() && self.uris.is_none() {
            let reason = "needs a context or a list of tracks that it is a place in";
            return Err(Error::Parameter { name: "offset", reason: reason.to_owned() });
        }
        match &self.uris {
            Some(uris) => self.check_place(uris),
            None => Ok(()),
        }
    }

    fn check_place(&self, uris: &[SpotifyUri]) -> Result<(), Error> {
        let Some(last) = u32::try_from(uris.len()).unwrap_or(u32::MAX).checked_sub(1) else {
            return Err(Error::Parameter { name: "uris", reason: "is empty".to_owned() });
        };
        match &self.offset {
            Some(Offset::Position(value)) if *value > last => {
                Err(Error::Range { name: "offset", value: *value, range: 0..=last, extended: None })
            }
            Some(Offset::Uri(uri)) if !uris.contains(uri) => {
                let reason = format!("is `{uri}`, which is not in the list");
                Err(Error::Parameter { name: "offset", reason })
            }
            _ => Ok(()),
        }
    }
}

/// A position as Spotify wants it, which takes no longer ones.
pub(super) fn milliseconds(position: Duration) -> Result<u32, Error> {
    u32::try_from(position.as_millis()).map_err(|_| Error::Parameter {
        name: "position_ms",
        reason: "is longer than 49 days".to_owned(),
    })
}

fn as_milliseconds<S: Serializer>(at: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    at.and_then(|at| milliseconds(at).ok()).serialize(serializer)
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
    pub(super) fn named(self, name: String) -> Result<Value, Error> {
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

    pub(super) fn body(&self) -> Result<Value, Error> {
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
pub(super) struct RemovedItem {
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
    pub(super) fn body(&self, field: &'static str) -> Result<Value, Error> {
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
    pub(super) fn items_for_batches(&self, size: usize) -> Result<Vec<RemovedItem>, Error> {
        self.check()?;
        let has_places = self.items.iter().any(|item| item.positions.is_some());
        if self.items.len() > size && has_places && self.snapshot_id.is_none() {
            let reason = "is missing; the places in several batches are those of one version";
            return Err(Error::Parameter { name: "snapshot_id", reason: reason.to_owned() });
        }
        Ok(self.items.clone())
    }

    /// The same removal of these items.
    pub(super) fn of(&self, items: Vec<RemovedItem>) -> Self {
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

    pub(super) fn body(&self) -> Result<Value, Error> {
        check_snapshot(self.snapshot_id.as_deref())?;
        match self.range_length {
            Some(0) => {
                let (name, range) = ("range_length", 1..=u32::MAX);
                Err(Error::Range { name, value: 0, range, extended: None })
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

/// Up to 50 tracks with the times since when they count as saved. Spotify requires the ids by
/// themselves as well, though it goes by the others.
pub(super) fn with_dates<I: IntoId<TrackId>>(
    tracks: impl IntoIterator<Item = (I, DateTime<Utc>)>,
) -> Result<Value, Error> {
    let mut ids = Vec::new();
    let mut dated = Vec::new();
    for (id, added_at) in tracks {
        let id = id.into_id()?.to_string();
        let added_at = added_at.to_rfc3339_opts(SecondsFormat::Millis, true);
        dated.push(json!({ "id": id, "added_at": added_at }));
        ids.push(id);
    }
    check_count("ids", ids.len(), 50)?;
    Ok(json!({ "ids": ids, "timestamped_ids": dated }))
}

fn check_count(name: &'static str, count: usize, most: usize) -> Result<(), Error> {
    let range = 1..=most;
    match range.contains(&count) {
        true => Ok(()),
        false => Err(Error::count(name, count, range)),
    }
}
