//! The player of each user of the fake: devices, a queue, a history.

use std::time::Duration;

use spotify_web::api::{ItemType, Repeat, StartPlayback, Transfer};
use spotify_web::{Error, SpotifyClient};

use super::{OTHER_TRACK_URI, TRACK_URI, client, fake, status};
use crate::common::{ALBUM, PausedTime};

const SHOW_URI: &str = "spotify:show:38bS44xjbVVZ3No3ByF1dJ";
const EPISODE_URI: &str = "spotify:episode:512ojhOuo1ktJprKbVcKyQ";

fn reason<T>(result: Result<T, Error>) -> Option<String> {
    match result.err() {
        Some(Error::Api { reason, .. }) => reason.map(Into::into),
        other => panic!("{other:?}"),
    }
}

async fn playing(spotify: &SpotifyClient) -> Option<String> {
    let state = spotify.player().state().await.unwrap()?;
    state.item.and_then(|item| item.uri().map(str::to_owned))
}

#[tokio::test]
async fn without_an_active_device_nothing_plays_until_one_is_named() {
    let fake = fake().await;
    let anna = client(&fake, "anna");
    let player = anna.player();
    let play = StartPlayback::uris([TRACK_URI]);

    assert_eq!(player.state().await.unwrap(), None);
    assert_eq!(reason(player.play(&play).await).as_deref(), Some("NO_ACTIVE_DEVICE"));
    assert_eq!(reason(player.pause().await).as_deref(), Some("NO_ACTIVE_DEVICE"));
    assert_eq!(status(player.play(&play).device("nowhere").await), Some(404));
    player.play(&play).device("fake-phone").await.unwrap();

    let state = player.state().await.unwrap().unwrap();
    assert_eq!(state.device.unwrap().name, "Pocket Phone");
    assert_eq!(playing(&anna).await.as_deref(), Some(TRACK_URI));
    assert_eq!(client(&fake, "bert").player().state().await.unwrap(), None, "each has their own");
}

#[tokio::test]
async fn playback_is_transferred_and_goes_on_where_it_was() {
    let time = PausedTime::pause();
    let fake = fake().await;
    let anna = fake.user("anna").with_playback().with_device("desk", "Desk");
    let anna = SpotifyClient::new(fake.config().with_token(anna.token())).unwrap();
    let player = anna.player();
    time.advance(Duration::from_secs(7)).await;

    player.transfer("desk", Transfer::KeepState).await.unwrap();

    let state = player.state().await.unwrap().unwrap();
    assert_eq!(state.device.unwrap().id.as_deref(), Some("desk"));
    assert_eq!((state.progress, state.is_playing), (Some(Duration::from_secs(7)), Some(true)));
    let devices = player.devices().await.unwrap();
    let active: Vec<_> = devices.iter().map(|device| device.is_active == Some(true)).collect();
    assert_eq!(active, [false, false, true]);
    player.volume(3).await.unwrap();
    let volumes: Vec<_> =
        player.devices().await.unwrap().iter().map(|device| device.volume_percent).collect();
    assert_eq!(volumes, [Some(50), Some(50), Some(3)], "a volume is a device's");
}

#[tokio::test]
async fn a_context_is_played_from_a_place_and_the_queue_goes_first() {
    let fake = fake().await;
    let spotify = client(&fake, "wizzler");
    let (player, playlist) = (spotify.player(), fake.playlist("Three"));
    let playlist = playlist.with_items([TRACK_URI, OTHER_TRACK_URI, EPISODE_URI]);

    player.play(&StartPlayback::context(playlist.uri()).offset(1)).await.unwrap();
    player.add_to_queue(TRACK_URI).await.unwrap();

    let state = player.state().await.unwrap().unwrap();
    assert_eq!(state.context.unwrap().uri, Some(playlist.uri()));
    assert_eq!(playing(&spotify).await.as_deref(), Some(OTHER_TRACK_URI));
    let queue = player.queue().await.unwrap().queue;
    let queue: Vec<_> = queue.iter().map(|item| item.uri().unwrap().to_owned()).collect();
    assert_eq!(queue, [TRACK_URI, EPISODE_URI]);
    player.next().await.unwrap();
    assert_eq!(playing(&spotify).await.as_deref(), Some(TRACK_URI));
    let beyond = player.play(&StartPlayback::context(playlist.uri()).offset(3)).await;
    let unknown =
        player.play(&StartPlayback::context("spotify:album:4iV5W9uYEdYUVa79Axb7Rh")).await;
    assert_eq!((status(beyond), status(unknown)), (Some(404), Some(404)));
}

#[tokio::test]
async fn every_kind_of_context_is_played() {
    let fake = fake().await;
    let anna = fake.user("anna").with_saved([OTHER_TRACK_URI]).with_playback();
    let spotify = SpotifyClient::new(fake.config().with_token(anna.token())).unwrap();
    let album = format!("spotify:album:{ALBUM}");

    for (context, first) in [
        (album.as_str(), TRACK_URI),
        ("spotify:artist:6sFIWsNpZYqfjUpaCgueju", TRACK_URI),
        (SHOW_URI, EPISODE_URI),
        ("spotify:show:7iHfbu1YPACw6oZPAFJtqe", "spotify:episode:0D5wENdkdwbqlrHoaJ9g29"),
        ("spotify:user:anna:collection", OTHER_TRACK_URI),
    ] {
        spotify.player().play(&StartPlayback::context(context)).await.unwrap();
        assert_eq!(playing(&spotify).await.as_deref(), Some(first), "{context}");
    }
}

/// As at Spotify: who does not ask for episodes sees that one is playing and not which.
#[tokio::test]
async fn an_episode_that_plays_is_shown_to_those_who_ask_for_episodes() {
    let fake = fake().await;
    let spotify = client(&fake, "wizzler");
    spotify.player().play(&StartPlayback::context(SHOW_URI)).await.unwrap();

    let asked = spotify.player().state().additional_types([ItemType::Episode]).await.unwrap();
    let not_asked = spotify.player().state().additional_types([ItemType::Track]).await.unwrap();

    assert_eq!(asked.unwrap().item.unwrap().uri(), Some(EPISODE_URI));
    let not_asked = not_asked.unwrap();
    assert_eq!(not_asked.item, None);
    assert_eq!(not_asked.currently_playing_type.unwrap().as_str(), "episode");
}

#[tokio::test]
async fn what_was_heard_for_half_a_minute_is_in_the_history() {
    let time = PausedTime::pause();
    let fake = fake().await;
    let anna = fake.user("anna").with_playback();
    let spotify = SpotifyClient::new(fake.config().with_token(anna.token())).unwrap();
    let heard = async || {
        let page = spotify.player().recently_played().await.unwrap();
        page.items
            .iter()
            .map(|entry| entry.item().unwrap().track.item().unwrap().uri.clone().unwrap())
            .collect::<Vec<_>>()
    };

    time.advance(Duration::from_secs(10)).await;
    spotify.player().next().await.unwrap();
    assert!(heard().await.is_empty(), "ten seconds are not enough");
    time.advance(Duration::from_secs(31)).await;
    spotify.player().next().await.unwrap();
    assert_eq!(heard().await, [OTHER_TRACK_URI]);
    spotify.player().repeat(Repeat::Track).await.unwrap();
    time.advance(Duration::from_secs(400)).await;
    let all = heard().await;
    assert_eq!(all.len(), 3, "the next one twice, of three minutes each: {all:?}");
    assert_eq!((all[0] == all[1], all[1] == all[2]), (true, false));
}

#[tokio::test]
async fn the_history_is_gone_through_by_cursors() {
    let fake = fake().await;
    let uris: Vec<_> = fake.playlist("p").with_tracks(7).items();
    let anna = fake.user("anna").with_played(&uris);
    let spotify = SpotifyClient::new(fake.config().with_token(anna.token())).unwrap();

    let heard = spotify.player().recently_played().limit(3).all().await.unwrap();

    let heard: Vec<_> =
        heard.iter().map(|entry| entry.track.item().unwrap().uri.clone().unwrap()).collect();
    assert_eq!(heard, uris.iter().rev().cloned().collect::<Vec<_>>(), "the latest first");
}

#[tokio::test]
async fn commands_take_premium() {
    let fake = fake().await;
    let anna = fake.user("anna").with_playback().without_premium();
    let spotify = SpotifyClient::new(fake.config().with_token(anna.token())).unwrap();

    assert_eq!(reason(spotify.player().next().await).as_deref(), Some("PREMIUM_REQUIRED"));
    assert!(playing(&spotify).await.is_some());
}
