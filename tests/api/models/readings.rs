//! What a model keeps makes it one, and it is the same in whatever way it is read.

use spotify_web::model::{PartialPlaylist, from_json};

use super::*;

/// Beside `error` each of these would pass for a thing: a word for its kind, and a flag that says
/// nothing without it. How an analysis was made is none.
const SAYS_NOTHING_ALONE: &[&str] = &["type", "is_local", "meta"];

#[test]
fn whatever_a_thing_keeps_makes_it_one() {
    alone::<SimplifiedArtist>(&artist());
    alone::<SimplifiedAlbum>(&album());
    alone::<SimplifiedTrack>(&track());
    alone::<Track>(&track());
    alone::<SimplifiedShow>(&show());
    let mut device = device();
    device["type"] = "Speaker".into();
    alone::<Device>(&device);
    let mut context = context();
    context["external_urls"] = json!({ "spotify": "u" });
    alone::<Context>(&context);
    let mut state = playing();
    state["smart_shuffle"] = false.into();
    alone::<CurrentlyPlaying>(&state);
    alone::<CurrentlyPlayingContext>(&state);
    alone::<AudioAnalysis>(&audio_analysis());
}

/// Reads each field by itself, where a model has it.
fn alone<T: DeserializeOwned + Serialize + PartialEq + Debug>(full: &Value) {
    let model = serde_json::from_value::<T>(full.clone()).ok();
    for (field, value) in full.as_object().unwrap() {
        let mut others = full.clone();
        others.as_object_mut().unwrap().remove(field);
        let is_kept = serde_json::from_value::<T>(others).ok() != model;
        if is_kept && !SAYS_NOTHING_ALONE.contains(&field.as_str()) {
            let one = json!({ field: value });
            let read = from_json::<T>(one.to_string().as_bytes());
            assert!(read.is_ok(), "{}: {one}: {read:?}", std::any::type_name::<T>());
        }
    }
}

/// Also with fields that are another model's, or were one's once.
#[test]
fn a_model_is_the_same_in_whatever_way_it_is_read() {
    for_each_model!(both);
    both::<PartialPlaylist>(&playlist(), &[]);
}

fn both<T: DeserializeOwned + Serialize + PartialEq + Debug>(full: &Value, _: &[&str]) {
    for field in FIELDS {
        for value in [json!(null), json!("x"), json!(7), json!({}), json!([7]), json!(ID), track()]
        {
            let mut changed = full.clone();
            changed[*field] = value;
            let text = changed.to_string();
            let at_once = from_json::<T>(text.as_bytes());
            match (at_once, serde_json::from_str::<T>(&text)) {
                (Ok(at_once), Ok(by_serde)) => {
                    assert_eq!(at_once, by_serde, "{text}");
                    let written = serde_json::to_string(&at_once).unwrap();
                    assert_eq!(from_json::<T>(written.as_bytes()).unwrap(), at_once, "{text}");
                }
                (at_once, by_serde) => {
                    assert!(at_once.is_err() && by_serde.is_err(), "{text}");
                }
            }
        }
    }
}

const FIELDS: &[&str] = &[
    "id",
    "uri",
    "type",
    "name",
    "href",
    "items",
    "tracks",
    "track",
    "item",
    "episodes",
    "chapters",
    "queue",
    "album",
    "show",
    "total",
    "next",
    "error",
    "actions",
    "restrictions",
];
