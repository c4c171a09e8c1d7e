//! What is read of a thing whose parts are odd: each bad part costs itself, and what it does not
//! hold it does not pretend to.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use spotify_web::SpotifyClient;
use spotify_web::model::{CurrentlyPlayingContext, from_json};
use spotify_web::testing::{FakeResponse, FakeSpotify};

/// By both ways in, and back.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) -> T {
    let model: T = from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), model, "{text}");
    let written = serde_json::to_string(&model).unwrap();
    assert_eq!(from_json::<T>(written.as_bytes()).unwrap(), model, "{text}");
    model
}

#[tokio::test]
async fn a_player_that_plays_nothing_keeps_its_device_and_its_settings() {
    let settings = json!({
        "device": { "id": "d", "is_active": true, "name": "Kitchen", "type": "Speaker" },
        "repeat_state": "off", "shuffle_state": false, "smart_shuffle": false,
    });
    for (name, value) in [
        ("is_playing", json!(null)),
        ("is_playing", json!("false")),
        ("item", json!(7)),
        ("timestamp", json!(-1)),
        ("actions", json!({ "disallows": {} })),
    ] {
        let mut state = settings.clone();
        state[name] = value;
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
        fake.next_api(FakeResponse::json(200, &state));

        let state = spotify.player().state().await.unwrap().unwrap();

        assert_eq!(state.device.unwrap().name, "Kitchen", "{name}");
        assert_eq!((state.shuffle_state, state.smart_shuffle), (Some(false), Some(false)));
    }
    for (field, value) in settings.as_object().unwrap() {
        read::<CurrentlyPlayingContext>(&json!({ field: value }).to_string());
    }
}
