//! What is wrong with an argument is a typed error before anything is sent.

use spotify_web::api::StartPlayback;
use spotify_web::auth::{
    AuthError, Backoff, CredentialsAuthenticator, TokenAuthenticator, TokenCacheOptions,
};
use spotify_web::model::{IdError, IdKind, Market, PlaylistId, TrackId, UserId};
use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient, OAuthError};
use spotify_web::testing::FakeSpotify;
use spotify_web::{BackoffError, Error, SpotifyClient, SpotifyClientConfig};
use std::time::Duration;

use crate::common::{ARTIST, TRACK};

#[tokio::test]
async fn malformed_ids_are_refused() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    for id in [
        "",
        " ",
        "x",
        "11dFghVXANMlKmJXsNCbN-",
        "../../me",
        "spotify:track:",
        "🎵",
        "spotify:track:1?x",
    ] {
        let error = spotify.tracks().get(id).await.unwrap_err();
        assert!(matches!(error, Error::Id(IdError::Malformed { .. })), "{id}: {error:?}");
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn an_id_of_the_wrong_kind_is_refused() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let artist = format!("spotify:artist:{ARTIST}");

    for id in [artist.as_str(), &format!("https://open.spotify.com/artist/{ARTIST}")] {
        let error = spotify.tracks().get(id).await.unwrap_err();
        let expected = IdError::WrongKind {
            expected: IdKind::Track,
            found: IdKind::Artist,
            input: id.to_owned(),
        };
        assert!(matches!(&error, Error::Id(error) if *error == expected), "{error:?}");
    }
    let error = spotify.tracks().get(artist).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`spotify:artist:6sFIWsNpZYqfjUpaCgueju` names an artist, but a track is needed"
    );
    assert!(fake.requests().is_empty());
}

#[test]
fn everything_that_people_paste_is_an_id() {
    for text in [
        "11dFghVXANMlKmJXsNCbNl",
        " 11dFghVXANMlKmJXsNCbNl\n",
        "spotify:track:11dFghVXANMlKmJXsNCbNl",
        "https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl",
        "http://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl/",
        "open.spotify.com/track/11dFghVXANMlKmJXsNCbNl?si=cf1f9a",
        "https://open.spotify.com/intl-de/track/11dFghVXANMlKmJXsNCbNl?si=1#2",
        "https://open.spotify.com/embed/track/11dFghVXANMlKmJXsNCbNl",
    ] {
        assert_eq!(text.parse::<TrackId>().unwrap().as_str(), TRACK, "{text}");
    }
    let old = "spotify:user:wizzler:playlist:3cEYpjA9oz9GiPac4AsH4n";
    assert_eq!(old.parse::<PlaylistId>().unwrap().as_str(), "3cEYpjA9oz9GiPac4AsH4n");
    let user = "https://open.spotify.com/user/jm%20perez?si=1".parse::<UserId>().unwrap();
    assert_eq!(user.as_str(), "jm perez");
}

#[tokio::test]
async fn a_limit_out_of_range_is_refused() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    for limit in [0, 51, u32::MAX] {
        let error = spotify.artists().albums(ARTIST).limit(limit).await.unwrap_err();
        assert_eq!(error.to_string(), format!("limit is {limit}, but must be from 1 to 10"));
    }
    let error = spotify.search().tracks("x").offset(1001).await.unwrap_err();
    assert_eq!(error.to_string(), "offset is 1001, but must be from 0 to 1000");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn other_parameters_are_checked_too() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    let error = spotify.tracks().get(TRACK).market("Germany").await.unwrap_err();
    assert!(matches!(error, Error::Market(_)), "{error:?}");
    let error = spotify.tracks().get(TRACK).market("UK").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`UK` is not a market; expected the two letters of a country by ISO 3166-1, such as `DE`"
    );
    let error = spotify.search().tracks(" ").await.unwrap_err();
    assert_eq!(error.to_string(), "the search's query is empty");
    let error = spotify.search().all("x", []).await.unwrap_err();
    assert_eq!(error.to_string(), "the search's list of types is empty");
    // The first thing that is wrong is what counts.
    let error = spotify.artists().albums("nobody").limit(99).market("?").await.unwrap_err();
    assert!(matches!(error, Error::Id(_)), "{error:?}");
    assert!(fake.requests().is_empty());
    assert!("D1".parse::<Market>().is_err());
}

#[tokio::test]
async fn a_place_past_the_end_of_what_is_to_be_played_is_refused() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let track = TRACK.parse::<TrackId>().unwrap();

    let what = StartPlayback::uris([track, track]);
    let error = spotify.player().play(&what.clone().offset(2)).await.unwrap_err();
    assert_eq!(error.to_string(), "offset is 2, but must be from 0 to 1");
    let nothing = StartPlayback::uris([""; 0]);
    let error = spotify.player().play(&nothing).await.unwrap_err();
    assert_eq!(error.to_string(), "uris is empty");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn empty_credentials_are_refused() {
    let fake = FakeSpotify::start().await.unwrap();

    for (id, secret, name) in [("", "secret", "client id"), ("id", " ", "client secret")] {
        let authenticator = CredentialsAuthenticator::new(id, secret);
        let error =
            SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap_err();
        assert!(error.to_line().contains(&format!("{name} is empty")), "{}", error.to_line());

        let request = ClientCredentialsRequest::new(id, secret);
        let error = OAuthClient::new(&fake.config()).request_token(request).await.unwrap_err();
        assert!(matches!(error, OAuthError::Input { .. }), "{error:?}");
        assert!(!error.is_transient());
    }
    assert!(fake.requests().is_empty());
}

#[test]
fn a_token_that_no_header_can_carry_is_refused() {
    for token in ["", "two\nlines"] {
        let config =
            SpotifyClientConfig::default().with_authenticator(TokenAuthenticator::new(token));
        let error = SpotifyClient::new(config).unwrap_err();
        assert!(matches!(error, Error::Authenticator(AuthError::Malformed)), "{error:?}");
    }
}

#[tokio::test]
async fn urls_that_cannot_be_used_are_refused() {
    for (url, reason) in [
        ("", "is not an absolute URL"),
        ("api.spotify.com", "is not an absolute URL"),
        ("mailto:me@spotify.com", "has a scheme that is not HTTP"),
        ("data:text/plain,x", "has a scheme that is not HTTP"),
        ("http://api.spotify.com/v1", "is plain HTTP"),
        ("https://user:pw@api.spotify.com/v1", "holds a user name or password"),
    ] {
        let error =
            SpotifyClient::new(SpotifyClientConfig::default().with_base_url(url)).unwrap_err();
        assert!(error.to_string().starts_with(&format!("base URL {reason}")), "{url}: {error}");

        let config = SpotifyClientConfig::default().with_token_url(url);
        let request = ClientCredentialsRequest::new("id", "secret");
        let error = OAuthClient::new(&config).request_token(request).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("token URL {reason}")), "{url}: {error}");
    }
}

#[test]
fn options_of_the_config_are_checked_when_the_client_is_built() {
    let config = SpotifyClientConfig::default().with_user_agent("two\nlines");
    let error = SpotifyClient::new(config).unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    assert!(error.to_string().contains("the user agent"), "the option is named: {error}");

    let config = SpotifyClientConfig::default().with_market("Germany");
    assert!(matches!(SpotifyClient::new(config).unwrap_err(), Error::Market(_)));

    let options = TokenCacheOptions::default().with_timeout(Duration::ZERO);
    let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
    let config = SpotifyClientConfig::default().with_authenticator(authenticator);
    let error = SpotifyClient::new(config).unwrap_err();
    assert!(error.to_line().contains("timeout must be at least 1 ms"), "{}", error.to_line());
}

#[test]
fn a_back_off_out_of_range_is_refused() {
    let (second, day) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
    assert!(Backoff::new(second, 2.0, day).is_ok());
    for (first, factor, cap) in [
        (Duration::ZERO, 2.0, second),
        (second, 0.9, day),
        (second, f64::NAN, day),
        (second, 2.0, second / 2),
        (second, 2.0, day * 2),
    ] {
        assert!(Backoff::new(first, factor, cap).is_err(), "{first:?} {factor} {cap:?}");
    }
}

#[test]
fn a_back_off_says_what_is_wrong_with_it() {
    let second = Duration::from_secs(1);
    let error = |first, factor, cap| Backoff::new(first, factor, cap).unwrap_err();
    assert_eq!(error(Duration::ZERO, 2.0, second), BackoffError::First);
    assert_eq!(error(second, 101.0, second), BackoffError::Factor);
    assert_eq!(error(second, 2.0, second / 2), BackoffError::Cap);
}

/// What no token request can reach is told when the client is built, and not an hour later when the
/// first token has expired.
#[tokio::test]
async fn a_token_url_that_cannot_be_used_is_told_by_the_client() {
    use spotify_web::auth::{
        AuthorizationCodeAuthenticator, CredentialsAuthenticator, PkceAuthenticator,
        TokenSwapAuthenticator,
    };
    for (url, reason) in [
        ("http://accounts.example.test/token", "plain HTTP"),
        ("notaurl", "is not an absolute URL"),
        ("https://user:password@id.test/token", "user name or password"),
        ("ftp://id.test/token", "HTTP"),
    ] {
        let config = SpotifyClientConfig::default().with_token_url(url);
        let swap = SpotifyClientConfig::default();
        for config in [
            config.clone().with_authenticator(CredentialsAuthenticator::new("id", "secret")),
            config.clone().with_authenticator(PkceAuthenticator::new("id")),
            config.with_authenticator(AuthorizationCodeAuthenticator::new("id", "secret")),
            swap.with_authenticator(TokenSwapAuthenticator::new(url)),
        ] {
            let error = SpotifyClient::new(config).unwrap_err().to_line();
            assert!(error.contains("token URL") && error.contains(reason), "{url}: {error}");
            assert!(!error.contains("password@"), "{error}");
        }
    }
}
