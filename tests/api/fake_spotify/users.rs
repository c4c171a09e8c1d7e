//! Users of the fake: each has a login, a library and whom they follow of their own.

#![cfg_attr(not(feature = "extended-quota"), allow(deprecated, reason = "by kind, too"))]

use std::time::Duration;

use chrono::DateTime;
use spotify_web::SpotifyClient;
use spotify_web::auth::{MemoryTokenStore, PkceAuthenticator, TokenCacheOptions, TokenKey};
use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient, Scope};
use spotify_web::testing::FakeSpotify;

use super::{OTHER_TRACK_URI, TRACK_URI, client, client_of, fake, status};
use crate::common::{ALBUM, ARTIST, PausedTime, TRACK};

const OTHER_ARTIST: &str = "0TnOYISbd1XYRBk9myaseg";
const BOOK: &str = "7iHfbu1YPACw6oZPAFJtqe";
const BOOK_URI: &str = "spotify:show:7iHfbu1YPACw6oZPAFJtqe";
const SHOW_URI: &str = "spotify:show:38bS44xjbVVZ3No3ByF1dJ";

#[tokio::test]
async fn what_one_user_saves_nobody_else_has() {
    let fake = fake().await;
    let (anna, bert) = (client(&fake, "anna"), client(&fake, "bert"));

    anna.library().save([TRACK_URI, SHOW_URI, BOOK_URI]).await.unwrap();

    let all = [TRACK_URI, SHOW_URI, BOOK_URI];
    assert_eq!(anna.library().contains(all).await.unwrap(), [Some(true); 3]);
    assert_eq!(bert.library().contains(all).await.unwrap(), [Some(false); 3]);
    assert_eq!(anna.tracks().are_saved([TRACK]).await.unwrap(), [Some(true)]);
    assert_eq!(anna.tracks().saved().await.unwrap().items.len(), 1);
    assert!(bert.tracks().saved().await.unwrap().items.is_empty());
}

/// To a player an audiobook is a podcast, but in a library each has its place.
#[tokio::test]
async fn podcasts_and_audiobooks_are_told_apart_though_their_uris_look_alike() {
    let fake = fake().await;
    let anna = client(&fake, "anna");

    anna.shows().save(["38bS44xjbVVZ3No3ByF1dJ"]).await.unwrap();
    anna.library().save([format!("spotify:audiobook:{BOOK}")]).await.unwrap();

    let shows = anna.shows().saved().await.unwrap();
    let books = anna.audiobooks().saved().await.unwrap();
    assert_eq!((shows.items.len(), books.items.len()), (1, 1));
    let book = books.items[0].item().unwrap().audiobook.item().unwrap();
    assert_eq!((book.id.as_str(), book.uri.as_deref()), (BOOK, Some(BOOK_URI)));
    assert!(fake.user("anna").saved().contains(&BOOK_URI.to_owned()));
}

#[tokio::test]
async fn the_latest_is_first_and_dates_are_kept() {
    let fake = fake().await;
    let anna = client(&fake, "anna");
    let old = DateTime::UNIX_EPOCH;

    anna.tracks().save([TRACK]).await.unwrap();
    anna.tracks().save_with_dates([("track1x1x0000000000000", old)]).await.unwrap();

    let saved = anna.tracks().saved().await.unwrap();
    let saved: Vec<_> = saved.items.iter().map(|entry| entry.item().unwrap()).collect();
    let uri = |place: usize| saved[place].track.item().unwrap().uri.clone().unwrap();
    assert_eq!((uri(0).as_str(), uri(1).as_str()), (TRACK_URI, OTHER_TRACK_URI));
    assert_eq!(saved[1].added_at, Some(old));
}

#[tokio::test]
async fn what_is_not_there_is_not_saved_and_neither_is_what_comes_with_it() {
    let fake = fake().await;
    let anna = client(&fake, "anna");

    let unknown = anna.library().save([TRACK_URI, "spotify:track:4iV5W9uYEdYUVa79Axb7Rh"]).await;
    fake.add_track("4iV5W9uYEdYUVa79Axb7Rh", "Now it is there");
    let known = anna.library().save(["spotify:track:4iV5W9uYEdYUVa79Axb7Rh"]).await;

    assert_eq!((status(unknown), status(known)), (Some(404), None));
    assert_eq!(anna.tracks().are_saved([TRACK]).await.unwrap(), [Some(false)]);
}

#[tokio::test]
async fn artists_and_users_are_followed_by_either_way() {
    let fake = fake().await;
    let anna = client(&fake, "anna");

    anna.users().follow_artists([ARTIST]).await.unwrap();
    anna.library().save([format!("spotify:artist:{OTHER_ARTIST}")]).await.unwrap();
    anna.users().follow_users(["jm perez"]).await.unwrap();

    let artists = anna.users().followed_artists().limit(1).all().await.unwrap();
    assert_eq!(artists.len(), 2, "over two pages");
    assert_eq!(anna.users().follows_users(["jm perez"]).await.unwrap(), [Some(true)]);
    let flags = anna.users().follows_artists([ARTIST, OTHER_ARTIST]).await.unwrap();
    assert_eq!(flags, [Some(true), Some(true)]);
    anna.users().unfollow_artists([ARTIST]).await.unwrap();
    let there = anna.library().contains([format!("spotify:artist:{ARTIST}")]).await.unwrap();
    assert_eq!(there, [Some(false)]);
}

/// What is saved takes another scope than what is followed.
#[tokio::test]
async fn the_library_asks_for_the_scope_of_each_kind() {
    let fake = fake().await;
    let save = async |scope, uri: &str| {
        let spotify = client_of(&fake, "anna", &[scope]);
        status(spotify.library().save([uri]).await)
    };
    let (artist, playlist) =
        (format!("spotify:artist:{ARTIST}"), fake.user("bert").playlist("Open").uri());

    for (scope, uri) in [
        (Scope::UserLibraryModify, TRACK_URI),
        (Scope::UserFollowModify, artist.as_str()),
        (Scope::PlaylistModifyPublic, playlist.as_str()),
    ] {
        assert_eq!(save(scope, uri).await, None, "{uri}");
        assert_eq!(save(Scope::UserTopRead, uri).await, Some(403), "{uri}");
    }
    assert_eq!(save(Scope::UserLibraryModify, &artist).await, Some(403));
}

#[tokio::test]
async fn a_profile_has_what_the_scopes_allow() {
    let fake = fake().await;
    let me = async |scopes: &[Scope]| client_of(&fake, "anna", scopes).users().me().await.unwrap();

    let (little, more) = (me(&[]).await, me(&[Scope::UserReadEmail]).await);
    let all = me(Scope::ALL).await;

    assert_eq!((little.email, little.country, little.product), (None, None, None));
    assert_eq!((more.email.as_deref(), more.country), (Some("anna@example.com"), None));
    assert_eq!((all.country.as_deref(), all.product.as_deref()), (Some("SE"), Some("premium")));
    let anna = fake.user("anna").without_premium();
    let all = SpotifyClient::new(fake.config().with_token(anna.token())).unwrap();
    assert_eq!(all.users().me().await.unwrap().product.as_deref(), Some("free"));
}

#[tokio::test]
async fn where_an_episode_was_left_needs_a_scope() {
    let fake = fake().await;
    let resume_point = async |scopes: &[Scope]| {
        let episodes = client_of(&fake, "anna", scopes);
        let episode = episodes.episodes().get("512ojhOuo1ktJprKbVcKyQ").await.unwrap();
        episode.resume_point.is_some()
    };

    assert!(resume_point(&[Scope::UserReadPlaybackPosition]).await);
    assert!(!resume_point(&[Scope::UserLibraryRead]).await);
}

/// A login asks for scopes, and its tokens allow these, also after they were refreshed.
#[tokio::test]
async fn a_login_allows_what_it_asked_for() {
    let fake = FakeSpotify::start().await.unwrap();
    let login = Login::pkce("id", "http://127.0.0.1:8888/callback")
        .with_authorize_url(fake.authorize_url())
        .with_scopes([Scope::UserLibraryRead]);
    let pending = login.begin().unwrap();
    let code = pending.finish(&fake.agree_as(pending.url(), "anna")).unwrap();
    let request = AuthorizationCodeRequest::public("id", code);
    let user = PkceAuthenticator::new("id");
    user.log_in(OAuthClient::new(&fake.config()).request_token(request).await.unwrap())
        .await
        .unwrap();
    let spotify = SpotifyClient::new(fake.config().with_authenticator(user)).unwrap();

    for _ in 0..2 {
        assert_eq!(spotify.users().me().await.unwrap().id.as_str(), "anna");
        assert_eq!(status(spotify.tracks().saved().await), None);
        assert_eq!(status(spotify.library().save([TRACK_URI]).await), Some(403));
        fake.expire_tokens();
    }
    assert_eq!(fake.token_requests(), 2);
}

/// By the fake's clock, which is tokio's.
#[tokio::test]
async fn what_is_saved_later_is_dated_later_also_while_time_is_paused() {
    let time = PausedTime::pause();
    let fake = fake().await;
    let anna = client(&fake, "anna");

    anna.library().save([TRACK_URI]).await.unwrap();
    time.advance(Duration::from_secs(600)).await;
    anna.library().save([format!("spotify:album:{ALBUM}")]).await.unwrap();

    let track = anna.tracks().saved().await.unwrap().items[0].item().unwrap().added_at.unwrap();
    let album = anna.albums().saved().await.unwrap().items[0].item().unwrap().added_at.unwrap();
    assert_eq!((album - track).num_seconds(), 600);
}

/// What comes out of a store has an end by the wall clock.
#[tokio::test]
async fn a_stored_token_ages_by_the_clock_of_the_fake() {
    for (with_clock, expired) in [(true, 0), (false, 1)] {
        let time = PausedTime::pause();
        let fake = FakeSpotify::start().await.unwrap();
        let store = MemoryTokenStore::default();
        let user = || {
            let options = match with_clock {
                true => TokenCacheOptions::default().with_clock(fake.clock()),
                false => TokenCacheOptions::default(),
            };
            let key = TokenKey::new("id").with_user("wizzler");
            PkceAuthenticator::new("id").with_options(options).with_store(store.clone(), key)
        };
        let login = Login::pkce("id", "http://127.0.0.1:8888/callback");
        let pending = login.with_authorize_url(fake.authorize_url()).begin().unwrap();
        let code = pending.finish(&fake.agree(pending.url())).unwrap();
        let request = AuthorizationCodeRequest::public("id", code);
        let token = OAuthClient::new(&fake.config()).request_token(request).await.unwrap();
        user().log_in(token).await.unwrap();

        time.advance(Duration::from_secs(3700)).await;
        let config = fake.config().with_authenticator(user()).without_rate_limiter();
        SpotifyClient::new(config).unwrap().users().me().await.unwrap();

        assert_eq!((fake.expired_tokens(), fake.token_requests()), (expired, 2));
        tokio::time::resume();
    }
}

/// The catalogue comes after what was heard.
#[tokio::test]
async fn what_a_user_has_heard_most_is_what_they_like_most() {
    let fake = fake().await;
    let song = "spotify:track:4iV5W9uYEdYUVa79Axb7Rh";
    let loopbacks = "spotify:track:track2x1x0000000000000";
    fake.user("anna").with_played([loopbacks, song, loopbacks]);
    let (anna, bert) = (client(&fake, "anna"), client(&fake, "bert"));

    let tracks = anna.users().top_tracks().limit(2).await.unwrap();
    let artists = anna.users().top_artists().await.unwrap();
    let others = bert.users().top_tracks().limit(2).await.unwrap();

    let uri = |place: usize| tracks.items[place].item().unwrap().uri.as_deref().unwrap();
    assert_eq!((uri(0), uri(1)), (loopbacks, song));
    assert_eq!(artists.items[0].item().unwrap().name, "The Loopbacks");
    assert_ne!(others.items[0].item().unwrap().uri.as_deref(), Some(loopbacks));
}

#[tokio::test]
async fn a_user_logs_in_and_is_logged_out_by_their_handle() {
    let fake = FakeSpotify::start().await.unwrap();
    let anna = fake.user("anna & co");
    let login = Login::pkce("id", "http://127.0.0.1:8888/callback");
    let pending = login.with_authorize_url(fake.authorize_url()).begin().unwrap();
    let code = pending.finish(&anna.agree(pending.url())).unwrap();
    let request = AuthorizationCodeRequest::public("id", code);
    let user = PkceAuthenticator::new("id");
    user.log_in(OAuthClient::new(&fake.config()).request_token(request).await.unwrap())
        .await
        .unwrap();
    let spotify = SpotifyClient::new(fake.config().with_authenticator(user)).unwrap();

    assert_eq!(spotify.users().me().await.unwrap().id.as_str(), "anna & co");
    anna.end_logins();
    fake.expire_tokens();
    assert!(spotify.users().me().await.unwrap_err().needs_login());
}
