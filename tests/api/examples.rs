//! The examples as programs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::auth::{CredentialsAuthenticator, TokenKey, TokenStore};
use spotify_web::testing::{FakeResponse, FakeSpotify, check_token_store};
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use self::sqlite_store::SqliteTokenStore;
use crate::common::{Directory, PLAYLIST, Run};

#[path = "../../examples/sqlite_store/store.rs"]
mod sqlite_store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_end_the_watcher_with_one_sentence() {
    let fake = FakeSpotify::builder().with_client("id", "right").start().await.unwrap();
    let Some(output) = run("release_watcher", &fake, "wrong") else { return };

    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.ends_with(
        "invalid_client: Invalid client (HTTP 400 Bad Request); check client id and secret\n"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_ones_run_to_their_end() {
    for name in ["quickstart", "custom_authenticator", "search", "playlist_export"] {
        let fake = FakeSpotify::builder().with_client("id", "right").start().await.unwrap();
        let Some(output) = run(name, &fake, "right") else { return };

        assert!(output.status.success(), "{name}: {output:?}");
        assert!(!output.stdout.is_empty());
    }
}

/// Every place is a line with what stands there, or why there is nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playlist_of_ten_thousand_is_exported_to_its_last_place() {
    let Some(program) = program("playlist_export") else { return };
    let fake = FakeSpotify::builder().with_client("id", "right").with_playlist_length(10_000);
    let fake = fake.start().await.unwrap();
    fake.next_api(FakeResponse::json(200, &first_page()));
    let directory = Directory::new();

    let mut command = Command::new(program);
    command.envs(variables(&fake, "right")).arg(directory.path());
    let output = command.output().unwrap();

    assert!(output.status.success(), "{output:?}");
    let csv = std::fs::read_to_string(directory.path().join("playlist.csv")).unwrap();
    let lines = records(&csv);
    assert_eq!(lines.len(), 1 + 10_000);
    for (position, line) in lines[1..].iter().enumerate() {
        let [at, _, uri, _, reason] = line.as_slice() else { panic!("{line:?}") };
        assert_eq!(*at, position.to_string());
        assert_ne!(uri.starts_with("spotify:"), !reason.is_empty(), "{line:?}");
    }
    let reason = |position: usize| lines[1 + position][4].as_str();
    assert_eq!(reason(0), "Spotify sent nothing");
    assert_eq!(reason(1), "Spotify does not have it any more");
    assert_eq!(reason(2), "Spotify sent something without a URI");
    assert!(reason(3).starts_with("cannot be read"), "{}", reason(3));
    assert_eq!(lines[5][2..4], ["spotify:local:A,B:C:D:1", "one, \"two\"\nthree"]);
    assert!((4..10_000).all(|position| reason(position).is_empty()));

    let json = std::fs::read(directory.path().join("playlist.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&json).unwrap().len(), 10_000);
}

/// Before anything is fetched, and with what an earlier run has written left as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_fails_says_where_and_ends_with_1() {
    let Some(program) = program("playlist_export") else { return };
    let fake = FakeSpotify::builder().with_client("id", "right").start().await.unwrap();
    let directory = Directory::new();
    let nowhere = directory.path().join("nowhere");
    let export = |directory: &Path| {
        Command::new(&program).envs(variables(&fake, "right")).arg(directory).output().unwrap()
    };

    let output = export(&nowhere);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&nowhere.display().to_string()), "{error}");
    assert_eq!(fake.api_requests(), 0);

    let csv = directory.path().join("playlist.csv");
    std::fs::write(&csv, "earlier").unwrap();
    fake.next_api(FakeResponse::status(404));
    assert_eq!(export(directory.path()).status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&csv).unwrap(), "earlier");
}

/// Also where they take no other argument.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn examples_explain_themselves() {
    for name in ["playlist_export", "search", "fake_spotify", "metrics", "now_playing"] {
        let Some(program) = program(name) else { return };
        let output = Command::new(&program).arg("--help").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage:"), "{output:?}");
        let output = Command::new(program).arg("--no-such-argument").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}

/// A page of 50 that begins with what is no track.
fn first_page() -> Value {
    let mut items = vec![json!({ "item": { "type": "track", "uri": "spotify:track:x" } }); 50];
    items[0] = json!(null);
    items[1] = json!({ "added_at": "2024-02-29T23:59:59Z", "item": null });
    items[2] = json!({ "item": { "name": "without a place" } });
    items[3] = json!(7);
    items[4] = json!({
        "item": {
            "type": "track", "uri": "spotify:local:A,B:C:D:1", "name": "one, \"two\"\nthree"
        }
    });
    let next = format!("https://api.spotify.com/v1/playlists/{PLAYLIST}/items?offset=50&limit=50");
    json!({ "items": items, "next": next, "total": 10_000, "limit": 50, "offset": 0 })
}

/// The records of CSV by RFC 4180.
fn records(csv: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut letters = csv.trim_end().chars().peekable();
    while let Some(letter) = letters.next() {
        let record = records.last_mut().unwrap();
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => {
                record.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(String::new()),
            '\n' if !is_quoted => records.push(vec![String::new()]),
            letter => record.last_mut().unwrap().push(letter),
        }
    }
    records
}

/// Where a link is hidden in a chat; each leads to the same track.
const CHAT: &str = "\
hear this: <https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl>!
(https://open.spotify.com/intl-de/track/11dFghVXANMlKmJXsNCbNl?si=abc).
spotify:track:11dFghVXANMlKmJXsNCbNl, and HTTPS://OPEN.SPOTIFY.COM/track/11dFghVXANMlKmJXsNCbNl
[a song](https://play.spotify.com/track/11dFghVXANMlKmJXsNCbNl) <https://open.spotify.com/embed/track/11dFghVXANMlKmJXsNCbNl|title>
听听https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl。 \"spotify://track/11dFghVXANMlKmJXsNCbNl\"
spotify%3Atrack%3A11dFghVXANMlKmJXsNCbNl https://api.spotify.com/v1/tracks/11dFghVXANMlKmJXsNCbNl
open.spotify.com/track/11dFghVXANMlKmJXsNCbNl... ||spotify:track:11dFghVXANMlKmJXsNCbNl?context=x||
https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl,https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl
spotify:track:11dFghVXANMlKmJXsNCbNl;spotify:track:11dFghVXANMlKmJXsNCbNl|open.spotify.com/track/11dFghVXANMlKmJXsNCbNl
1.)https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl+spotify%3Atrack%3A11dFghVXANMlKmJXsNCbNl
_https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl_ →spotify:track:11dFghVXANMlKmJXsNCbNl← &lt;spotify:track:11dFghVXANMlKmJXsNCbNl&gt;
embed.spotify.com/?uri=spotify:track:11dFghVXANMlKmJXsNCbNl api.spotify.com/v1/tracks/11dFghVXANMlKmJXsNCbNl
play.spotify.com/track/11dFghVXANMlKmJXsNCbNl: open.spotify.com%2Ftrack%2F11dFghVXANMlKmJXsNCbNl—
https://open.spotify.com/embed?uri=https%3A%2F%2Fopen.spotify.com%2Ftrack%2F11dFghVXANMlKmJXsNCbNl
";

/// Links that say nothing before they are opened.
const SHORT: &str = "\
spotify.link/abc,spotify.app.link/x spoti.fi/3x link.tospotify.com/x
https://spoti.fi/3x;HTTPS://SPOTIFY.LINK/abc
https://developer.spotify.com/documentation spotify: , xspotify:track:y example.com
";

const OTHERS: &str = "\
I love spotify: it is at https://example.com/ and nothing of this line is a link
https://spotify.link/abc spotify:local:A:B:C:1
https://open.spotify.com/track/0000000000000000000000 https://open.spotify.com/concert/x
https://open.spotify.com/playlist/3cEYpjA9oz9GiPac4AsH4n spotify:user:u:collection
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_in_a_chat_are_resolved_in_all_their_forms() {
    let Some(program) = program("resolve_links") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let with_credentials = variables(&fake, "any");

    for variables in [Vec::new(), with_credentials] {
        let output = run_with_input(&program, &variables, format!("{CHAT}{OTHERS}").as_bytes());

        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter(|line| !line.contains("built-in fake"));
        let (tracks, others): (Vec<_>, Vec<_>) =
            lines.partition(|line| line.starts_with("Cut To The Feeling | track | https://"));
        assert_eq!(tracks.len(), 27, "{text}");
        assert_eq!(others.len(), 6, "{text}");
        assert!(others[0].ends_with("open it first and take the URL that it leads to"), "{text}");
        assert!(others[1].ends_with("is a local file, which the Web API cannot take"), "{text}");
        assert!(others[2].contains("404"), "{text}");
        assert!(others[3].ends_with("leads to nothing that has a title"), "{text}");
        assert!(others[4].contains(" | playlist | "), "{text}");
        assert!(others[5].starts_with("spotify:user:u:collection | collection |"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_in_another_encoding_and_short_links_cost_no_other_link() {
    let Some(program) = program("resolve_links") else { return };
    let first = b"caf\xe9 spotify:track:11dFghVXANMlKmJXsNCbNl \xff\r\n\xfe\n";
    let input = [first, SHORT.as_bytes(), b"spotify:track:11dFghVXANMlKmJXsNCbNl"].concat();

    let output = run_with_input(&program, &[], &input);

    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("built-in fake")).collect();
    let is_track = |line: &&&str| line.starts_with("Cut To The Feeling");
    let is_short = |line: &&&str| line.ends_with("open it first and take the URL that it leads to");
    assert_eq!(lines.iter().filter(is_track).count(), 2, "{text}");
    assert_eq!(lines.iter().filter(is_short).count(), 6, "{text}");
    assert_eq!(lines.len(), 8, "{text}");
}

/// `ID` is a track's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_found_whatever_stands_right_before_it() {
    let Some(program) = program("resolve_links") else { return };
    let link = "https://open.spotify.com/track/ID";
    let (bare, uri) = ("open.spotify.com/track/ID", "spotify:track:ID");
    let mut chat = Vec::new();
    for before in ["Listen:", "-", "done.", "[Song]:", "@", "a=", "<a href=", "via Spotify:", "%"] {
        chat.push((format!("{before}{link}"), 1));
        chat.push((format!("{before}{uri}"), 1));
    }
    chat.extend(
        ["now playing:", "//", "://", "www.", "https://www.", "-"]
            .map(|before| (format!("{before}{bare}"), 1)),
    );
    for between in [":", "/", "-", ".", ",", "=", "@", "…"] {
        for (first, second) in [(link, link), (link, uri), (uri, uri), (uri, link), (link, bare)] {
            chat.push((format!("{first}{between}{second}"), 2));
        }
    }
    chat.extend([
        (format!("{link}{link}"), 2),
        (format!("spotify:user:u:{uri}"), 1),
        (format!("https://web.archive.org/web/2020/{link}"), 1),
        (format!("{link}?a=1&context={uri}"), 1),
        ("embed.spotify.com/?uri=spotify:track:ID".to_owned(), 1),
        ("https://open.spotify.com/embed?uri=https://open.spotify.com/track/ID".to_owned(), 1),
        (format!("https://example.com/?a=b&u={link}"), 0),
        ("spotify:user:spotify:playlist:3cEYpjA9oz9GiPac4AsH4n".to_owned(), 1),
        ("spotify:user:a.spotify:playlist:3cEYpjA9oz9GiPac4AsH4n".to_owned(), 1),
        ("a@open.spotify.com/track/ID evil-open.spotify.com/track/ID".to_owned(), 0),
        ("https://not.open.spotify.com/track/ID xspotify:track:ID".to_owned(), 0),
    ]);

    let end = "spotify:local:a:b:c:1";
    let lines = chat.iter().map(|(text, _)| format!("{text}\n{end}\n"));
    let input = lines.collect::<String>().replace("ID", "11dFghVXANMlKmJXsNCbNl");
    let output = run_with_input(&program, &[], input.as_bytes());

    let output = String::from_utf8(output.stdout).unwrap();
    let mut lines = output.lines();
    for (text, expected) in chat {
        let of_text: Vec<_> = lines.by_ref().take_while(|line| !line.contains(end)).collect();
        let is_found =
            |line: &&&str| line.contains(" | track | ") || line.contains(" | playlist | ");
        assert_eq!(of_text.iter().filter(is_found).count(), expected, "{text}: {of_text:?}");
    }
}

fn variables(fake: &FakeSpotify, secret: &str) -> Vec<(&'static str, String)> {
    vec![
        ("SPOTIFY_CLIENT_ID", "id".to_owned()),
        ("SPOTIFY_CLIENT_SECRET", secret.to_owned()),
        ("SPOTIFY_BASE_URL", fake.base_url()),
        ("SPOTIFY_TOKEN_URL", fake.token_url()),
    ]
}

fn run_with_input(program: &Path, variables: &[(&str, String)], input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_without_a_browser_takes_two_runs() {
    let Some(program) = program("headless_login") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let directory = Directory::new();
    let variables = [("TMPDIR", directory.path().to_str().unwrap())];

    let mut first = Run::start(&program, &fake, &variables, &[]);
    let redirect = fake.agree(&first.printed("/authorize?"));
    assert!(first.end().0, "{}", first.output);
    let mut second = Run::start(&program, &fake, &variables, &[&redirect]);

    assert!(second.end().0 && second.output.contains("You are wizzler."), "{}", second.output);
    assert!(directory.path().read_dir().unwrap().next().is_none(), "the secrets are gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_sqlite_outlives_a_restart_and_knows_who_logged_out() {
    let fake = FakeSpotify::start().await.unwrap();
    let Some(output) = run("sqlite_store", &fake, "") else { return };

    assert!(output.status.success(), "{output:?}");
    let expected = "\
        wizzler has logged in\n\
        anna has logged in\n\
        after a restart: hello wizzler\n\
        after a restart: hello anna\n\
        token requests since: 0\n\
        after a log-out: hello wizzler\n\
        after a log-out: anna has to log in\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

/// It is there to be copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_sqlite_keeps_every_promise() {
    let directory = Directory::new();
    let store = SqliteTokenStore::open(&directory.path().join("tokens.sqlite")).unwrap();

    check_token_store(store).await.unwrap();
}

/// Two processes have a connection each; one that has died holds a lease no longer than it lasts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_in_sqlite_keeps_other_processes_out_and_ends() {
    let directory = Directory::new();
    let (file, key) = (directory.path().join("tokens.sqlite"), TokenKey::new("app"));
    let [first, second] = [0, 1].map(|_| SqliteTokenStore::open(&file).unwrap());
    std::mem::forget(first.lock(&key).await.unwrap());
    let waits = tokio::time::timeout(Duration::from_millis(200), second.lock(&key)).await;
    assert!(waits.is_err(), "both hold it");

    let other = rusqlite::Connection::open(&file).unwrap();
    let ended = "UPDATE token_leases SET ends = unixepoch()";
    assert_eq!(other.execute(ended, []).unwrap(), 1);

    drop(second.lock(&key).await.unwrap());
    drop(second);
    let left = "SELECT count(*) FROM token_leases";
    assert_eq!(other.query_row(left, [], |row| row.get::<_, u32>(0)).unwrap(), 0);
}

/// Other users of the machine read no token.
#[cfg(unix)]
#[tokio::test]
async fn the_file_of_sqlite_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let store = SqliteTokenStore::open(&directory.path().join("tokens.sqlite")).unwrap();
    store.remove(&TokenKey::new("app")).await.unwrap();

    for file in directory.path().read_dir().unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

fn run(name: &str, fake: &FakeSpotify, secret: &str) -> Option<Output> {
    Some(Command::new(program(name)?).envs(variables(fake, secret)).output().unwrap())
}

/// `None` when the example has not been built, as with `cargo test --test api` on a fresh clone.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let tests: PathBuf = std::env::current_exe().unwrap().parent().unwrap().into();
    let program = tests.parent().unwrap().join("examples").join(name);
    if !program.exists() {
        assert!(std::env::var_os("CI").is_none(), "{name} has not been built");
        eprintln!("skipped: {name} has not been built; run `cargo build --examples` first");
        return None;
    }
    Some(program)
}

/// For programs in other languages, and by hand.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fake_is_served_by_itself_until_ctrl_c() {
    let Some(program) = program("fake_spotify") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let mut run = Run::start(&program, &fake, &[], &["--extended"]);
    let (base_url, token_url) = (run.printed("http://"), run.printed("http://"));

    let config = SpotifyClientConfig::default()
        .with_base_url(base_url)
        .with_token_url(token_url)
        .with_authenticator(CredentialsAuthenticator::new("any", "any"));
    let spotify = SpotifyClient::new(config).unwrap();
    #[allow(deprecated, reason = "development mode has lost it")]
    let markets = spotify.browse().markets().await.unwrap();
    Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();

    assert!(!markets.is_empty());
    let (ended_well, errors) = run.end();
    assert!(ended_well && errors.is_empty(), "{errors}");
    let mut wrong = Run::start(&program, &fake, &[], &["--port", "x"]);
    let (ended_well, errors) = wrong.end();
    assert!(!ended_well && errors.contains("'--port <PORT>'"), "{errors}");
}
