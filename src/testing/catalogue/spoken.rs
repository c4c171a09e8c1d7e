//! Podcasts with their episodes, and audiobooks with their chapters, in the shapes of Spotify: the
//! URI of an audiobook says that it is a show, and that of a chapter that it is an episode.

use serde_json::{Value, json};

use super::{Catalogue, Kind, Thing, href, image, merge, page_of, with};

/// What has parts that are heard.
struct Spoken {
    kind: Kind,
    id: &'static str,
    name: &'static str,
    by: &'static str,
    /// The id of its first part; the others have made-up ones.
    first_part: &'static str,
}

pub(super) fn fill(catalogue: &mut Catalogue) {
    for (spoken, parts) in [
        (show("38bS44xjbVVZ3No3ByF1dJ", "The Loopback Hour", "512ojhOuo1ktJprKbVcKyQ"), 12),
        (show("5CfCWKI5pZ28U0uOzXkDHe", "Sockets and Sons", "5Xt5DXGzch68nYYamXrNxZ"), 3),
        (book("7iHfbu1YPACw6oZPAFJtqe", "Dune and Beyond", "0D5wENdkdwbqlrHoaJ9g29"), 5),
        (book("18yVqkdbdRvS24c0Ilj2ci", "The Port Authority", "0IsXVP0JmcB2adSE338GkK"), 2),
    ] {
        add(catalogue, &spoken, parts);
    }
}

const fn show(id: &'static str, name: &'static str, first_part: &'static str) -> Spoken {
    Spoken { kind: Kind::Show, id, name, by: "Localhost Media", first_part }
}

const fn book(id: &'static str, name: &'static str, first_part: &'static str) -> Spoken {
    Spoken { kind: Kind::Audiobook, id, name, by: "Frank Herbert", first_part }
}

fn add(catalogue: &mut Catalogue, spoken: &Spoken, parts: usize) {
    let simple = whole(spoken, parts);
    let own_name = spoken.kind.name();
    catalogue.add(Thing::new(spoken.kind, spoken.id, spoken.name, None, simple.clone()));
    for number in 0..parts {
        let id = match number {
            0 => spoken.first_part.to_owned(),
            _ => super::new_id(spoken.kind.in_uri(), catalogue.things.len()),
        };
        let (kind, part) = match spoken.kind {
            Kind::Show => (Kind::Episode, episode(spoken, &id, number)),
            _ => (Kind::Chapter, chapter(spoken, &id, number)),
        };
        let name = format!("{}, part {}", spoken.name, number + 1);
        let thing = Thing::new(kind, &id, &name, Some(spoken.id), part);
        catalogue.add(thing.with(&super::object(own_name, simple.clone())));
    }
}

fn whole(spoken: &Spoken, parts: usize) -> Value {
    let id = spoken.id;
    let kind = spoken.kind.name();
    let mut json = json!({
        "available_markets": ["DE", "SE", "US"],
        "copyrights": [],
        "description": "What it is about",
        "explicit": false,
        "external_urls": page_of("show", id),
        "href": href(kind, id),
        "html_description": "<p>What it is about</p>",
        "id": id,
        "images": image(id),
        "languages": ["en"],
        "media_type": "audio",
        "name": spoken.name,
        "publisher": spoken.by,
        "type": kind,
        "uri": format!("spotify:show:{id}"),
    });
    let more = match spoken.kind {
        Kind::Show => json!({ "is_externally_hosted": false, "total_episodes": parts }),
        _ => json!({
            "authors": [{ "name": spoken.by }], "narrators": [{ "name": "Nadia Narrator" }],
            "edition": "Unabridged", "total_chapters": parts,
        }),
    };
    merge(&mut json, &more);
    json
}

/// What episodes and chapters have in common.
fn part(spoken: &Spoken, id: &str, number: usize) -> Value {
    json!({
        "audio_preview_url": null,
        "description": "How packets find their way home",
        "duration_ms": 1_686_230 + 1000 * number,
        "explicit": false,
        "external_urls": page_of("episode", id),
        "html_description": "<p>How packets find their way home</p>",
        "id": id,
        "images": image(id),
        "is_playable": true,
        "languages": ["en"],
        "name": format!("{}, part {}", spoken.name, number + 1),
        "release_date": "1981-12",
        "release_date_precision": "month",
        "resume_point": { "fully_played": false, "resume_position_ms": 0 },
        "type": "episode",
        "uri": format!("spotify:episode:{id}"),
    })
}

fn episode(spoken: &Spoken, id: &str, number: usize) -> Value {
    let mut json = part(spoken, id, number);
    merge(
        &mut json,
        &json!({ "href": href("episode", id), "is_externally_hosted": false, "language": "en" }),
    );
    json
}

fn chapter(spoken: &Spoken, id: &str, number: usize) -> Value {
    let mut json = with(part(spoken, id, number), "href", href("chapter", id).into());
    merge(&mut json, &json!({ "available_markets": ["DE", "SE", "US"], "chapter_number": number }));
    json
}
