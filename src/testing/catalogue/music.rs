//! Three artists with a few albums.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Catalogue, Kind, Thing, href, image, merge, page_of};

/// An album without its tracks.
pub(super) struct Release<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) kind: &'a str,
    pub(super) released: &'a str,
}

pub(super) fn fill(catalogue: &mut Catalogue) {
    let [carly, loopbacks, ports] = [
        ("6sFIWsNpZYqfjUpaCgueju", "Carly Rae Jepsen"),
        ("0TnOYISbd1XYRBk9myaseg", "The Loopbacks"),
        ("4NHQUGzhtTLFvgF5SZesLK", "Ephemeral Ports"),
    ]
    .map(|(id, name)| catalogue.add(artist(id, name)));
    let albums = [
        (&carly, "0tGPJ0bkWOUmH7MEOR77qc", "Cut To The Feeling", "single", "2017-05-26", 1),
        (&carly, "1A2GTWGtFfWp7KSQTwWOyo", "Kindness", "album", "2015-08", 15),
        (&loopbacks, "2up3OPMp9Tb4dAKM2erWXQ", "One Two Seven", "album", "2001", 12),
        (&loopbacks, "3IBcauSj5M2A6lTeffJzdv", "Nobody Else Can Hear", "compilation", "0000", 60),
        (&ports, "5a9VFmvYIHPN0fR0g3hMhw", "Port Zero", "single", "2019-01-18", 3),
    ];
    for (number, (artist, id, title, kind, released, tracks)) in albums.into_iter().enumerate() {
        let mut tracks = parts(number, title, tracks);
        // The one that Spotify's own documentation uses.
        if number == 0 {
            tracks = vec![("11dFghVXANMlKmJXsNCbNl".to_owned(), title.to_owned())];
        }
        catalogue.add_album(artist, &Release { id, title, kind, released }, &tracks);
    }
}

/// Ids and titles of tracks.
pub(super) fn parts(number: usize, title: &str, count: usize) -> Vec<(String, String)> {
    let part = |part: usize| {
        let id = format!("{:0<22}", format!("track{number}x{part}x"));
        (id, format!("{title}, part {part}"))
    };
    (1..=count).map(part).collect()
}

impl Catalogue {
    /// One whose tracks are not named has one, with its own title.
    pub(super) fn add_album(
        &mut self,
        artist: &Arc<Thing>,
        release: &Release<'_>,
        tracks: &[(String, String)],
    ) {
        let only = [(super::new_id("track", self.things.len()), release.title.to_owned())];
        let tracks = if tracks.is_empty() { &only } else { tracks };
        let simple = simple_album(artist, release, tracks.len());
        let album =
            Thing::new(Kind::Album, release.id, release.title, Some(&artist.id), simple.clone())
                .with(&json!({
                    "copyrights": [{ "text": "2017 School Boy/Interscope", "type": "C" }],
                    "external_ids": { "upc": "00602557732498" },
                    "genres": [],
                    "label": "School Boy/Interscope",
                    "popularity": 63,
                }));
        self.add(album);
        for (number, (id, title)) in (1..).zip(tracks) {
            let track = simple_track(artist, id, title, number);
            let track = Thing::new(Kind::Track, id, title, Some(release.id), track);
            self.add(track.with(&json!({
                "album": simple,
                "external_ids": { "isrc": "USUM71703861" },
                "popularity": 57.0,
            })));
        }
    }
}

fn artist(id: &str, name: &str) -> Thing {
    let simple = json!({
        "external_urls": page_of("artist", id),
        "href": href("artist", id),
        "id": id,
        "name": name,
        "type": "artist",
        "uri": format!("spotify:artist:{id}"),
    });
    Thing::new(Kind::Artist, id, name, None, simple).with(&json!({
        "followers": { "href": null, "total": 1_234_567.0 },
        "genres": ["pop"],
        "images": null,
        "popularity": 80,
    }))
}

fn simple_album(artist: &Thing, release: &Release<'_>, tracks: usize) -> Value {
    let Release { id, title, kind, released } = *release;
    let precision = match released.len() {
        4 => "year",
        7 => "month",
        _ => "day",
    };
    json!({
        "album_type": kind,
        "total_tracks": tracks,
        "available_markets": ["DE", "SE", "US"],
        "external_urls": page_of("album", id),
        "href": href("album", id),
        "id": id,
        "images": image(id),
        "name": title,
        "release_date": released,
        "release_date_precision": precision,
        "type": "album",
        "uri": format!("spotify:album:{id}"),
        "artists": [artist.simple],
    })
}

fn simple_track(artist: &Thing, id: &str, title: &str, number: u32) -> Value {
    let mut track = json!({
        "artists": [artist.simple],
        "available_markets": ["DE", "SE", "US"],
        "disc_number": 1,
        "duration_ms": 180_000 + 1000 * number,
        "explicit": false,
        "external_urls": page_of("track", id),
        "href": href("track", id),
        "id": id,
        "name": title,
        "preview_url": null,
        "track_number": number,
    });
    merge(
        &mut track,
        &json!({ "type": "track", "uri": format!("spotify:track:{id}"), "is_local": false }),
    );
    track
}
