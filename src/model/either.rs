//! A track or an episode, before it is known which of them it is.

use std::time::Duration;

use serde::Deserialize;

use super::track::track;
use super::{
    DatePrecision, Episode, ExternalIds, ExternalUrls, IdError, IdKind, Image, LinkedTrack, Market,
    PlayableItem, ReleaseDate, Restrictions, ResumePoint, SimplifiedAlbum, SimplifiedArtist,
    SimplifiedShow, SpotifyUri, Track, TrackId, album, lenient, market_list,
};

macro_rules! only_read {
    ($(#[$doc:meta])* $reach:vis struct $name:ident { $($fields:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize)]
        $reach struct $name { $($fields)* }
    };
}

track! {
    only_read!
    /// The fields of both. Spotify may say only at the end, with `type`, which of them it has sent:
    /// who keeps the fields of both need not look there first.
    pub(super) struct Either {
        // Of tracks, and of episodes in their shape.
        #[serde(default, deserialize_with = "album::optional")]
        album: Option<SimplifiedAlbum>,
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        external_ids: ExternalIds,
        #[serde(default, deserialize_with = "lenient::optional_count")]
        popularity: Option<u32>,
        // Of episodes.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        audio_preview_url: Option<String>,
        #[serde(default, deserialize_with = "lenient::optional_text")]
        description: Option<String>,
        #[serde(default, deserialize_with = "lenient::optional_text")]
        html_description: Option<String>,
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        images: Vec<Image>,
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        is_externally_hosted: Option<bool>,
        #[serde(default, deserialize_with = "lenient::optional_text")]
        language: Option<String>,
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        languages: Vec<String>,
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        release_date: Option<ReleaseDate>,
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        release_date_precision: Option<DatePrecision>,
        #[serde(default, deserialize_with = "lenient::object")]
        resume_point: Option<ResumePoint>,
        #[serde(default, deserialize_with = "lenient::object")]
        show: Option<SimplifiedShow>,
    }
}

impl Either {
    /// What it says it is; nothing where it says nothing that is known, or holds nothing of that.
    pub(super) fn into_item(mut self) -> Option<PlayableItem> {
        self.kind = self.kind.or_else(|| kind_in(self.uri.as_deref()?));
        match self.kind {
            Some(IdKind::Track) => {
                let track = self.into_track();
                (!track.is_nothing()).then(|| PlayableItem::Track(Box::new(track)))
            }
            Some(IdKind::Episode) => self.into_episode().map(Box::new).map(PlayableItem::Episode),
            _ => None,
        }
    }

    fn into_track(self) -> Track {
        Track {
            artists: self.artists,
            available_markets: self.available_markets,
            disc_number: self.disc_number,
            duration: self.duration,
            explicit: self.explicit,
            external_urls: self.external_urls,
            href: self.href,
            id: self.id,
            is_playable: self.is_playable,
            linked_from: self.linked_from,
            restrictions: self.restrictions,
            name: self.name,
            preview_url: self.preview_url,
            track_number: self.track_number,
            kind: self.kind,
            uri: self.uri,
            is_local: self.is_local,
            album: self.album,
            external_ids: self.external_ids,
            popularity: self.popularity,
        }
    }

    /// Where nobody asks for episodes, they come in the shape of a track: the podcast is the album,
    /// the publisher the artist. What an episode has of its own comes before that.
    pub(super) fn into_episode(self) -> Option<Episode> {
        let of_uri = || self.uri.as_deref().and_then(|uri| uri.parse().ok());
        let id = self.id.and_then(|id| id.as_str().parse().ok()).or_else(of_uri)?;
        let album = self.album.as_ref();
        let of_album = || album.map(|album| album.images.clone()).unwrap_or_default();
        let images = if self.images.is_empty() { of_album() } else { self.images };
        let precision = || album.and_then(|album| album.release_date_precision.clone());
        let release_date_precision = self.release_date_precision.or_else(precision);
        let date = || album.and_then(|album| album.release_date);
        let release_date = self.release_date.or_else(date);
        let publisher =
            self.artists.into_iter().map(|artist| artist.name).find(|name| !name.is_empty());
        let show = || self.album.map(|album| SimplifiedShow::of_album(album, publisher));
        let show = || show().filter(|show| !show.is_nothing());
        Some(Episode {
            audio_preview_url: self.audio_preview_url.or(self.preview_url),
            description: self.description,
            html_description: self.html_description,
            duration: self.duration,
            explicit: self.explicit,
            external_urls: self.external_urls,
            href: self.href,
            id,
            images,
            is_externally_hosted: self.is_externally_hosted,
            is_playable: self.is_playable,
            language: self.language,
            languages: self.languages,
            name: self.name,
            release_date,
            release_date_precision,
            resume_point: self.resume_point,
            uri: self.uri,
            restrictions: self.restrictions,
            show: self.show.or_else(show),
        })
    }
}

/// What a URI says, where nothing else does.
fn kind_in(uri: &str) -> Option<IdKind> {
    match uri.parse::<SpotifyUri>() {
        Ok(uri) => Some(uri.kind().clone()),
        Err(IdError::LocalFile { .. }) => Some(IdKind::Track),
        Err(_) => None,
    }
}
