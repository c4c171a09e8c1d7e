//! What stands around a link, within another link, and behind an id; and URIs that stay as they
//! are.

use spotify_web::SpotifyClient;
use spotify_web::model::{
    AlbumId, ArtistId, IdError, IdKind, PlaylistId, SpotifyUri, TrackId, UserId,
};
use spotify_web::testing::FakeSpotify;

use crate::common::{ALBUM, TRACK};

const ID: &str = "11dFghVXANMlKmJXsNCbNl";
const OTHER: &str = "0tGPJ0bkWOUmH7MEOR77qc";

fn leads_to_the_track(text: &str) {
    let id: TrackId = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let uri: SpotifyUri = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!((id.to_string(), uri), (ID.to_owned(), SpotifyUri::from(id)), "{text:?}");
}

const LINKS: &[&str] = &[
    "https://open.spotify.com/track/ID",
    "open.spotify.com/intl-de/track/ID",
    "https://embed.spotify.com/track/ID",
    "spotify:track:ID",
    "spotify://track/ID",
    "https://api.spotify.com/v1/tracks/ID",
    "https%3A%2F%2Fopen.spotify.com%2Ftrack%2FID",
];

#[test]
fn marks_of_chats_and_pages_around_a_link_are_no_part_of_it() {
    for (before, behind) in [
        ("_", "_"),
        ("__", "__"),
        ("~~", "~~"),
        ("***", "***"),
        ("_**", "**_."),
        ("&lt;", "&gt;"),
        ("&quot;", "&quot;,"),
        ("&#39;", "&#39;"),
        ("\u{202a}", "\u{202c}"),
        ("\u{200d}", "\u{200d}"),
        ("\u{2067}", "\u{2069}"),
        ("- ", ""),
        ("→", "←"),
        ("🎵", "🎵"),
        ("¿", "؟"),
        ("%20", "%20"),
        ("#", ""),
        ("@", ""),
    ] {
        for link in LINKS {
            leads_to_the_track(&format!("{before}{}{behind}", link.replace("ID", ID)));
        }
    }
    // The name of a user ends where a query begins, though no question mark is before it.
    for text in ["spotify:user:jm&si=1", "https://open.spotify.com/user/jm&amp;si=1"] {
        assert_eq!(text.parse::<UserId>().unwrap().as_str(), "jm", "{text}");
    }
    // What is encoded in a name is not decoded for the sake of what stands around it.
    for text in ["%20spotify:user:a%3Ab", "spotify:user:a%3Ab%20", "%0A%20spotify:user:a%3Ab%0A"] {
        assert_eq!(text.parse::<UserId>().unwrap().as_str(), "a:b", "{text}");
    }
}

#[test]
fn an_id_in_a_link_ends_where_something_else_begins() {
    for behind in [
        "—",
        "–",
        "：",
        "؟",
        "।",
        "\\",
        "\u{202c}",
        "\u{200d}",
        "\u{ad}",
        "%0A",
        "%20",
        "%0D%0A",
        "%E2%80%8B",
        "%3Fsi%3Dabc",
        "&si=abc",
        "&amp;si=abc",
        "%26si=abc",
        "-",
        "_",
        "~",
        "=",
        "+",
        "$",
        "*",
        "听听",
        "←",
        "&gt",
        "&gt;&gt;",
        "%22",
        "’s",
        ",",
        ";",
        "…",
        "\u{301}",
        "\u{0}",
    ] {
        for link in LINKS {
            leads_to_the_track(&format!("{}{behind}", link.replace("ID", ID)));
        }
    }
    for bare in ["ID?si=x", "ID/", "ID#0:30", "ID&si=x", "_ID_", "&lt;ID&gt;", "ID—", "\u{202a}ID"]
    {
        assert_eq!(bare.replace("ID", ID).parse::<TrackId>().unwrap().to_string(), ID, "{bare}");
    }
    for wrong in
        ["ID0", "ID/x", "ID-x", "ID x", "ID?a b", "ID,ID", "xID", "ID%20x", "spotify:track:ID x"]
    {
        assert!(wrong.replace("ID", ID).parse::<TrackId>().is_err(), "{wrong}");
    }
}

#[test]
fn a_link_is_found_within_another_one_however_it_is_encoded() {
    for form in [
        "spotify:track%3AID",
        "spotify%3Atrack:ID",
        "spotify:%2F%2Ftrack%2FID",
        "open.spotify.com%2Ftrack%2FID",
        "https://open.spotify.com%2Ftrack%2FID%3Fsi%3D1",
        "https://open.spotify.com/track%2FID",
        "https:%2F%2Fopen.spotify.com%2Ftrack%2FID",
        "https%253A%252F%252Fopen.spotify.com%252Ftrack%252FID",
        "spotify%253Atrack%253AID",
        "api.spotify.com%2Fv1%2Ftracks%2FID",
        "open.spotify.com:443/embed?uri=spotify%3Atrack%3AID",
        "https://open.spotify.com/embed?URI=spotify:track:ID",
        "https://embed.spotify.com/?theme=0&amp;uri=spotify:track:ID",
        "https://open.spotify.com/embed/?uri=https%3A%2F%2Fopen.spotify.com%2Ftrack%2FID",
        "https://open.spotify.com/oembed?url=https%3A%2F%2Fopen.spotify.com%2Ftrack%2FID%3Fsi%3D1",
        "https://open.spotify.com/oembed?url=spotify:track:ID&format=json",
        "https://open.spotify.com/oembed?url=spotify%253Atrack%253AID",
        "https%3A%2F%2Fopen.spotify.com%2Fembed%3Furi%3Dspotify%3Atrack%3AID",
        "<https://open.spotify.com/intl-de/embed?uri=spotify%3Atrack%3AID|title>",
        "https://accounts.spotify.com/de/login?a=b&continue=https%3A%2F%2Fopen.spotify.com%2Ftrack%2FID",
        "spotify://open.spotify.com/track/ID",
    ] {
        leads_to_the_track(&form.replace("ID", ID));
    }
    for (name, user) in [("a%3Ab", "a%3Ab"), ("100%", "100%"), ("spotify:user:a%3Ab", "a:b")] {
        assert_eq!(name.parse::<UserId>().unwrap().as_str(), user);
    }
}

#[test]
fn a_path_is_not_replaced_by_what_stands_in_its_query() {
    for query in [
        "uri=spotify:album:OTHER",
        "uri=spotify%3Aalbum%3AOTHER",
        "si=1&uri=spotify:album:OTHER",
        "URI=spotify:album:OTHER",
        "url=https%3A%2F%2Fopen.spotify.com%2Falbum%2FOTHER",
        "context=spotify:album:OTHER",
    ] {
        for link in LINKS {
            let query = query.replace("OTHER", OTHER);
            leads_to_the_track(&format!("{}?{query}", link.replace("ID", ID)));
        }
        let query = query.replace("OTHER", OTHER);
        for path in ["track/x", "concert/x", "collection", "track", "search"] {
            let text = format!("https://open.spotify.com/{path}?{query}");
            assert!(text.parse::<AlbumId>().is_err(), "{text}");
        }
    }
}

#[test]
fn two_links_without_anything_between_them_are_not_one_id() {
    for form in [
        "spotify:track:ID,spotify:track:OTHER",
        "spotify:track:ID;https://open.spotify.com/track/OTHER",
        "https://open.spotify.com/track/ID,https://open.spotify.com/track/OTHER",
        "https://open.spotify.com/track/ID,open.spotify.com/track/OTHER",
        "https://open.spotify.com/track/ID spotify:track:OTHER",
        "spotify:track:ID\nSPOTIFY:track:OTHER",
    ] {
        let text = form.replace("ID", ID).replace("OTHER", OTHER);
        assert!(text.parse::<TrackId>().is_err(), "{text}");
        assert!(text.parse::<SpotifyUri>().is_err(), "{text}");
    }
    // A user has that name.
    let owned = format!("spotify:user:spotify:playlist:{ID}");
    assert_eq!(owned.parse::<PlaylistId>().unwrap().to_string(), ID);
}

#[test]
fn a_uri_that_says_more_than_an_id_stays_as_it_is() {
    for (uri, kind) in [
        ("spotify:internal:local-files", "internal"),
        ("spotify:user:名前:collection", "collection"),
        ("spotify:user::collection", "collection"),
        ("spotify:user:@:collection", "collection"),
        ("spotify:user:u:top:tracks", "top"),
        ("spotify:user:u:playlists", "playlists"),
        ("spotify:user:u:folder:abc", "folder"),
        ("spotify:user:u:rootlist", "rootlist"),
        ("spotify:user:u:collection:album:x", "collection"),
        (&format!("spotify:artist:{ID}:top:tracks"), "top"),
        (&format!("spotify:playlist:{ID}:recommended"), "recommended"),
        (&format!("spotify:user:u:playlist:{ID}:recommended"), "recommended"),
        ("spotify:search:a+b%2Cc", "search"),
        ("spotify:app:home:x", "app"),
        ("spotify:collection:your-episodes", "collection"),
        ("spotify:a:b:c:d:e:f:g:H", "a"),
    ] {
        let parsed: SpotifyUri = uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"));
        assert_eq!((parsed.as_str(), parsed.kind().as_str()), (uri, kind));
    }
    let of_artist = format!("spotify:artist:{ID}:top:tracks");
    assert_eq!(of_artist.parse::<ArtistId>().unwrap().to_string(), ID);
    let error = of_artist.parse::<TrackId>().unwrap_err();
    assert!(matches!(error, IdError::WrongKind { found: IdKind::Artist, .. }), "{error}");
}

#[test]
fn a_uri_in_another_form_becomes_as_spotify_writes_it() {
    for (text, uri) in [
        ("spotify://user/u/collection", "spotify:user:u:collection"),
        ("spotify:/collection/tracks", "spotify:collection:tracks"),
        ("SPOTIFY:USER:u:COLLECTION", "spotify:user:u:collection"),
        ("Spotify:Station:Track:X", "spotify:station:Track:X"),
        ("__spotify:user:u:collection__", "spotify:user:u:collection"),
        ("&lt;spotify:user:u:collection&gt;", "spotify:user:u:collection"),
        ("spotify:user:u:collection%20", "spotify:user:u:collection"),
        ("spotify%3Auser%3Au%3Acollection", "spotify:user:u:collection"),
        ("https://open.spotify.com/collection", "spotify:collection"),
        ("https://open.spotify.com/intl-de/collection/tracks?si=1", "spotify:collection"),
        ("https://open.spotify.com/collection/albums", "spotify:collection:albums"),
        ("https://open.spotify.com/collection/your-episodes", "spotify:collection:your-episodes"),
        ("https://open.spotify.com/user/u/collection", "spotify:user:u:collection"),
        ("https://open.spotify.com/intl-de/user/u/collection", "spotify:user:u:collection"),
        ("https://open.spotify.com/user/u/starred", "spotify:user:u:starred"),
        ("https://open.spotify.com/user/u/playlists", "spotify:user:u"),
    ] {
        let parsed: SpotifyUri = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.as_str(), uri, "{text}");
        assert_eq!(uri.parse::<SpotifyUri>().unwrap(), parsed);
    }
    assert!("https://open.spotify.com/intl-de/user/u/collection".parse::<UserId>().is_err());
}

#[test]
fn what_is_no_uri_of_spotify_s_is_refused() {
    for text in [
        "spotify:tracks:ID",
        "SPOTIFY:ALBUMS:ID",
        "spotify:open.spotify.com/track/ID",
        "spotify:https://open.spotify.com/track/ID",
        "spotify:tr ack:ID",
        "spotify:foo:a b",
        "spotify:foo:a\u{7}b",
        "spotify:foo",
        "spotify:user:",
        "spotify:user",
        "spotify:user::",
        "spotify:user::track:ID",
        "spotify:track:",
        "spotify:track:ID:track:ID",
        "spotify:artist:short:top:tracks",
        "https://open.spotify.com/collection/a%20b",
    ] {
        let text = text.replace("ID", ID);
        assert!(text.parse::<SpotifyUri>().is_err(), "{text:?}");
    }
}

#[expect(clippy::needless_borrows_for_generic_args, reason = "that is what is tested")]
#[tokio::test]
async fn references_and_pointers_are_taken_wherever_an_id_is() {
    use std::borrow::Cow;
    use std::rc::Rc;
    use std::sync::Arc;

    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let id: spotify_web::model::AlbumId = ALBUM.parse().unwrap();
    let text = ALBUM.to_owned();
    let shared: Arc<str> = ALBUM.into();
    let albums = spotify.albums();
    albums.get(&&id).await.unwrap();
    albums.get(&&text).await.unwrap();
    albums.get(&&&ALBUM).await.unwrap();
    albums.get(&shared).await.unwrap();
    albums.get(Arc::clone(&shared)).await.unwrap();
    albums.get(Rc::<str>::from(ALBUM)).await.unwrap();
    albums.get(Arc::new(id)).await.unwrap();
    albums.get(Box::new(&id)).await.unwrap();
    albums.get(Cow::Borrowed(&id)).await.unwrap();
    albums.get(Cow::Borrowed(ALBUM)).await.unwrap();
    assert_eq!(fake.api_requests(), 10);

    let tracks = [Arc::<str>::from(format!("spotify:track:{TRACK}"))];
    // What `filter` and `iter` over references hand on.
    let references = [&tracks[0]];
    fake.next(200);
    spotify.library().save(references.iter().filter(|_| true)).await.unwrap();
    assert_eq!(fake.api_requests(), 11);
}

/// Whatever stands between them: only what begins a query, a fragment or a title ends the first.
#[test]
fn two_links_in_one_string_are_none_whatever_is_between_them() {
    let uri = |id| format!("spotify:track:{id}");
    let url = |id| format!("https://open.spotify.com/track/{id}");
    let separators = [
        " ", ",", ";", "\n", "/", "//", "-", ".", ":", "::", "_", "~", "--", "%20", "%0A",
        "%0d%0a", "%09", "/-", "+", "=", "*", "(", "，",
    ];
    for separator in separators {
        for first in [uri(ID), url(ID), format!("spotify://track/{ID}")] {
            for second in [
                uri(OTHER),
                url(OTHER),
                format!("SPOTIFY:track:{OTHER}"),
                "https://spotify.link/x".to_owned(),
                "spotify.link/x".to_owned(),
                "https://spotify.app.link/x".to_owned(),
                format!("open.spotify.com/track/{OTHER}"),
            ] {
                let text = format!("{first}{separator}{second}");
                let id = text.parse::<TrackId>();
                assert!(id.is_err(), "{text:?}: {id:?}");
                let uri = text.parse::<SpotifyUri>();
                assert!(uri.is_err(), "{text:?}: {uri:?}");
            }
        }
    }
    let after_album = format!("spotify:album:{ALBUM}/https://spotify.link/x");
    assert!(after_album.parse::<SpotifyUri>().is_err());
    for end in ["?", "#", "&", "<", ">", "|", "\""] {
        leads_to_the_track(&format!("{}{end}{}", url(ID), uri(OTHER)));
    }
    // A name is no scheme.
    let name: UserId = "spotify:user:spotify".parse().unwrap();
    assert_eq!(name.as_str(), "spotify");
    let list: PlaylistId = format!("spotify:user:spotify:playlist:{ID}").parse().unwrap();
    assert_eq!(list.as_str(), ID);
    let list: PlaylistId =
        format!("https://open.spotify.com/user/a.spotify/playlist/{ID}").parse().unwrap();
    assert_eq!(list.as_str(), ID);
}

#[test]
fn a_uri_is_the_same_when_it_is_written_and_read() {
    let texts = [
        "spotify:collection/track)/",
        "spotify:collection:track)",
        "spotify:user:x:collection).",
        "spotify:-/%20#x",
        "spotify:station/%20/x%20/",
        "spotify:a:b&gt",
        "spotify:a/b&quot/",
        "spotify:x:y:%20:",
        "spotify:a:b_c/",
        "spotify:A:B",
        "spotify:user::collection",
        "spotify:user/x/collection/)",
        "spotify:dailymix:1).../",
        "spotify:a:(",
        "spotify:station:user:x!/%0A",
    ];
    for text in texts {
        let Ok(uri) = text.parse::<SpotifyUri>() else { continue };
        let again = uri.as_str().parse::<SpotifyUri>();
        assert_eq!(again.as_ref(), Ok(&uri), "{text}: {uri}");
    }
    let uri: SpotifyUri = "spotify:collection/track)/".parse().unwrap();
    assert_eq!(uri.as_str(), "spotify:collection:track");
    for text in [
        "spotify:https://x/y",
        "spotify:https:x:y",
        "spotify:http:x",
        "spotify:HTTPS:x:y",
        "spotify:spotify:x:y",
    ] {
        assert!(text.parse::<SpotifyUri>().is_err(), "{text}");
    }
}

/// If each letter cost a look at all others, this would not end.
#[test]
fn a_long_string_takes_no_longer_than_it_is_long() {
    let length = 400_000;
    for text in [
        format!("{}_x{}", "*".repeat(length), "_".repeat(length)),
        format!("{}~x{}", "(".repeat(length), "~_".repeat(length / 2)),
        format!("spotify:track:{}", "spotify:".repeat(length / 8)),
        format!("https://open.spotify.com/track/{}", "-spotify:".repeat(length / 8)),
        format!("spotify:x:{}", "%20/".repeat(length / 4)),
    ] {
        assert!(text.parse::<TrackId>().is_err());
        let _either = text.parse::<SpotifyUri>();
    }
}
