//! What people paste where an id is asked for, and what Spotify gives as a URI.

use proptest::prelude::*;
use spotify_web::api::StartPlayback;
use spotify_web::model::{
    AlbumId, ArtistId, AudiobookId, ChapterId, EpisodeId, IdError, IdKind, PlaylistId, ShowId,
    SpotifyUri, TrackId, UserId,
};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

const ID: &str = "11dFghVXANMlKmJXsNCbNl";

/// Every form of every kind, with `KIND` and `ID` to fill in.
const FORMS: &[&str] = &[
    "spotify:KIND:ID",
    "spotify:KIND:ID?si=1",
    "spotify:KIND:ID?context=spotify:playlist:x",
    "spotify:KIND:ID#0:30",
    "SPOTIFY:KIND:ID",
    "Spotify:KIND:ID.",
    "spotify://KIND/ID",
    "spotify://KIND/ID/",
    "spotify://KIND/ID?si=1",
    "spotify:/KIND/ID",
    "https://open.spotify.com/KIND/ID",
    "http://open.spotify.com/KIND/ID",
    "open.spotify.com/KIND/ID",
    "https://open.spotify.com/KIND/ID/",
    "https://open.spotify.com//KIND//ID",
    "https://open.spotify.com:443/KIND/ID",
    "https://open.spotify.com./KIND/ID",
    "https://open.spotify.com/KIND/ID?si=1&utm_source=copy-link",
    "https://open.spotify.com/KIND/ID?highlight=spotify:track:x",
    "https://open.spotify.com/KIND/ID#_=_",
    "https://open.spotify.com/intl-de/KIND/ID?si=1",
    "https://open.spotify.com/intl-PT-br/KIND/ID",
    "https://open.spotify.com/embed/KIND/ID?theme=0",
    "https://open.spotify.com/embed-podcast/KIND/ID",
    "https://open.spotify.com/intl-de/embed/KIND/ID",
    "https://open.spotify.com/embed?uri=spotify:KIND:ID",
    "https://embed.spotify.com/?uri=spotify:KIND:ID&theme=white",
    "https://open.spotify.com/KIND/ID/discography/all",
    "https://open.spotify.com/KIND/ID/related?si=1",
    "https://play.spotify.com/KIND/ID",
    "https://api.spotify.com/v1/KINDs/ID",
    "https://api.spotify.com/v1/KINDs/ID/tracks?market=DE",
    "HTTPS://OPEN.SPOTIFY.COM/KIND/ID",
    "Https://Open.Spotify.Com/KIND/ID",
    "<https://open.spotify.com/KIND/ID>",
    "<https://open.spotify.com/KIND/ID>.",
    "(https://open.spotify.com/KIND/ID?si=1)",
    "[spotify:KIND:ID],",
    "\"spotify:KIND:ID\"",
    "'https://open.spotify.com/KIND/ID'",
    "“https://open.spotify.com/KIND/ID”",
    "`spotify:KIND:ID`",
    "**https://open.spotify.com/KIND/ID**",
    "||https://open.spotify.com/KIND/ID||",
    "https://open.spotify.com/KIND/ID.",
    "https://open.spotify.com/KIND/ID…",
    "https://open.spotify.com/KIND/ID!?",
    " \t\nhttps://open.spotify.com/KIND/ID\r\n",
    "//open.spotify.com/KIND/ID",
    "<https://open.spotify.com/KIND/ID|open.spotify.com>",
    "<https://open.spotify.com/KIND/ID?si=1|a title>",
    "https://open.spotify.com/KIND/ID\"",
    "https://open.spotify.com/KIND/ID).,!>",
    "https://open.spotify.com/KIND/ID/.",
    "https://open.spotify.com/KIND/ID?si=1&amp;dl_branch=1).",
    "\u{feff}https://open.spotify.com/KIND/ID\u{200b}",
    "\u{2068}https://open.spotify.com/KIND/ID\u{2069}",
    "「https://open.spotify.com/KIND/ID」",
    "（https://open.spotify.com/KIND/ID）。",
    "https://play.spotify.com/intl-fr/KIND/ID?play=true",
    "http://PLAY.spotify.com:80/KIND/ID",
    "https://api.spotify.com/v1/KINDs/ID?market=DE",
    "api.spotify.com/v1/KINDs/ID/",
    "spotify:KIND:ID:",
    "spotify:KIND:ID:play",
    "<spotify:KIND:ID>",
    "sPoTiFy://KIND/ID#x",
    "spotify%3AKIND%3AID",
    "spotify%3akind%3aID%3Fsi%3D1",
    "https%3A%2F%2Fopen.spotify.com%2FKIND%2FID%3Fsi%3D1",
    "https://open.spotify.com/embed?uri=spotify%3AKIND%3AID&theme=0",
    "https://embed.spotify.com/?theme=0&uri=spotify%3AKIND%3AID",
];

macro_rules! for_each_kind {
    ($check:ident) => {
        $check::<AlbumId>("album", "album");
        $check::<ArtistId>("artist", "artist");
        $check::<AudiobookId>("audiobook", "show");
        $check::<AudiobookId>("show", "show");
        $check::<ChapterId>("chapter", "episode");
        $check::<ChapterId>("episode", "episode");
        $check::<EpisodeId>("episode", "episode");
        $check::<PlaylistId>("playlist", "playlist");
        $check::<ShowId>("show", "show");
        $check::<TrackId>("track", "track");
    };
}

#[test]
fn every_id_is_parsed_from_every_form() {
    fn check<T>(kind: &str, of_uri: &str)
    where
        T: std::str::FromStr<Err = IdError> + ToString,
        SpotifyUri: From<T>,
    {
        for form in FORMS {
            for kind in [kind.to_owned(), kind.to_uppercase()] {
                let text = form.replace("KIND", &kind).replace("kind", &kind).replace("ID", ID);
                let id = text.parse::<T>().unwrap_or_else(|error| panic!("{text:?}: {error}"));
                assert_eq!(id.to_string(), ID, "{text}");
                assert_eq!(SpotifyUri::from(id).as_str(), format!("spotify:{of_uri}:{ID}"));
                let uri: SpotifyUri =
                    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
                assert_eq!(uri.as_str(), format!("spotify:{of_uri}:{ID}"), "{text}");
            }
        }
        for form in ["ID", " ID ", "<ID>", "`ID`,", "ID."] {
            assert_eq!(form.replace("ID", ID).parse::<T>().unwrap().to_string(), ID, "{form}");
        }
    }

    for_each_kind!(check);
}

#[test]
fn what_names_no_id_of_the_kind_is_refused() {
    fn check<T: std::str::FromStr<Err = IdError> + std::fmt::Debug>(kind: &str, _: &str) {
        for form in [
            "",
            ".",
            "spotify:",
            "spotify:KIND",
            "spotify:KIND:",
            "spotify:KIND:short",
            "spotify:KIND:ID0",
            "spotify:KIND:..",
            "https://open.spotify.com/KIND",
            "https://open.spotify.com/KIND/",
            "https://open.spotify.com/KIND/..",
            "https://open.spotify.com/ID",
            "https://open.spotify.com/",
            "https://open.spotify.com.evil.example/KIND/ID",
            "https://example.com/KIND/ID",
            "https://user@open.spotify.com/KIND/ID",
            "ftp://open.spotify.com/KIND/ID",
            "https://spotify.link/abc",
            "https://api.spotify.com/v1/KINDs",
            "https://api.spotify.com/v1/me/KINDs",
            "spotify:local:A:B:C:1",
            "https://open.spotify.com/local/A/B/C/1",
            "https://open.spotify.com/KIND/ID0",
            "https://open.spotify.com/intl-de/",
            "https://open.spotify.com/search/ID",
            "https://open.spotify.com/?uri=https%3A%2F%2Fexample.com%2FKIND%2FID",
            "https://example.com/?uri=spotify:KIND:ID",
            "https://example.com/https://open.spotify.com/KIND/ID",
            "https%3A%2F%2Fexample.com%2FKIND%2FID",
            "https://open.spotify.com@example.com/KIND/ID",
            "https://open.spotify.com\\@example.com/KIND/ID",
            "https://openXspotify.com/KIND/ID",
            "javascript:spotify:KIND:ID",
            "ID ID",
            "ID/ID",
            "xspotify:KIND:ID",
        ] {
            let text = form.replace("KIND", kind).replace("ID", ID);
            assert!(text.parse::<T>().is_err(), "{text}");
        }
        assert!(format!("spotify:user:{ID}").parse::<T>().is_err());
    }

    for_each_kind!(check);
}

#[test]
fn errors_say_what_to_do() {
    for link in [
        "https://spotify.link/abcDEF",
        "<HTTPS://Spotify.Link/abc>",
        "spotify.link/abc",
        "https://spotify.app.link/x?y",
        "https://link.tospotify.com/x",
        "https://spoti.fi/x",
        "(https://spotify.link/abc).",
        "spotify.link",
        "//spotify.link/abc?_p=1",
        "HTTP://SPOTI.FI/abc,",
        "https%3A%2F%2Fspotify.link%2Fabc",
    ] {
        let error = link.parse::<TrackId>().unwrap_err();
        assert!(matches!(error, IdError::ShortLink { .. }), "{link}");
        assert!(error.to_string().ends_with("open it first and take the URL that it leads to"));
        assert!(matches!(link.parse::<SpotifyUri>(), Err(IdError::ShortLink { .. })));
        assert!(matches!(link.parse::<UserId>(), Err(IdError::ShortLink { .. })));
    }
    for uri in [
        "spotify:local:A:B:C:210",
        "spotify:local:::%2E:1",
        "SPOTIFY:LOCAL:x",
        "spotify:local:",
        "spotify://local/A/B/C/210",
        "<spotify:local:A+B:C:D:210>",
        "https://open.spotify.com/local/A/B/C/210",
    ] {
        assert!(matches!(uri.parse::<SpotifyUri>(), Err(IdError::LocalFile { .. })), "{uri}");
        let error = uri.parse::<TrackId>().unwrap_err();
        assert!(error.to_string().ends_with("is a local file, which the Web API cannot take"));
    }
}

#[test]
fn playlists_of_old_are_named_by_their_owner_too() {
    for form in [
        "spotify:user:NAME:playlist:ID",
        "spotify:user:j%3Am:playlist:ID?si=1",
        "https://open.spotify.com/user/NAME/playlist/ID?si=1",
        "https://open.spotify.com/intl-de/user/NAME/playlist/ID",
        "https://api.spotify.com/v1/users/NAME/playlists/ID/tracks",
    ] {
        let text = form.replace("ID", ID);
        assert_eq!(text.parse::<PlaylistId>().unwrap().to_string(), ID, "{text}");
        assert_eq!(text.parse::<SpotifyUri>().unwrap().as_str(), format!("spotify:playlist:{ID}"));
    }
}

#[test]
fn user_names_are_any_text_but_a_step_in_a_path() {
    for (text, name) in [
        ("wizzler", "wizzler"),
        ("jm perez", "jm perez"),
        (" 31abc ", "31abc"),
        ("a.b_", "a.b_"),
        ("spotify", "spotify"),
        ("spotify:user:wizzler", "wizzler"),
        ("spotify:user:a%20b?si=1", "a b"),
        ("SPOTIFY:USER:MiXeD", "MiXeD"),
        ("https://open.spotify.com/user/wizzler?si=1", "wizzler"),
        ("<https://open.spotify.com/intl-de/user/a%2Fb>.", "a/b"),
        ("https://open.spotify.com/user/wizzler/playlists", "wizzler"),
        ("https://api.spotify.com/v1/users/wizzler", "wizzler"),
    ] {
        assert_eq!(text.parse::<UserId>().unwrap().as_str(), name, "{text}");
    }
    for text in [
        "",
        " ",
        ".",
        "..",
        "spotify:user:%2E%2E",
        "https://open.spotify.com/user/%2e",
        "https://example.com/user/x",
        "https://open.spotify.com/user/",
    ] {
        assert!(text.parse::<UserId>().is_err(), "{text}");
    }
}

#[test]
fn whatever_spotify_gives_as_a_uri_can_be_given_back() {
    for (uri, kind) in [
        ("spotify:user:u:collection", IdKind::Collection),
        ("spotify:collection", IdKind::Collection),
        ("spotify:user:a%20b:collection", IdKind::Collection),
        ("spotify:collection:tracks", IdKind::Collection),
        ("spotify:user:u:toplist", IdKind::from("toplist")),
        ("spotify:user:u:starred", IdKind::from("starred")),
        ("spotify:station:track:x", IdKind::from("station")),
        ("spotify:hologram:1", IdKind::from("hologram")),
        ("spotify:user:u:collection:artist:x", IdKind::Collection),
        ("spotify:user:u:collection:your-episodes", IdKind::Collection),
        ("spotify:user:j%C3%BC:collection", IdKind::Collection),
        ("spotify:user:u:publishedrootlist", IdKind::from("publishedrootlist")),
        ("spotify:dailymix:x", IdKind::from("dailymix")),
        ("spotify:radio:album:x", IdKind::from("radio")),
    ] {
        let parsed: SpotifyUri = uri.parse().unwrap();
        assert_eq!((parsed.as_str(), parsed.kind()), (uri, &kind));
        assert_eq!(parsed.to_string().parse::<SpotifyUri>().unwrap(), parsed);
    }
    let liked: SpotifyUri = "https://open.spotify.com/collection/tracks".parse().unwrap();
    assert_eq!(liked.as_str(), "spotify:collection");
    let wrong = "spotify:user:u:collection".parse::<TrackId>().unwrap_err();
    assert!(matches!(wrong, IdError::WrongKind { found: IdKind::Collection, .. }), "{wrong}");
}

#[tokio::test]
async fn liked_songs_can_be_played() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let liked: SpotifyUri = "spotify:user:u:collection".parse().unwrap();

    let _ = spotify.player().play(&StartPlayback::context(liked)).await;

    assert_eq!(fake.requests()[1].body, r#"{"context_uri":"spotify:user:u:collection"}"#);
}

#[tokio::test]
async fn an_artist_is_played_from_the_beginning() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let artist = || StartPlayback::context(format!("https://open.spotify.com/artist/{ID}"));

    for playback in [artist().offset(0), artist().offset_uri(format!("spotify:track:{ID}"))] {
        let error = spotify.player().play(&playback).await.unwrap_err();
        assert!(error.to_string().starts_with("offset is not taken for an artist"), "{error}");
    }

    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_is_a_step_in_a_path_reaches_no_other_endpoint() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();

    for name in [".", "..", " .. ", "", " ", "\t", ".\t", "\n..\r\n"] {
        #[allow(deprecated, reason = "they take any name")]
        let results = [
            spotify.browse().category(name).await.map(drop),
            spotify.users().get(name).await.map(drop),
            spotify.playlists().of_user(name).await.map(drop),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Parameter { .. } | Error::Id { .. }), "{error:?}");
        }
    }

    assert!(fake.requests().is_empty());
}

/// What a URL parser drops, decodes or takes for something else.
const NAMES: &[&str] = &[
    ".\t.", ".\r.", "%2e", "%2E%2e", "..%2f", "%2e%2e/", "a/b", "/a", "a/", "//", "a/../b", "a?b",
    "?", "a#b", "#", "a\\b", "\\..\\", "a\tb", "a\nb", "a%20b", "%", "%zz", "a;b", "a:b", "a@b",
    "http://x", "ü/ö", "a\u{0}b", "...", "a b", "a&b=c", "[x]", "{x}", "|", "^", "`", "\"", "'",
    "<x>",
];

#[tokio::test]
async fn a_name_stays_one_segment_whatever_is_in_it() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();

    for name in NAMES {
        #[allow(deprecated, reason = "they take any name")]
        let results = [
            spotify.browse().category(*name).await.map(drop),
            spotify.browse().category_playlists(*name).await.map(drop),
            spotify.users().get(*name).await.map(drop),
            spotify.playlists().of_user(*name).await.map(drop),
        ];
        let arrived = fake.requests();
        let sent =
            results.iter().filter(|result| result.as_ref().is_err_and(|it| it.status().is_some()));
        let arrived = &arrived[arrived.len() - sent.count()..];

        for request in arrived {
            let path: Vec<_> = request.path.split('/').collect();
            let (at, length) = match path[2] {
                "browse" => (4, if path.last() == Some(&"playlists") { 6 } else { 5 }),
                "users" => (3, if path.last() == Some(&"playlists") { 5 } else { 4 }),
                other => panic!("{name:?} reached {other}"),
            };
            assert_eq!(path.len(), length, "{name:?}: {}", request.path);
            let segment = percent_decode(path[at]);
            assert_eq!(segment.trim(), name.trim(), "{}", request.path);
        }
        // No user has such a name where it is a link; a category may.
        assert!(arrived.len() >= 2, "{name:?}: {results:?}");
    }
}

fn percent_decode(segment: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), segment.bytes());
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
        bytes.push(if byte == b'%' { digit() * 16 + digit() } else { byte });
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn audiobooks_and_chapters_are_given_back_as_spotify_names_them() {
    let (book, chapter) = (format!("spotify:show:{ID}"), format!("spotify:episode:{ID}"));
    let by_kind: SpotifyUri = format!("spotify:audiobook:{ID}").parse().unwrap();
    let chapter_by_kind: SpotifyUri =
        format!("https://open.spotify.com/chapter/{ID}").parse().unwrap();
    let (book_id, chapter_id): (AudiobookId, ChapterId) =
        (book.parse().unwrap(), chapter.parse().unwrap());

    assert_eq!((by_kind.as_str(), chapter_by_kind.as_str()), (book.as_str(), chapter.as_str()));
    assert_eq!((book_id.uri(), chapter_id.uri()), (book.clone(), chapter.clone()));
    assert_eq!(book_id.url(), format!("https://open.spotify.com/show/{ID}"));
    assert_eq!(chapter_id.url(), format!("https://open.spotify.com/episode/{ID}"));
    assert_eq!(AudiobookId::try_from(&SpotifyUri::from(book_id)).unwrap(), book_id);
    assert_eq!(ChapterId::try_from(&SpotifyUri::from(chapter_id)).unwrap(), chapter_id);
    assert!(format!("spotify:track:{ID}").parse::<AudiobookId>().is_err());
    assert!(book.parse::<ChapterId>().is_err() && chapter.parse::<AudiobookId>().is_err());

    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    let _ = spotify.player().play(&StartPlayback::context(book_id)).await;
    let _ = spotify.player().add_to_queue(chapter_id).await;
    let _ = spotify.audiobooks().get(&book).await;
    let requests = fake.requests();
    assert_eq!(requests[1].body, format!(r#"{{"context_uri":"{book}"}}"#));
    assert_eq!(requests[2].parameter("uri"), Some(chapter.as_str()));
    assert_eq!(requests[3].path, format!("/v1/audiobooks/{ID}"));
}

proptest! {
    #[test]
    fn a_name_of_a_category_reaches_its_own_endpoint(name in "[.%/\\\\?#\t\n2eEfa ]{1,6}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let path = runtime.block_on(async {
            let fake = FakeSpotify::start().await.unwrap();
            let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
            #[allow(deprecated, reason = "it takes any name")]
            let _ = spotify.browse().category(name.clone()).await;
            fake.requests().pop().map(|request| request.path)
        });
        if let Some(path) = path {
            let segment = path.strip_prefix("/v1/browse/categories/").unwrap();
            prop_assert_eq!(percent_decode(segment), name);
        }
    }

    #[test]
    fn a_user_survives_its_uri_and_its_url(name in "\\PC{1,12}") {
        if let Ok(id) = name.parse::<UserId>() {
            prop_assert_eq!(&id.uri().parse::<UserId>().unwrap(), &id);
            prop_assert_eq!(&id.url().parse::<UserId>().unwrap(), &id);
        }
    }

    #[test]
    fn what_is_parsed_as_a_uri_is_its_own_form(text in "[<( ]?(spotify:|https://open\\.spotify\\.com/)?[a-z:/.?%#]{0,12}[0-9A-Za-z]{0,23}\\PC{0,4}") {
        if let Ok(uri) = text.parse::<SpotifyUri>() {
            prop_assert_eq!(&uri.as_str().parse::<SpotifyUri>().unwrap(), &uri);
        }
    }
}
