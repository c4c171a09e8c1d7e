//! The playlist that is there from the beginning. It holds whatever Spotify's really hold: local
//! files, episodes, things that are gone, and kinds that nobody has heard of.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::catalogue::{Thing, page_of};
use super::{Entry, Item, Playlist};

/// Its entries hold these tracks in turn, as often as it takes, but where there is something else.
pub(in super::super) fn mixed_bag(tracks: &[Arc<Thing>], length: usize) -> Playlist {
    let mut playlist = Playlist::new(PLAYLIST_ID.to_owned(), "Mixed Bag", OWNER);
    playlist.description = Some("Everything that a playlist can hold".to_owned());
    playlist.owner_name = Some("José Garçía".to_owned());
    playlist.images =
        json!([{ "url": "https://mosaic.scdn.co/640/mixed", "height": null, "width": null }]);
    playlist.followers = 109;
    playlist.is_open = true;
    let usual = tracks.iter().cycle().map(|track| Item::Thing(Arc::clone(track)));
    let items = usual.take(length).enumerate();
    playlist.set_up(items.map(|(place, usual)| Entry {
        added_at: "2024-02-29T23:59:59Z".to_owned(),
        added_by: OWNER.to_owned(),
        item: unusual(place).unwrap_or(usual),
    }));
    playlist
}

/// What real playlists hold now and then, where it is no track.
fn unusual(place: usize) -> Option<Item> {
    match place {
        3 => Some(Item::Odd(Arc::new(local_file()))),
        5 => Some(Item::Odd(Arc::new(episode()))),
        7 => Some(Item::NullEntry),
        11 => Some(Item::Null),
        9 => {
            let json = json!({
                "type": "hologram", "id": "h1", "name": "Soon", "uri": "spotify:hologram:h1",
            });
            Some(Item::Odd(Arc::new(json)))
        }
        _ => None,
    }
}

fn local_file() -> Value {
    json!({
        "album": {
            "album_type": null, "artists": [], "id": null, "images": [], "name": "Demo",
            "release_date": null, "uri": null,
        },
        "artists": [{
            "external_urls": {}, "href": null, "id": null, "name": "Me", "type": "artist",
            "uri": null,
        }],
        "disc_number": 0,
        "duration_ms": 61_000,
        "explicit": false,
        "external_ids": {},
        "external_urls": {},
        "href": null,
        "id": null,
        "is_local": true,
        "name": "Demo 1",
        "popularity": 0,
        "preview_url": null,
        "track_number": 0,
        "type": "track",
        "uri": "spotify:local:Me:Demo:Demo+1:61",
    })
}

fn episode() -> Value {
    json!({
        "audio_preview_url": null,
        "description": "How packets find their way home",
        "html_description": "<p>How packets find their way home</p>",
        "duration_ms": 1_686_230,
        "explicit": false,
        "external_urls": page_of("episode", "512ojhOuo1ktJprKbVcKyQ"),
        "href": "https://api.spotify.com/v1/episodes/512ojhOuo1ktJprKbVcKyQ",
        "id": "512ojhOuo1ktJprKbVcKyQ",
        "images": [],
        "is_externally_hosted": false,
        "is_playable": true,
        "languages": ["en"],
        "name": "Localhost",
        "release_date": "1981-12",
        "release_date_precision": "month",
        "type": "episode",
        "uri": "spotify:episode:512ojhOuo1ktJprKbVcKyQ",
    })
}

const OWNER: &str = "jm perez";

pub(in super::super) const PLAYLIST_ID: &str = "3cEYpjA9oz9GiPac4AsH4n";
