//! Shows in the terminal what is playing: title, artists, how far it has come, and the cover in
//! colours where the terminal has them. Keys: space pauses, `n` and `p` skip, `+` and `-` change the
//! volume, `q` ends. In a pipe it prints a line for each track.
//!
//! With a user's token in `SPOTIFY_TOKEN` (scopes `user-read-playback-state` and
//! `user-modify-playback-state`) it talks to Spotify, or to the server at `SPOTIFY_BASE_URL`, else to
//! a fake.

mod cover;
mod remote;
mod terminal;
mod view;

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use spotify_web::api::StartPlayback;
use spotify_web::testing::FakeSpotify;
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::time::Instant;

use crate::cover::Cover;
use crate::remote::{News, Remote};
use crate::terminal::Terminal;
use crate::view::{Key, Playing};

/// Shows what is playing, of the user whose token is in SPOTIFY_TOKEN; without one, of a fake.
///
/// Keys: space pauses, n and p skip, + and - change the volume, q ends. In a pipe it prints a line
/// for each track.
#[derive(Parser)]
struct Arguments {}

#[tokio::main]
async fn main() -> ExitCode {
    Arguments::parse();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", line(&*error));
            ExitCode::FAILURE
        }
    }
}

/// With its causes.
fn line(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<spotify_web::Error>() {
        Some(error) => error.to_line(),
        None => error.to_string(),
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let fake = FakeSpotify::start().await?;
    let spotify = SpotifyClient::new(config(&fake))?;
    if std::env::var_os("SPOTIFY_TOKEN").is_none() {
        let playlist = StartPlayback::context("spotify:playlist:3cEYpjA9oz9GiPac4AsH4n");
        spotify.player().play(&playlist).device("fake-device").await?;
    }
    let watched = async {
        match std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            true => Screen::open(spotify)?.show().await,
            false => print_tracks(spotify).await,
        }
    };
    tokio::select! {
        biased;
        // Heard before anything is printed.
        _ = tokio::signal::ctrl_c() => Ok(()),
        result = watched => result,
    }
}

fn config(fake: &FakeSpotify) -> SpotifyClientConfig {
    let Ok(token) = std::env::var("SPOTIFY_TOKEN") else {
        eprintln!("SPOTIFY_TOKEN is not set: using the built-in fake Spotify");
        return fake.config().with_token(fake.user_token());
    };
    let config = SpotifyClientConfig::default().with_token(token);
    match std::env::var("SPOTIFY_BASE_URL") {
        Ok(url) => config.with_base_url(url),
        Err(_) => config,
    }
}

/// A line for each track, until nobody reads them any more.
async fn print_tracks(spotify: SpotifyClient) -> Result<(), Box<dyn Error>> {
    let mut remote = Remote::new(spotify);
    let mut printed = None;
    loop {
        let News::State(playing, _) = remote.next().await? else { continue };
        let line = playing.as_ref().map_or_else(|| "nothing is playing".to_owned(), Playing::line);
        if printed.as_ref() != Some(&line) && writeln!(std::io::stdout(), "{line}").is_err() {
            return Ok(());
        }
        printed = Some(line);
    }
}

/// What is on the screen, and since when it is known.
struct Screen {
    terminal: Terminal,
    remote: Remote,
    playing: Option<Playing>,
    since: Instant,
    cover: Option<Cover>,
    note: String,
}

impl Screen {
    fn open(spotify: SpotifyClient) -> std::io::Result<Self> {
        Ok(Self {
            terminal: Terminal::open()?,
            remote: Remote::new(spotify),
            playing: None,
            since: Instant::now(),
            cover: None,
            note: "asking Spotify ...".to_owned(),
        })
    }

    /// Until `q`.
    async fn show(&mut self) -> Result<(), Box<dyn Error>> {
        let mut keys = EventStream::new();
        let mut redraw = tokio::time::interval(REDRAWN_AFTER);
        loop {
            tokio::select! {
                news = self.remote.next() => self.take(news?),
                Some(event) = keys.next() => match event? {
                    Event::Key(key) if Key::of(key) == Some(Key::Quit) => return Ok(()),
                    Event::Key(key) => Key::of(key).into_iter().for_each(|key| self.press(key)),
                    _ => {}
                },
                _ = redraw.tick() => {}
            }
            let lines = view::lines(self.playing.as_ref(), self.since.elapsed(), &self.note);
            self.terminal.draw(lines, self.cover.as_ref())?;
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::State(playing, note) => {
                let cover = playing.as_ref().and_then(|playing| playing.cover.clone());
                if cover != self.cover_url() || self.playing.is_none() {
                    self.cover = playing.as_ref().map(|playing| Cover::of_text(&playing.from));
                    cover.into_iter().for_each(|url| self.remote.fetch_cover(url));
                }
                (self.playing, self.since, self.note) = (playing, Instant::now(), note);
            }
            News::Cover(url, cover) if self.cover_url() == Some(url.clone()) => {
                self.cover = Some(cover);
            }
            News::Cover(..) => {}
            News::Trouble(note) => self.note = note,
        }
    }

    fn cover_url(&self) -> Option<String> {
        self.playing.as_ref().and_then(|playing| playing.cover.clone())
    }

    /// Shows what the key will do before Spotify has done it.
    fn press(&mut self, key: Key) {
        let Some(playing) = &mut self.playing else { return };
        playing.press(key, self.since.elapsed());
        self.since = Instant::now();
        self.remote.press(key, playing);
    }
}

/// A second of the bar is less than a column of it.
const REDRAWN_AFTER: Duration = Duration::from_millis(500);
