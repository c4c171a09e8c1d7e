//! The example `now_playing`: what it draws at a time, and the program in a pipe.

use std::process::{Command, Stdio};
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::{Value, json};
use spotify_web::SpotifyClient;
use spotify_web::api::StartPlayback;
use spotify_web::testing::{FakeResponse, FakeSpotify};

use self::cover::Cover;
use self::terminal::Terminal;
use self::view::{Key, Line, Playing, bar, cut, lines};
use super::examples::program;
use crate::common::{Run, this_test};

#[allow(dead_code, reason = "the program fetches covers, and this does not")]
#[path = "../../examples/now_playing/cover.rs"]
mod cover;
#[allow(dead_code, reason = "the program draws, and this does not")]
#[path = "../../examples/now_playing/terminal.rs"]
mod terminal;
#[path = "../../examples/now_playing/view.rs"]
mod view;

#[test]
fn the_bar_moves_between_two_questions_and_ends_with_the_track() {
    let playing = playing(json!({}));

    for (since, expected) in [(0, "▶ 1:00"), (30, "▶ 1:30"), (119, "▶ 2:59"), (9_999, "▶ 3:00")]
    {
        let (before, part, after) = shown_bar(&playing, since);
        assert_eq!((before.as_str(), after.as_str()), (expected, "3:00"));
        assert!((part - (60 + since).min(180) as f64 / 180.0).abs() < 1e-9, "{part}");
    }
}

#[test]
fn a_pause_stops_it() {
    let mut playing = playing(json!({}));

    playing.press(Key::Pause, Duration::from_secs(30));

    assert_eq!(shown_bar(&playing, 0).0, "⏸ 1:30");
    assert_eq!(shown_bar(&playing, 500).0, "⏸ 1:30");
    playing.press(Key::Pause, Duration::from_secs(500));
    assert_eq!(shown_bar(&playing, 10).0, "▶ 1:40");
}

#[test]
fn the_volume_stays_within_its_range_and_is_not_offered_where_it_cannot_be_changed() {
    for (key, at, after) in
        [(Key::Louder, 98, 100), (Key::Softer, 3, 0), (Key::Louder, 40, 45), (Key::Next, 40, 40)]
    {
        let mut playing = playing(json!({ "volume_percent": at }));
        playing.press(key, Duration::ZERO);
        assert_eq!(playing.volume, Some(after));
    }
    assert_eq!(playing(json!({ "supports_volume": false })).volume, None);
}

/// What happens between is worked out.
#[test]
fn spotify_is_asked_seldom_and_at_the_end_of_a_track() {
    let at = |progress: u64, is_playing| Playing {
        progress: Duration::from_secs(progress),
        is_playing,
        ..playing(json!({}))
    };

    assert_eq!(at(60, true).asked_after(), Duration::from_secs(10));
    assert_eq!(at(177, true).asked_after(), Duration::from_millis(3_500));
    assert_eq!(at(500, true).asked_after(), Duration::from_millis(500));
    assert_eq!(at(177, false).asked_after(), Duration::from_secs(10));
}

#[test]
fn all_kinds_of_what_plays_have_their_lines() {
    let episode = json!({
        "type": "episode", "name": "Episode 1", "duration_ms": 3_725_000, "images": [],
        "id": "5Xt5DXGzch68nYYamXrNxZ", "uri": "spotify:episode:5Xt5DXGzch68nYYamXrNxZ",
        "show": { "name": "The Show" },
    });
    let track = json!({ "type": "track", "name": "Bare", "artists": [] });
    let state = |item: Value| of(&json!({ "is_playing": true, "item": item }));
    let shown = |item: Value| lines(Some(&state(item)), Duration::ZERO, "");

    let of_episode = shown(episode.clone());
    assert_eq!(of_episode[0], Line::Title("Episode 1".to_owned()));
    assert_eq!(of_episode[2], Line::Faint("The Show".to_owned()));
    assert!(matches!(&of_episode[4], Line::Bar { after, .. } if after == "1:02:05"));
    assert_eq!(state(episode).line(), "Episode 1 - The Show");
    let of_track = shown(track.clone());
    assert!(matches!(&of_track[4], Line::Bar { part, .. } if *part == 0.0), "{of_track:?}");
    assert_eq!(state(track).line(), "Bare");
    assert_eq!(shown(json!(null))[0], Line::Title("something else".to_owned()));
    let nothing = lines(None, Duration::ZERO, "a note");
    assert_eq!(nothing[0], Line::Title("nothing is playing".to_owned()));
    // The screen does not jump.
    assert_eq!([nothing.len(), of_track.len(), of_episode.len()], [8; 3]);
    assert_eq!(nothing[7], Line::Plain("a note".to_owned()));
}

/// A name is what anybody has typed.
#[test]
fn no_name_moves_the_cursor_or_changes_colours() {
    let name = "a\u{1b}[2J\r\n\u{7}b\u{9b}31m";
    let playing = of(&json!({
        "is_playing": true,
        "device": { "name": name, "type": "Speaker" },
        "item": {
            "type": "track", "name": name, "artists": [{ "name": name }],
            "album": { "name": name, "images": [] },
        },
    }));

    let shown = format!("{}{:?}", playing.line(), lines(Some(&playing), Duration::ZERO, name));
    let unescaped =
        !shown.contains("\\u{1b}") && !shown.contains("\\r") && !shown.contains("\\u{9b}");
    assert!(unescaped && !shown.chars().any(char::is_control), "{shown}");
}

#[test]
fn what_is_too_long_is_cut_by_its_columns() {
    assert_eq!(cut("Cut To The Feeling", 18), "Cut To The Feeling");
    assert_eq!(cut("Cut To The Feeling", 8), "Cut To …");
    // Each of these letters takes two columns.
    assert_eq!(cut("夜に駆ける", 10), "夜に駆ける");
    assert_eq!(cut("夜に駆ける", 6), "夜に…");
    assert_eq!(cut("夜に駆ける", 1), "…");
    assert_eq!(cut("abc", 0), "");
    for (part, filled) in [(0.0, 0), (0.5, 5), (1.0, 10), (7.0, 10), (-1.0, 0), (f64::NAN, 0)] {
        let (full, rest) = bar(part, 10);
        assert_eq!((full.chars().count(), rest.chars().count()), (filled, 10 - filled));
    }
}

#[test]
fn keys_are_those_of_its_last_line_and_ctrl_c() {
    let key = |code| Key::of(KeyEvent::new(code, KeyModifiers::NONE));
    let keys = [
        (' ', Key::Pause),
        ('n', Key::Next),
        ('p', Key::Previous),
        ('+', Key::Louder),
        ('-', Key::Softer),
        ('q', Key::Quit),
    ];
    for (letter, expected) in keys {
        assert_eq!(key(KeyCode::Char(letter)), Some(expected));
    }
    assert_eq!(key(KeyCode::Char('c')), None);
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(Key::of(ctrl_c), Some(Key::Quit));
    // Windows tells that a key is let go, too.
    let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::from(KeyCode::Char('n')) };
    assert_eq!(Key::of(released), None);
}

#[test]
fn a_cover_becomes_blocks_of_its_colours() {
    let cover = Cover::of_jpeg(include_bytes!("now_playing/cover.jpg")).unwrap();

    let lines: Vec<Vec<_>> = (0..8).map(|line| cover.line(line).collect()).collect();
    assert!(lines.iter().all(|line| line.len() == Cover::SIZE));
    // Red on the left, blue on the right.
    let is = |at: usize, [r, g, b]: [u8; 3]| {
        let (on, off) = if at < Cover::SIZE / 2 { (r, b) } else { (b, r) };
        on > 230 && g < 20 && off < 20
    };
    for (at, (upper, lower)) in lines.iter().flat_map(|line| line.iter().enumerate()) {
        assert!(is(at, *upper) && is(at, *lower), "{at}: {upper:?} {lower:?}");
    }
    let [r, g, b] = cover.accent();
    assert!(r.max(b) > 230 && g < 20 && r.min(b) < 20);
    assert_eq!(cover.line(8).count(), 0);
}

#[test]
fn what_is_no_cover_is_none() {
    let jpeg = include_bytes!("now_playing/cover.jpg");
    assert!(Cover::of_jpeg(b"").is_none());
    assert!(Cover::of_jpeg(b"<html>").is_none());
    for end in 0..jpeg.len() {
        // Truncated anywhere it is a part of the picture or none, and never a panic.
        let _ = Cover::of_jpeg(&jpeg[..end]);
    }
    assert_eq!(Cover::of_text("an album"), Cover::of_text("an album"));
    assert_ne!(Cover::of_text("an album"), Cover::of_text("another"));
}

/// As a script reads it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_pipe_each_track_is_a_line_until_ctrl_c() {
    let Some(program) = program("now_playing") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config().with_token(fake.user_token())).unwrap();
    let album = StartPlayback::context("spotify:album:0tGPJ0bkWOUmH7MEOR77qc");
    spotify.player().play(&album).device("fake-device").await.unwrap();

    let mut run = Run::start(&program, &fake, &user(&fake), &[]);
    assert_eq!(run.printed("Cut"), "Cut");
    Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    let (ended_well, errors) = run.end();

    assert!(ended_well && errors.is_empty(), "{errors}");
    assert_eq!(run.output, "To The Feeling - Carly Rae Jepsen\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_has_expired_ends_it_with_one_sentence() {
    let Some(program) = program("now_playing") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let body = json!({ "error": { "status": 401, "message": "The access token expired" } });
    fake.next_api(FakeResponse::json(401, &body));

    let mut run = Run::start(&program, &fake, &user(&fake), &[]);
    let (ended_well, errors) = run.end();

    assert!(!ended_well && errors.contains("The access token expired"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

/// Does the work where it is started by the next test, in a terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_panics_in_a_terminal() {
    if std::env::var_os("TEST_IN_A_TERMINAL").is_none() {
        return;
    }
    assert!(reads_lines());
    let terminal = Terminal::open().unwrap();
    assert!(!reads_lines(), "each key is read at once");

    std::panic::catch_unwind(|| panic!("as it may happen")).unwrap_err();

    assert!(reads_lines(), "a panic restores it, though the terminal is still open");
    drop(terminal);
    drop(Terminal::open().unwrap());
    assert!(reads_lines(), "and so does an end without one");
    println!("done as it should be");
}

/// What a panic says is to be read afterwards, and not on a screen that is gone.
#[cfg(target_os = "linux")]
#[test]
fn the_terminal_is_as_it_was_when_a_panic_is_told() {
    if !has_script() {
        return;
    }
    let test = this_test("now_playing::a_process_that_panics_in_a_terminal");
    let words = [test.get_program()].into_iter().chain(test.get_args());
    let line = words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).env("TEST_IN_A_TERMINAL", "1");

    let output = script.stdin(Stdio::null()).output().unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("done as it should be"), "{text}");
    let (opened, rest) = text.split_once("\u{1b}[?1049h").unwrap();
    let (closed, told) = (rest.find("\u{1b}[?1049l").unwrap(), rest.find("as it may").unwrap());
    assert!(closed < told && !opened.contains("as it may"), "{text}");
    assert!(rest[..told].contains("\u{1b}[?25h"), "the cursor is seen again: {text}");
}

/// Whether the terminal hands out whole lines, as a shell needs it.
#[cfg(target_os = "linux")]
fn reads_lines() -> bool {
    let output = Command::new("stty").arg("-a").stdin(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().split_whitespace().any(|word| word == "icanon")
}

#[cfg(target_os = "linux")]
fn has_script() -> bool {
    let has_script = Command::new("script").arg("--version").output().is_ok();
    if !has_script {
        assert!(std::env::var_os("CI").is_none(), "script is not installed");
        eprintln!("skipped: script is not installed");
    }
    has_script
}

/// Where the program finds the fake, and who uses it.
fn user(fake: &FakeSpotify) -> [(&'static str, &'static str); 2] {
    let leaked = |text: String| &*text.leak();
    let token = fake.user_token().expose().to_owned();
    [("SPOTIFY_TOKEN", leaked(token)), ("SPOTIFY_BASE_URL", leaked(fake.base_url()))]
}

fn shown_bar(playing: &Playing, since: u64) -> (String, f64, String) {
    match lines(Some(playing), Duration::from_secs(since), "").swap_remove(4) {
        Line::Bar { before, part, after } => (before, part, after),
        other => panic!("{other:?}"),
    }
}

/// A track of three minutes that has played one, on a device with these fields.
fn playing(device: Value) -> Playing {
    let mut state = json!({
        "is_playing": true, "progress_ms": 60_000,
        "device": { "name": "Kitchen", "type": "Speaker", "volume_percent": 40 },
        "item": {
            "type": "track", "name": "Cut To The Feeling", "duration_ms": 180_000,
            "artists": [{ "name": "Carly Rae Jepsen" }, { "name": "Another" }],
            "album": { "name": "An Album", "images": [] },
        },
    });
    state["device"].as_object_mut().unwrap().extend(device.as_object().unwrap().clone());
    of(&state)
}

fn of(state: &Value) -> Playing {
    Playing::of(&serde_json::from_value(state.clone()).unwrap())
}
