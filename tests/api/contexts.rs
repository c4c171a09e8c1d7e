//! What can be played from: whatever the player gives as the URI of a context.

use spotify_web::SpotifyClient;
use spotify_web::api::StartPlayback;
use spotify_web::model::{IdKind, SpotifyUri};
use spotify_web::testing::{FakeResponse, FakeSpotify};

const ID: &str = "11dFghVXANMlKmJXsNCbNl";
const OTHER: &str = "0tGPJ0bkWOUmH7MEOR77qc";

/// As it came: it is Spotify's own, and nobody's text around it.
#[tokio::test]
async fn what_the_player_gives_as_a_context_is_given_back_as_it_came() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    for context in [
        "spotify:search:hello!",
        "spotify:search:what?",
        "spotify:search:rock&roll",
        "spotify:search:a|b",
        "spotify:search:(live)",
        "spotify:search:hello…",
        "spotify:search:<3",
        "spotify:search:c#",
        "spotify:search:%22abba%22",
        "spotify:search:Don't",
        "spotify:genre:pop.",
        "spotify:station:track:x?y=z",
        "spotify:app:home:x*",
        "spotify:user:u:top:tracks",
        "spotify:user:u:folder:abc",
        "spotify:user:u:publishedplaylists",
        "spotify:user:u:playlists",
        "spotify:user:u:starred",
        "spotify:user:u:collection",
        "spotify:user:u:collection:artist:0TnOYISbd1XYRBk9myaseg",
        "spotify:artist:0TnOYISbd1XYRBk9myaseg:top:tracks",
    ] {
        fake.next_api(FakeResponse::status(204));
        spotify.player().play(&StartPlayback::context(context)).await.unwrap();
        let sent: serde_json::Value =
            serde_json::from_str(&fake.requests().last().unwrap().body).unwrap();
        assert_eq!(sent["context_uri"], context);
        let uri: SpotifyUri = context.parse().unwrap();
        assert_eq!(uri.as_str().parse::<SpotifyUri>().as_ref(), Ok(&uri));
    }
    assert!(spotify.player().play(&StartPlayback::context("spotify:user:u")).await.is_err());
}

/// What is known has nothing behind it, and what stands in brackets was pasted.
#[test]
fn a_uri_within_a_text_ends_before_the_marks_of_the_text() {
    for (text, uri) in [
        ("(spotify:search:hello!)", "spotify:search:hello"),
        ("<spotify:genre:pop>.", "spotify:genre:pop"),
        ("\"spotify:search:a\"", "spotify:search:a"),
        ("spotify:collection!", "spotify:collection"),
        ("spotify:user:u:collection?", "spotify:user:u:collection"),
        ("spotify:user:u!", "spotify:user:u"),
        ("spotify:embed:user:u?x", "spotify:user:u"),
    ] {
        let parsed: SpotifyUri = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.as_str(), uri, "{text}");
    }
    let search: SpotifyUri = "SPOTIFY:Search:Hello!".parse().unwrap();
    assert_eq!(search.as_str(), "spotify:search:Hello!");
    assert_eq!(search.kind(), &IdKind::Unknown("search".into()));
}

#[tokio::test]
async fn a_part_of_what_cannot_be_played_from_is_no_context() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    for context in [
        format!("spotify:track:{ID}:foo"),
        format!("spotify:episode:{ID}:x"),
        format!("spotify:chapter:{ID}:x"),
        format!("spotify:track:{ID}:spotify:track:{OTHER}"),
    ] {
        let sent = spotify.player().play(&StartPlayback::context(&*context)).await;
        assert!(sent.is_err(), "{context}");
        assert_eq!(fake.requests().len(), 0, "{context}");
    }
    for context in [format!("spotify:artist:{ID}:top:tracks"), format!("spotify:artist:{ID}:x")] {
        let from = StartPlayback::context(&*context).offset(1);
        assert!(spotify.player().play(&from).await.is_err(), "{context}");
        assert_eq!(fake.requests().len(), 0, "{context}");
    }
    for context in [format!("spotify:artist:{ID}:top:tracks"), format!("spotify:album:{ID}:x")] {
        fake.next_api(FakeResponse::status(204));
        spotify.player().play(&StartPlayback::context(&*context)).await.unwrap();
    }
}
