//! What a model keeps makes it one, and it is the same in whatever way it is read.

use spotify_web::model::from_json;

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
