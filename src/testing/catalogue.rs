//! The small catalogue of the fake.
//!
//! Three artists with a few albums.

use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Catalogue {
    artists: Vec<Artist>,
    albums: Vec<Album>,
}

#[derive(Debug)]
struct Artist {
    id: &'static str,
    name: &'static str,
}

#[derive(Debug)]
struct Album {
    id: String,
    title: String,
    artist: usize,
    kind: &'static str,
    released: String,
    tracks: Vec<Track>,
}

#[derive(Debug)]
struct Track {
    id: String,
    title: String,
    milliseconds: u32,
}

impl Catalogue {
    pub(super) fn new() -> Self {
        let artists = vec![
            Artist { id: "6sFIWsNpZYqfjUpaCgueju", name: "Carly Rae Jepsen" },
            Artist { id: "0TnOYISbd1XYRBk9myaseg", name: "The Loopbacks" },
            Artist { id: "4NHQUGzhtTLFvgF5SZesLK", name: "Ephemeral Ports" },
        ];
        let mut catalogue = Self { artists, albums: Vec::new() };
        catalogue.add(0, "0tGPJ0bkWOUmH7MEOR77qc", "Cut To The Feeling", "single", "2017-05-26", 1);
        catalogue.add(0, "1A2GTWGtFfWp7KSQTwWOyo", "Kindness", "album", "2015-08", 15);
        catalogue.add(1, "2up3OPMp9Tb4dAKM2erWXQ", "One Two Seven", "album", "2001", 12);
        catalogue.add(
            1,
            "3IBcauSj5M2A6lTeffJzdv",
            "Nobody Else Can Hear",
            "compilation",
            "0000",
            60,
        );
        catalogue.add(2, "5a9VFmvYIHPN0fR0g3hMhw", "Port Zero", "single", "2019-01-18", 3);
        // The one that Spotify's own documentation uses.
        if let Some(track) = catalogue.albums.first_mut().and_then(|album| album.tracks.first_mut())
        {
            "Cut To The Feeling".clone_into(&mut track.title);
            "11dFghVXANMlKmJXsNCbNl".clone_into(&mut track.id);
        }
        catalogue
    }

    /// A new single of an artist; of the first one when nobody has that id.
    pub(super) fn release(&mut self, artist_id: &str, title: &str) -> String {
        let artist = self.artists.iter().position(|artist| artist.id == artist_id).unwrap_or(0);
        let id = format!("{:0<22}", format!("newRelease{}", self.albums.len()));
        self.add(artist, &id, title, "single", "2026-11-20", 1);
        id
    }

    fn add(
        &mut self,
        artist: usize,
        id: &str,
        title: &str,
        kind: &'static str,
        released: &str,
        tracks: usize,
    ) {
        let tracks = (1..=tracks).map(|number| Track {
            id: format!("{:0<22}", format!("track{}x{number}x", self.albums.len())),
            title: format!("{title}, part {number}"),
            milliseconds: 180_000 + 1000 * u32::try_from(number).unwrap_or(0),
        });
        let album = Album {
            tracks: tracks.collect(),
            id: id.to_owned(),
            title: title.to_owned(),
            artist,
            kind,
            released: released.to_owned(),
        };
        self.albums.push(album);
    }

    pub(super) fn artist(&self, id: &str) -> Option<Value> {
        self.artists.iter().find(|artist| artist.id == id).map(artist)
    }

    pub(super) fn artists_like(&self, query: &str) -> Vec<Value> {
        self.artists.iter().filter(|artist| matches(artist.name, query)).map(artist).collect()
    }

    pub(super) fn album(&self, id: &str) -> Option<Value> {
        let album = self.albums.iter().find(|album| album.id == id)?;
        let mut json = self.simplified_album(album);
        merge(
            &mut json,
            &json!({
                "copyrights": [{ "text": "2017 School Boy/Interscope", "type": "C" }],
                "external_ids": { "upc": "00602557732498" },
                "genres": [],
                "label": "School Boy/Interscope",
                "popularity": 63,
            }),
        );
        Some(json)
    }

    pub(super) fn albums_like(&self, query: &str) -> Vec<Value> {
        let found = self.albums.iter().filter(|album| matches(&album.title, query));
        found.map(|album| self.simplified_album(album)).collect()
    }

    /// The newest first, as Spotify lists them.
    pub(super) fn albums_of(&self, artist_id: &str, groups: Option<&str>) -> Option<Vec<Value>> {
        let artist = self.artists.iter().position(|artist| artist.id == artist_id)?;
        let wanted = |album: &&Album| {
            groups.is_none_or(|groups| groups.split(',').any(|kind| kind == album.kind))
        };
        let albums = self.albums.iter().rev().filter(|album| album.artist == artist).filter(wanted);
        let json = albums.map(|album| {
            let mut json = self.simplified_album(album);
            merge(&mut json, &json!({ "album_group": album.kind }));
            json
        });
        Some(json.collect())
    }

    pub(super) fn tracks_of(&self, album_id: &str) -> Option<Vec<Value>> {
        let album = self.albums.iter().find(|album| album.id == album_id)?;
        Some((1..).zip(&album.tracks).map(|track| self.simplified_track(album, track)).collect())
    }

    pub(super) fn track(&self, id: &str) -> Option<Value> {
        self.tracks().find(|track| track.get("id").is_some_and(|own| own == id))
    }

    pub(super) fn tracks_like(&self, query: &str) -> Vec<Value> {
        let titled = |track: &Value| {
            track.get("name").and_then(Value::as_str).is_some_and(|name| matches(name, query))
        };
        self.tracks().filter(titled).collect()
    }

    pub(super) fn all_tracks(&self) -> Vec<Value> {
        self.tracks().collect()
    }

    fn tracks(&self) -> impl Iterator<Item = Value> {
        self.albums.iter().flat_map(move |album| {
            (1..).zip(&album.tracks).map(move |track| {
                let mut json = self.simplified_track(album, track);
                merge(
                    &mut json,
                    &json!({
                        "album": self.simplified_album(album),
                        "external_ids": { "isrc": "USUM71703861" },
                        "popularity": 57.0,
                    }),
                );
                json
            })
        })
    }

    fn simplified_track(&self, album: &Album, (number, track): (u32, &Track)) -> Value {
        json!({
            "artists": [self.simplified_artist(album)],
            "available_markets": ["DE", "SE", "US"],
            "disc_number": 1,
            "duration_ms": track.milliseconds,
            "explicit": false,
            "external_urls": page_of("track", &track.id),
            "href": format!("https://api.spotify.com/v1/tracks/{}", track.id),
            "id": track.id,
            "name": track.title,
            "preview_url": null,
            "track_number": number,
            "type": "track",
            "uri": format!("spotify:track:{}", track.id),
            "is_local": false,
        })
    }

    fn simplified_album(&self, album: &Album) -> Value {
        let precision = match album.released.len() {
            4 => "year",
            7 => "month",
            _ => "day",
        };
        json!({
            "album_type": album.kind,
            "total_tracks": album.tracks.len(),
            "available_markets": ["DE", "SE", "US"],
            "external_urls": page_of("album", &album.id),
            "href": format!("https://api.spotify.com/v1/albums/{}", album.id),
            "id": album.id,
            "images": [{ "url": format!("https://i.scdn.co/image/{}", album.id), "height": 640.0, "width": 640 }],
            "name": album.title,
            "release_date": album.released,
            "release_date_precision": precision,
            "type": "album",
            "uri": format!("spotify:album:{}", album.id),
            "artists": [self.simplified_artist(album)],
        })
    }

    fn simplified_artist(&self, album: &Album) -> Value {
        self.artists.get(album.artist).map_or(Value::Null, |artist| {
            json!({
                "external_urls": page_of("artist", artist.id),
                "href": format!("https://api.spotify.com/v1/artists/{}", artist.id),
                "id": artist.id,
                "name": artist.name,
                "type": "artist",
                "uri": format!("spotify:artist:{}", artist.id),
            })
        })
    }
}

/// The profile of a user, as they see it themselves.
pub(super) fn user(name: &str) -> Value {
    json!({
        "display_name": name, "country": "SE", "product": "premium",
        "external_urls": { "spotify": format!("https://open.spotify.com/user/{name}") },
        "followers": { "href": null, "total": 3829 },
        "href": format!("https://api.spotify.com/v1/users/{name}"), "id": name, "images": [],
        "type": "user", "uri": format!("spotify:user:{name}"),
    })
}

fn artist(artist: &Artist) -> Value {
    json!({
        "external_urls": page_of("artist", artist.id),
        "followers": { "href": null, "total": 1_234_567.0 },
        "genres": ["pop"],
        "href": format!("https://api.spotify.com/v1/artists/{}", artist.id),
        "id": artist.id,
        "images": null,
        "name": artist.name,
        "popularity": 80,
        "type": "artist",
        "uri": format!("spotify:artist:{}", artist.id),
    })
}

pub(super) fn page_of(kind: &str, id: &str) -> Value {
    json!({ "spotify": format!("https://open.spotify.com/{kind}/{id}") })
}

fn matches(text: &str, query: &str) -> bool {
    text.to_lowercase().contains(&query.to_lowercase())
}

pub(super) fn merge(json: &mut Value, more: &Value) {
    if let (Value::Object(fields), Value::Object(more)) = (json, more) {
        fields.extend(more.clone());
    }
}
