//! For each operation that returns something, a body in the shape that Spotify really sends (names,
//! nulls, lengths; contents made up): read through the client, written back, and compared. No key
//! is lost that is not named here with its reason. The same bodies are then changed in every place.

#![cfg_attr(not(feature = "extended-quota"), allow(deprecated, reason = "all are read"))]

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spotify_web::SpotifyClient;
use spotify_web::api::params::Parameters;
use spotify_web::api::{PlaylistDetails, PlaylistRemoval, PlaylistReorder, Request};
use spotify_web::model::{SearchType, from_json};
use spotify_web::testing::{FakeResponse, FakeSpotify};

use self::bodies::*;
use crate::common::{lost, unwrapped};

#[path = "corpus/bodies.rs"]
mod bodies;

macro_rules! corpus {
    ($($operation:literal: |$spotify:ident| $request:expr => $body:expr;)+) => {
        const OPERATIONS: &[&str] = &[$($operation),+];

        #[tokio::test]
        async fn no_key_is_lost() {
            let fake = FakeSpotify::start().await.unwrap();
            let client = client(&fake);
            $({
                let $spotify = &client;
                let body = $body;
                fake.next_api(FakeResponse::json(200, &body));
                keeps($operation, $request, &body).await;
            })+
        }

        /// In turn null, missing, of a wrong type, in capitals, with an unknown field in front.
        #[tokio::test]
        async fn a_change_in_any_place_costs_that_place_only() {
            let (mut failed, mut seen) = (false, BTreeSet::new());
            let fake = FakeSpotify::start().await.unwrap();
            let client = client(&fake);
            $({
                let $spotify = &client;
                let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    each_place_changed($operation, &$request, &$body, &mut seen);
                }));
                failed |= changed.is_err();
            })+
            assert!(!failed);
        }

        #[tokio::test]
        async fn changes_in_several_places_cost_those_places_only() {
            let fake = FakeSpotify::start().await.unwrap();
            let client = client(&fake);
            $({
                let $spotify = &client;
                several_places_changed($operation, &$request, &$body);
            })+
        }
    };
}

corpus! {
    "get-an-album": |s| s.albums().get(ID) => album_full();
    "get-multiple-albums": |s| s.albums().several([ID, ID]) => json!({ "albums": [album_full(), null] });
    "get-an-albums-tracks": |s| s.albums().tracks(ID) => page(&json!([simple_track(), simple_track()]));
    "get-users-saved-albums": |s| s.albums().saved() => page(&json!([saved("album", &album_full())]));
    "check-users-saved-albums": |s| s.albums().are_saved([ID, ID]) => json!([true, false]);
    "get-new-releases": |s| s.albums().new_releases() => json!({ "albums": page(&json!([album(), album()])) });
    "get-an-artist": |s| s.artists().get(ID) => artist();
    "get-multiple-artists": |s| s.artists().several([ID]) => json!({ "artists": [artist()] });
    "get-an-artists-albums": |s| s.artists().albums(ID) => page(&json!([with(album(), "album_group", &json!("single"))]));
    "get-an-artists-top-tracks": |s| s.artists().top_tracks(ID) => json!({ "tracks": [track(), track()] });
    "get-an-artists-related-artists": |s| s.artists().related(ID) => json!({ "artists": [artist(), artist()] });
    "get-an-audiobook": |s| s.audiobooks().get(ID) => audiobook(true);
    "get-multiple-audiobooks": |s| s.audiobooks().several([ID, ID]) => json!({ "audiobooks": [audiobook(true), null] });
    "get-audiobook-chapters": |s| s.audiobooks().chapters(ID) => page(&json!([chapter(), chapter()]));
    "get-users-saved-audiobooks": |s| s.audiobooks().saved() => page(&json!([saved("audiobook", &audiobook(false))]));
    "check-users-saved-audiobooks": |s| s.audiobooks().are_saved([ID]) => json!([true]);
    "get-a-chapter": |s| s.chapters().get(ID) => with(chapter(), "audiobook", &audiobook(false));
    "get-several-chapters": |s| s.chapters().several([ID]) => json!({ "chapters": [with(chapter(), "audiobook", &audiobook(false))] });
    "get-a-show": |s| s.shows().get(ID) => with(show(), "episodes", &page(&json!([episode(), episode()])));
    "get-multiple-shows": |s| s.shows().several([ID, ID]) => json!({ "shows": [show(), null] });
    "get-a-shows-episodes": |s| s.shows().episodes(ID) => page(&json!([episode(), null]));
    "get-users-saved-shows": |s| s.shows().saved() => page(&json!([saved("show", &show())]));
    "check-users-saved-shows": |s| s.shows().are_saved([ID]) => json!([false]);
    "get-an-episode": |s| s.episodes().get(ID) => full_episode();
    "get-multiple-episodes": |s| s.episodes().several([ID, ID]) => json!({ "episodes": [full_episode(), null] });
    "get-users-saved-episodes": |s| s.episodes().saved() => page(&json!([saved("episode", &full_episode())]));
    "check-users-saved-episodes": |s| s.episodes().are_saved([ID]) => json!([false]);
    "get-track": |s| s.tracks().get(ID) => track();
    "get-several-tracks": |s| s.tracks().several([ID, ID]) => json!({ "tracks": [track(), null] });
    "get-users-saved-tracks": |s| s.tracks().saved() => page(&json!([saved("track", &track())]));
    "check-users-saved-tracks": |s| s.tracks().are_saved([ID, ID]) => json!([true, true]);
    "get-audio-features": |s| s.tracks().audio_features(ID) => audio_features();
    "get-several-audio-features": |s| s.tracks().several_audio_features([ID, ID]) => json!({ "audio_features": [audio_features(), null] });
    "get-audio-analysis": |s| s.tracks().audio_analysis(ID) => audio_analysis();
    "get-recommendations": |s| s.tracks().recommendations().seed_tracks([ID]) => recommendations();
    "get-recommendation-genres": |s| s.browse().genre_seeds() => json!({ "genres": ["acoustic", "afrobeat"] });
    "get-featured-playlists": |s| s.browse().featured_playlists() => json!({ "message": "Editor's picks", "playlists": playlists() });
    "get-categories": |s| s.browse().categories() => json!({ "categories": page(&json!([category(), category()])) });
    "get-a-category": |s| s.browse().category("toplists") => category();
    "get-a-categories-playlists": |s| s.browse().category_playlists("toplists") => json!({ "playlists": playlists() });
    "get-available-markets": |s| s.browse().markets() => json!({ "markets": markets() });
    "search": |s| s.search().all("x", [SearchType::Track]) => found();
    "get-playlist": |s| s.playlists().get(ID) => full_playlist();
    "get-playlists-items": |s| s.playlists().items(ID) => page(&json!([entry(), entry_of_episode()]));
    "get-playlists-tracks": |s| s.playlists().items_by_old_name(ID) => page(&json!([entry(), entry()]));
    "get-a-list-of-current-users-playlists": |s| s.playlists().mine() => playlists();
    "get-list-users-playlists": |s| s.playlists().of_user("u") => playlists();
    "get-playlist-cover": |s| s.playlists().cover(ID) => json!([{ "height": null, "url": "https://i.scdn.co/image/x", "width": null }]);
    "check-if-user-follows-playlist": |s| s.playlists().is_followed(ID) => json!([true]);
    "create-playlist": |s| s.playlists().create("n", PlaylistDetails::new()) => full_playlist();
    "create-playlist-for-user": |s| s.playlists().create_for_user("u", "n", PlaylistDetails::new()) => full_playlist();
    "add-items-to-playlist": |s| s.playlists().add_items(ID, [TRACK_URI]) => snapshot();
    "add-tracks-to-playlist": |s| s.playlists().add_items_by_old_name(ID, [TRACK_URI]) => snapshot();
    "reorder-or-replace-playlists-items": |s| s.playlists().reorder_items(ID, &PlaylistReorder::new(1, 0)) => snapshot();
    "reorder-or-replace-playlists-tracks": |s| s.playlists().reorder_items_by_old_name(ID, &PlaylistReorder::new(1, 0)) => snapshot();
    "remove-items-playlist": |s| s.playlists().remove_entries(ID, &PlaylistRemoval::new().everywhere(TRACK_URI)) => snapshot();
    "remove-tracks-playlist": |s| s.playlists().remove_items_by_old_name(ID, [TRACK_URI]) => snapshot();
    "check-library-contains": |s| s.library().contains([TRACK_URI]) => json!([true]);
    "get-current-users-profile": |s| s.users().me() => me();
    "get-users-profile": |s| s.users().get("u") => public_user();
    "get-users-top-artists": |s| s.users().top_artists() => page(&json!([artist(), artist()]));
    "get-users-top-tracks": |s| s.users().top_tracks() => page(&json!([track(), track()]));
    "get-followed": |s| s.users().followed_artists() => json!({ "artists": cursor_page(&json!([artist(), artist()])) });
    "check-current-user-follows": |s| s.users().follows_artists([ID]) => json!([false]);
    "get-information-about-the-users-current-playback": |s| s.player().state() => player(true);
    "get-the-users-currently-playing-track": |s| s.player().currently_playing() => player(false);
    "get-a-users-available-devices": |s| s.player().devices() => json!({ "devices": [device(), device()] });
    "get-recently-played": |s| s.player().recently_played() => cursor_page(&json!([played(), played()]));
    "get-queue": |s| s.player().queue() => json!({ "currently_playing": track(), "queue": [track(), full_episode()] });
}

fn client(fake: &FakeSpotify) -> SpotifyClient {
    SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap()
}

/// Every GET, and every write that does not only succeed.
#[test]
fn each_operation_that_returns_something_is_there() {
    let rows =
        include_str!("../operations.tsv").lines().map(|row| row.split('\t').collect::<Vec<_>>());
    let gets = rows.filter(|row| row[0] == "GET").map(|row| row[2]).collect::<BTreeSet<_>>();
    let here = OPERATIONS.iter().copied().collect::<BTreeSet<_>>();

    assert_eq!(gets.difference(&here).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(
        here.difference(&gets).count(),
        8,
        "writes of playlists return a playlist or its version"
    );
}

async fn keeps<T, P>(operation: &str, request: Request<T, P>, body: &Value)
where
    T: DeserializeOwned + Serialize + 'static,
    P: Parameters,
{
    let model = request.send().await.unwrap_or_else(|error| panic!("{operation}: {error}"));
    let written = serde_json::to_value(&model).unwrap();
    let lost = lost(unwrapped(body, &written), &written, &[]);
    assert!(lost.is_empty(), "{operation}: {lost:?}");
}

/// What can happen to a place.
#[derive(Debug, Clone)]
enum Change {
    Missing,
    Is(Value),
    InCapitals,
    UnknownFieldInFront,
    BadElementInFront(Value),
}

fn changes() -> Vec<Change> {
    let wrong = [json!(null), json!(7), json!("x"), json!([7, null]), json!({}), json!(true)];
    let mut changes: Vec<_> = wrong.into_iter().map(Change::Is).collect();
    let bad = [json!(null), json!(7), json!({}), json!([])];
    changes.extend(bad.map(Change::BadElementInFront));
    changes.extend([Change::Missing, Change::InCapitals, Change::UnknownFieldInFront]);
    changes
}

impl Change {
    /// Whether it could be made at this place.
    fn make(&self, body: &mut Value, place: &str) -> bool {
        let Some(value) = body.pointer_mut(place) else { return false };
        match (self, value) {
            (Self::Is(other), value) => *value = other.clone(),
            (Self::InCapitals, Value::String(text)) => *text = text.to_uppercase(),
            // Keys are written in alphabetical order.
            (Self::UnknownFieldInFront, Value::Object(fields)) => {
                drop(fields.insert(" ".to_owned(), json!([{}])));
            }
            (Self::BadElementInFront(bad), Value::Array(list)) => list.insert(0, bad.clone()),
            (Self::Missing, _) => {
                let (parent, name) = place.rsplit_once('/').unwrap();
                let Some(Value::Object(fields)) = body.pointer_mut(parent) else { return false };
                fields.remove(name);
            }
            _ => return false,
        }
        true
    }

    /// Whether the place still says the same.
    fn is_harmless(&self) -> bool {
        matches!(self, Self::InCapitals | Self::UnknownFieldInFront | Self::BadElementInFront(_))
    }
}

/// Every place of a body but the whole.
fn places(body: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, places: &mut Vec<String>) {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), value)).collect()
            }
            Value::Array(list) => {
                list.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect()
            }
            _ => return,
        };
        for (name, value) in children {
            let path = format!("{path}/{name}");
            walk(value, &path, places);
            places.push(path);
        }
    }
    let mut places_found = Vec::new();
    walk(body, "", &mut places_found);
    places_found
}

/// What a change in this place may cost: the place itself and, where something cannot be without
/// it, the thing that it belongs to.
fn may_cost(place: &str, wrapper: Option<&String>) -> Vec<String> {
    let is_wrapper =
        |place: &str| wrapper.is_some_and(|name| place.strip_prefix('/') == Some(name));
    let mut spared = vec![place.to_owned()];
    let mut rest = place;
    while let Some((parent, name)) = rest.rsplit_once('/') {
        if !ESSENTIAL.contains(&name) && !is_wrapper(rest) {
            break;
        }
        spared.push(parent.to_owned());
        rest = parent;
    }
    spared
}

/// Without these a thing is none.
const ESSENTIAL: &[&str] = &[
    "id",
    "url",
    "reason",
    "items",
    "tracks",
    "queue",
    "playlists",
    "snapshot_id",
    "album",
    "audiobook",
    "episode",
    "show",
    "track",
    "text",
];

/// Lists of flags are left out, each of which is an id's, and lists in a wrapper, whose elements
/// are in other bodies.
fn is_changed<T: DeserializeOwned>(body: &Value) -> bool {
    let is_list = std::any::type_name::<T>().starts_with("alloc::vec::Vec");
    !is_list && from_json::<T>(body.to_string().as_bytes()).is_ok()
}

/// Two of each list: the others are no different, and many.
fn shortened(body: &Value) -> Value {
    match body {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shortened(value))).collect()
        }
        Value::Array(list) => list.iter().take(2).map(shortened).collect(),
        other => other.clone(),
    }
}

/// The method's own type, for bodies that are read without taking a wrapper off.
fn each_place_changed<T, P>(
    operation: &str,
    _: &Request<T, P>,
    body: &Value,
    seen: &mut BTreeSet<&str>,
) where
    T: DeserializeOwned + Serialize,
{
    if !is_changed::<T>(body) || !seen.insert(std::any::type_name::<T>()) {
        return;
    }
    let body = &shortened(body);
    let mut costs = Vec::new();
    for place in places(body) {
        let cost = |change| cost::<T>(body, &[(place.clone(), change)]);
        costs.extend(changes().into_iter().filter_map(cost));
    }
    assert!(costs.is_empty(), "{operation}:\n{}", costs.join("\n"));
}

fn several_places_changed<T, P>(operation: &str, _: &Request<T, P>, body: &Value)
where
    T: DeserializeOwned + Serialize,
{
    if !is_changed::<T>(body) {
        return;
    }
    let body = &shortened(body);
    let (places, mut all) = (places(body), changes());
    // It would move the other places.
    all.retain(|change| !matches!(change, Change::BadElementInFront(_)));
    let config =
        ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    let several = prop::collection::vec((any::<Index>(), any::<Index>()), 2..6);
    proptest!(config, |(picks in several)| {
        let picked = picks.iter().map(|(place, change)| (place.get(&places).clone(), change.get(&all).clone()));
        let picked: Vec<_> = picked.collect();
        // That is a change of the list.
        prop_assume!(!places.iter().any(|list| are_all_changed(body, list, &picked)));
        let cost = cost::<T>(body, &picked);
        prop_assert!(cost.is_none(), "{operation}: {cost:?}");
    });
}

/// Whether there is a list in this place, of several elements, and something in each of them is changed.
fn are_all_changed(body: &Value, place: &str, made: &[(String, Change)]) -> bool {
    let Some(Value::Array(list)) = body.pointer(place) else { return false };
    let is_changed = |number| {
        let element = format!("{place}/{number}");
        made.iter().any(|(place, _)| format!("{place}/").starts_with(&format!("{element}/")))
    };
    list.len() > 1 && (0..list.len()).all(is_changed)
}

fn without_wrapper(place: &str) -> String {
    place.split('/').skip(2).fold(String::new(), |path, name| path + "/" + name)
}

/// What a set of changes cost beside their places, or why nothing could be read.
fn cost<T: DeserializeOwned + Serialize>(
    body: &Value,
    made: &[(String, Change)],
) -> Option<String> {
    let (mut changed, mut spared) = (body.clone(), Vec::new());
    let wrapper = body.as_object().filter(|it| it.len() == 1).and_then(|it| it.keys().next());
    for (place, change) in made {
        match change.make(&mut changed, place) {
            true if matches!(change, Change::BadElementInFront(_)) => {
                spared.push(format!("{place}/+"));
            }
            true if !change.is_harmless() => spared.extend(may_cost(place, wrapper)),
            _ => {}
        }
    }
    match from_json::<T>(changed.to_string().as_bytes()) {
        Ok(model) => {
            let written = serde_json::to_value(&model).unwrap();
            let inner = unwrapped(body, &written);
            if !std::ptr::eq(inner, body) {
                // Without the name of the wrapper.
                spared = spared.iter().map(|place| without_wrapper(place)).collect();
            }
            let lost = lost(inner, &written, &spared);
            (!lost.is_empty()).then(|| format!("{made:?} cost {lost:?}"))
        }
        Err(_) if spared.iter().any(String::is_empty) => None,
        Err(error) => Some(format!("{made:?}: {error}")),
    }
}
