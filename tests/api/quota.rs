//! What an app may do depends on the quota that Spotify has granted it, and the config knows it.

use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, Quota, SpotifyClient, SpotifyClientConfig};

use crate::common::{ARTIST, PLAYLIST};

async fn app(quota: Quota) -> (FakeSpotify, SpotifyClient) {
    let fake =
        FakeSpotify::builder().with_quota(quota).with_playlist_length(250).start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    (fake, spotify)
}

/// Each endpoint whose limit depends on the quota, with this limit.
async fn limited(spotify: &SpotifyClient, limit: u32) -> [Result<(), Error>; 4] {
    [
        spotify.search().tracks("x").limit(limit).await.map(drop),
        spotify.search().playlists("x").limit(limit).await.map(drop),
        spotify.artists().albums(ARTIST).limit(limit).await.map(drop),
        spotify.playlists().items(PLAYLIST).limit(limit).await.map(drop),
    ]
}

#[tokio::test]
async fn an_app_is_in_development_mode_unless_it_is_said() {
    assert_eq!(Quota::default(), Quota::Development);
    let (fake, spotify) = app(Quota::Development).await;

    for result in &limited(&spotify, 10).await {
        assert!(result.is_ok(), "{result:?}");
    }
    let [search, playlists, albums, items] = limited(&spotify, 50).await;

    assert!(items.is_ok(), "{items:?}");
    for error in [search, playlists, albums].map(Result::unwrap_err) {
        assert_eq!(
            error.to_string(),
            "limit is 50, but must be from 1 to 10; up to 50 with `with_quota(Quota::Extended)`, \
             for apps that have extended quota"
        );
        assert!(matches!(error, Error::Range { name: "limit", extended: Some(50), .. }));
    }
    assert_eq!(fake.api_requests(), 5, "what is refused is not sent");
}

#[tokio::test]
async fn an_app_with_extended_quota_has_the_larger_pages() {
    let (fake, spotify) = app(Quota::Extended).await;

    for result in &limited(&spotify, 50).await {
        assert!(result.is_ok(), "{result:?}");
    }
    let [search, playlists, albums, items] = limited(&spotify, 100).await;

    assert!(items.is_ok(), "{items:?}");
    for error in [search, playlists, albums].map(Result::unwrap_err) {
        assert_eq!(error.to_string(), "limit is 100, but must be from 1 to 50");
    }
    assert_eq!(fake.api_requests(), 5);
}

#[tokio::test]
async fn what_no_quota_allows_is_not_promised_by_the_error() {
    for (quota, most) in [(Quota::Development, 10), (Quota::Extended, 50)] {
        let (_fake, spotify) = app(quota).await;
        for limit in [0, 51, u32::MAX] {
            let error = spotify.search().tracks("x").limit(limit).await.unwrap_err();
            let expected = format!("limit is {limit}, but must be from 1 to {most}");
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[tokio::test]
async fn whole_lists_come_in_pages_as_large_as_the_quota_allows() {
    for (quota, limit, pages) in [(Quota::Development, "50", 5), (Quota::Extended, "100", 3)] {
        let (fake, spotify) = app(quota).await;

        let all = spotify.playlists().items(PLAYLIST).all().entries().await.unwrap();

        assert_eq!((all.len(), fake.api_requests()), (250, pages), "{quota:?}");
        assert_eq!(fake.requests()[1].parameter("limit"), Some(limit));
    }
}

#[tokio::test]
async fn users_of_an_app_have_its_quota() {
    let (fake, spotify) = app(Quota::Extended).await;
    let user = spotify.for_user(CredentialsAuthenticator::new("id", "secret")).unwrap();

    for client in [user, spotify.clone()] {
        assert!(limited(&client, 50).await.iter().all(Result::is_ok));
    }
    assert_eq!(fake.api_requests(), 8);
}

#[tokio::test]
async fn an_app_that_claims_more_than_it_was_granted_is_told_by_the_server() {
    let fake = FakeSpotify::start().await.unwrap();
    let config: SpotifyClientConfig = fake.config_with_credentials().with_quota(Quota::Extended);
    let spotify = SpotifyClient::new(config).unwrap();

    let error = spotify.search().tracks("x").limit(50).await.unwrap_err();

    assert_eq!(error.status().map(|status| status.as_u16()), Some(400), "{error}");
}
