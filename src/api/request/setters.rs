//! The optional parameters of requests: a setter is there where the endpoint has it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::builder::Request;
use super::choices::{AudioFeature, ItemType, TimeRange};
use super::into_id::{IntoId, IntoIds};
use super::params::{
    AcceptsAdditionalTypes, AcceptsAfterArtist, AcceptsAnything, AcceptsDevice, AcceptsExternal,
    AcceptsFields, AcceptsGroups, AcceptsLimit, AcceptsLocale, AcceptsMarket, AcceptsMoment,
    AcceptsPaging, AcceptsSeeds, AcceptsTimeRange,
};
use crate::error::Error;
use crate::model::{
    AlbumGroup, ArtistId, Market, MarketError, Page, PartialPlaylist, Playlist, PlaylistItem,
    TrackId,
};

impl<T, P: AcceptsMarket> Request<T, P> {
    /// Only what can be played in this market, and as it is there: the two letters of a country.
    ///
    /// In place of the config's default market.
    pub fn market<M>(self, market: M) -> Self
    where
        M: TryInto<Market, Error: Into<MarketError>>,
    {
        match market.try_into() {
            Ok(market) => self.with("market", market.to_string()),
            Err(error) => self.fail(error.into().into()),
        }
    }
}

impl<T, P: AcceptsLimit> Request<T, P> {
    /// The greatest number of items in a response, from 1 to what the endpoint allows an app of
    /// this [quota](crate::Quota).
    pub fn limit(self, limit: u32) -> Self {
        self.within("limit", limit, P::MAX_LIMIT)
    }
}

impl<T, P: AcceptsPaging> Request<T, P> {
    /// How many items to pass over.
    pub fn offset(self, offset: u32) -> Self {
        self.in_range("offset", offset, 0, P::MAX_OFFSET)
    }
}

impl<P: AcceptsFields> Request<Playlist, P> {
    /// Only these fields of the response, in [Spotify's notation]: `name,items(total)`. What was
    /// not asked for is absent from the [`PartialPlaylist`].
    ///
    /// Where entries are among them, as in `name,items(items(item(name)))`, what leads to the next
    /// page of them is asked for as well. Ask for the `url` of pictures: those without one are left out.
    ///
    /// [Spotify's notation]: https://developer.spotify.com/documentation/web-api/reference/get-playlist
    pub fn fields(self, fields: impl Into<String>) -> Request<PartialPlaylist, P> {
        self.with_fields(&fields.into(), with_paging_of_entries).of_type()
    }
}

impl<P: AcceptsFields> Request<PartialPlaylist, P> {
    /// Only these fields of the response, in place of those that were set before.
    pub fn fields(self, fields: impl Into<String>) -> Self {
        self.with_fields(&fields.into(), with_paging_of_entries)
    }
}

impl<P: AcceptsFields> Request<Page<PlaylistItem>, P> {
    /// Only these fields of the response, in [Spotify's notation]: `items(added_at,item(name))`.
    ///
    /// Where items are among them, `next`, `limit`, `offset` and `total` are asked for as well,
    /// without which the list would end after its first page. Without items, as with `total`, the
    /// page is empty.
    ///
    /// [Spotify's notation]: https://developer.spotify.com/documentation/web-api/reference/get-playlists-items
    pub fn fields(self, fields: impl Into<String>) -> Self {
        self.with_fields(&fields.into(), with_paging)
    }
}

impl<T, P: AcceptsFields> Request<T, P> {
    fn with_fields(self, fields: &str, complete: fn(&str) -> String) -> Self {
        match are_balanced(fields) {
            true => self.required("fields", complete(fields)),
            false => {
                let reason = "has a bracket without its other half".to_owned();
                self.fail(Error::Parameter { name: "fields", reason })
            }
        }
    }
}

fn are_balanced(fields: &str) -> bool {
    let depth = fields.chars().try_fold(0_u32, |depth, letter| match letter {
        '(' => depth.checked_add(1),
        ')' => depth.checked_sub(1),
        _ => Some(depth),
    });
    depth == Some(0)
}

/// Adds what a list goes on with, where its items are asked for.
fn with_paging(fields: &str) -> String {
    let names: Vec<_> = top_level(fields).map(name_of).collect();
    let missing = ["next", "limit", "offset", "total"].iter().filter(|key| !names.contains(key));
    let missing: String = match names.contains(&"items") {
        true => missing.flat_map(|key| [",", key]).collect(),
        false => String::new(),
    };
    fields.to_owned() + &missing
}

/// The same for the entries in a playlist, by their new name or the old one.
fn with_paging_of_entries(fields: &str) -> String {
    let parts = top_level(fields).map(|part| {
        let name = name_of(part);
        let rest = part.trim().strip_prefix(name).unwrap_or_default().trim_start();
        let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        match inner
            .or_else(|| rest.strip_prefix('.'))
            .filter(|_| ["items", "tracks"].contains(&name))
        {
            Some(inner) if top_level(inner).any(|part| name_of(part) == "items") => {
                format!("{name}({})", with_paging(inner))
            }
            _ => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join(",")
}

/// The parts of a list of fields, without a look into brackets.
fn top_level(fields: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    fields.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && letter == ','
    })
}

fn name_of(part: &str) -> &str {
    part.split(['(', '.', '!']).next().unwrap_or(part).trim()
}

impl<T, P: AcceptsAdditionalTypes> Request<T, P> {
    /// Which kinds of items come in their own shape; tracks and episodes by default. Spotify sends
    /// the other kinds as if they were tracks, or leaves them out.
    pub fn additional_types(self, types: impl IntoIterator<Item = ItemType>) -> Self {
        let types = types.into_iter().map(|each| each.as_str().to_owned()).collect();
        self.named("additional_types", types)
    }
}

impl<T, P: AcceptsGroups> Request<T, P> {
    /// Only the albums that the artist is related to in one of these ways; all by default. No way
    /// at all is an error when the request is sent.
    pub fn include_groups(self, groups: impl IntoIterator<Item = AlbumGroup>) -> Self {
        let groups = groups.into_iter().map(|group| group.to_string()).collect();
        self.named("include_groups", groups)
    }
}

impl<T, P: AcceptsExternal> Request<T, P> {
    /// Marks audio that is hosted elsewhere as playable; by default it is marked as not.
    pub fn include_external_audio(self) -> Self {
        self.with("include_external", "audio".to_owned())
    }
}

impl<T, P: AcceptsLocale> Request<T, P> {
    /// The language of names, such as `es_MX`: ISO 639-1, and ISO 3166-1 after an underscore.
    pub fn locale(self, locale: impl Into<String>) -> Self {
        self.required("locale", locale.into())
    }
}

impl<T, P: AcceptsTimeRange> Request<T, P> {
    /// How far back to look; about half a year by default.
    pub fn time_range(self, range: TimeRange) -> Self {
        self.with("time_range", range.as_str().to_owned())
    }
}

impl<T, P: AcceptsDevice> Request<T, P> {
    /// The device to command; the active one by default.
    pub fn device(self, device_id: impl Into<String>) -> Self {
        self.required("device_id", device_id.into())
    }
}

impl<T, P: AcceptsAfterArtist> Request<T, P> {
    /// Begins after this artist.
    pub fn after_artist(self, id: impl IntoId<ArtistId>) -> Self {
        self.ids("after", [id], 1)
    }
}

impl<T, P: AcceptsMoment> Request<T, P> {
    /// Only what was played after this; in place of [`played_before`](Self::played_before).
    pub fn played_after(self, moment: DateTime<Utc>) -> Self {
        self.without("before").moment("after", moment)
    }

    /// Only what was played before this; in place of [`played_after`](Self::played_after).
    pub fn played_before(self, moment: DateTime<Utc>) -> Self {
        self.without("after").moment("before", moment)
    }

    fn moment(self, name: &'static str, moment: DateTime<Utc>) -> Self {
        match moment.timestamp_millis() {
            since_1970 @ 0.. => self.with(name, since_1970.to_string()),
            _ => self.fail(Error::Parameter { name, reason: "is before 1970".to_owned() }),
        }
    }
}

impl<T, P: AcceptsSeeds> Request<T, P> {
    /// Artists to go by; up to five seeds of all kinds together.
    pub fn seed_artists(self, ids: impl IntoIds<ArtistId>) -> Self {
        self.ids("seed_artists", ids, 5)
    }

    /// Tracks to go by; up to five seeds of all kinds together.
    pub fn seed_tracks(self, ids: impl IntoIds<TrackId>) -> Self {
        self.ids("seed_tracks", ids, 5)
    }

    /// Genres to go by; up to five seeds of all kinds together.
    pub fn seed_genres(self, genres: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.strings("seed_genres", genres.into_iter().map(Into::into).collect(), 5)
    }

    /// Only tracks with at least so much of a feature; a finite number.
    pub fn min(self, feature: AudioFeature, value: f64) -> Self {
        self.with_number("min", feature, value)
    }

    /// Only tracks with at most so much of a feature; a finite number.
    pub fn max(self, feature: AudioFeature, value: f64) -> Self {
        self.with_number("max", feature, value)
    }

    /// Rather tracks with about so much of a feature; a finite number.
    pub fn target(self, feature: AudioFeature, value: f64) -> Self {
        self.with_number("target", feature, value)
    }

    fn with_number(self, which: &'static str, feature: AudioFeature, value: f64) -> Self {
        match value.is_finite() {
            true => self.with(format!("{which}_{}", feature.as_str()), value.to_string()),
            false => {
                let reason = format!("of {} is {value}, which is no number", feature.as_str());
                self.fail(Error::Parameter { name: which, reason })
            }
        }
    }
}

impl<T, P: AcceptsAnything> Request<T, P> {
    /// Sets a parameter of the query, in place of those of its name that the path has;
    /// percent-encoded when it is sent.
    pub fn query(self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.with(name.into(), value.to_string())
    }

    /// Sets a JSON body.
    pub fn json(self, body: &impl Serialize) -> Self {
        self.with_json(body)
    }
}
