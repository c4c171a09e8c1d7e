//! Every operation of `tests/operations.tsv`, on the fake: with what the models read without loss,
//! for those who may ask for it, and for nobody else.

use serde_json::{Value, json};
use spotify_web::SpotifyClient;
use spotify_web::oauth::{Scope, Scopes};
use spotify_web::testing::FakeSpotify;

use super::calls::calls;
use super::{client, fake, status};
use crate::common::{lost, unwrapped};

const USER: &str = "wizzler";

struct Row {
    method: &'static str,
    path: &'static str,
    operation: &'static str,
    is_deprecated: bool,
    scopes: &'static str,
    status: u16,
}

fn table() -> impl Iterator<Item = Row> {
    include_str!("../../operations.tsv").lines().map(|line| {
        let [method, path, operation, state, scopes, _, _, status] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("not a row: {line}")
        };
        let (is_deprecated, status) = (state == "deprecated", status.parse().unwrap());
        Row { method, path, operation, is_deprecated, scopes, status }
    })
}

fn list(fake: &FakeSpotify) -> String {
    fake.playlist("Ten").with_tracks(10).id().to_owned()
}

fn with_token(fake: &FakeSpotify, scopes: impl Into<Scopes>) -> SpotifyClient {
    let token = fake.user(USER).token_for(scopes);
    SpotifyClient::new(fake.config().with_token(token).without_retries()).unwrap()
}

#[tokio::test]
async fn every_operation_responds_with_what_the_models_read_without_loss() {
    let fake = fake().await;
    let spotify = client(&fake, USER);
    let mut calls = calls(&spotify, USER, &list(&fake));

    let mut wrong = Vec::new();
    for row in table() {
        assert!(
            calls.iter().any(|(operation, _)| *operation == row.operation),
            "{}",
            row.operation
        );
    }
    assert_eq!((calls.len(), table().count()), (97, 97));
    for (operation, call) in calls.drain(..) {
        match call.await {
            Ok((status, body, model)) => {
                let row = table().find(|row| row.operation == operation).unwrap();
                let request = fake.requests().pop().unwrap();
                assert_eq!(
                    (request.method.as_str(), segments(&request.path)),
                    (row.method, segments(row.path))
                );
                // Spotify's own responses to commands, where the specification has 204.
                let is_command = row.path.starts_with("/me/player") && row.method != "GET";
                let expected = if is_command { 200 } else { row.status };
                if status != expected {
                    wrong.push(format!("{operation}: {status} in place of {expected}"));
                }
                let lost = lost_by(operation, &body, &model);
                wrong.extend(lost.into_iter().map(|lost| format!("{operation}: {lost}")));
            }
            Err(error) => wrong.push(format!("{operation}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn segments(path: &str) -> usize {
    path.trim_start_matches("/v1").split('/').count()
}

fn lost_by(operation: &str, body: &Value, model: &Value) -> Vec<String> {
    let lost = match operation {
        // The audiobooks come bare, and are written as the entries that other lists have.
        "get-users-saved-audiobooks" => {
            let bare = body["items"].as_array().unwrap();
            let entries = bare.iter().map(|book| json!({ "audiobook": book }));
            lost(&entries.collect(), &model["items"], &[])
        }
        _ if model.is_null() => Vec::new(),
        _ => lost(unwrapped(body, model), model, &[]),
    };
    // No images are none.
    lost.into_iter().filter(|lost| !lost.ends_with("/images: null became []")).collect()
}

/// The scopes of the table are enough, and without any most are refused.
#[tokio::test]
async fn scopes_are_needed_as_the_table_says() {
    let fake = fake().await;
    let list = list(&fake);
    for row in table() {
        let scopes: Scopes = row.scopes.replace(',', " ").parse().unwrap();
        let open = OPEN.iter().any(|(operation, _)| *operation == row.operation);
        let is_needed = !scopes.is_empty() && !open;
        for (scopes, expected) in [(Scopes::default(), is_needed.then_some(403)), (scopes, None)] {
            let calls = calls(&with_token(&fake, scopes.clone()), USER, &list);
            let call = calls.into_iter().find(|(operation, _)| *operation == row.operation);
            let result = call.unwrap().1.await;
            let text = result.as_ref().err().map(ToString::to_string);
            assert_eq!(status(result), expected, "{} with {scopes}: {text:?}", row.operation);
        }
    }
}

/// Where an operation takes several, and not one of them by what it is about.
#[tokio::test]
async fn no_scope_of_several_may_be_missing() {
    let fake = fake().await;
    let list = list(&fake);
    for (operation, scope) in [
        ("upload-custom-playlist-cover", Scope::PlaylistModifyPublic),
        ("upload-custom-playlist-cover", Scope::UgcImageUpload),
        ("get-queue", Scope::UserReadCurrentlyPlaying),
        ("get-queue", Scope::UserReadPlaybackState),
    ] {
        let calls = calls(&with_token(&fake, [scope]), USER, &list);
        let call = calls.into_iter().find(|(name, _)| *name == operation).unwrap().1;
        assert_eq!(status(call.await), Some(403), "{operation} with {scope}");
    }
}

/// What is there without the scopes that the table has, and what they are for.
const OPEN: &[(&str, &str)] = &[
    ("get-current-users-profile", "email, country and product are missing"),
    ("get-a-show", "no resume points"),
    ("get-a-shows-episodes", "no resume points"),
    ("get-an-episode", "no resume points"),
    ("get-multiple-episodes", "no resume points"),
    ("get-playlists-items", "private ones"),
    ("get-playlists-tracks", "private ones"),
    ("get-a-list-of-current-users-playlists", "private ones"),
    ("get-list-users-playlists", "private ones"),
];

#[tokio::test]
async fn an_app_is_refused_what_is_a_users() {
    let fake = fake().await;
    let spotify = SpotifyClient::new(fake.config_with_credentials().without_retries()).unwrap();
    let calls = calls(&spotify, USER, &list(&fake));
    for (operation, call) in calls {
        let row = table().find(|row| row.operation == operation).unwrap();
        let result = call.await;
        let is_users =
            row.path.starts_with("/me") || row.method != "GET" || row.path.contains("/contains");
        assert_eq!(status(result), is_users.then_some(403), "{operation}");
    }
}

#[tokio::test]
async fn development_mode_has_lost_what_is_deprecated_and_nothing_else() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = with_token(&fake, Scope::ALL);
    for (operation, call) in calls(&spotify, USER, &list(&fake)) {
        let row = table().find(|row| row.operation == operation).unwrap();
        let expected = row.is_deprecated.then_some(403);
        assert_eq!(status(call.await), expected, "{operation}");
    }
}
