//! Shows in the terminal what is playing, and how far it has come. Ends on Ctrl-C.
//!
//! With a user's token in `SPOTIFY_TOKEN` (scope `user-read-playback-state`) it talks to Spotify,
//! else to a fake.

use std::io::Write;
use std::time::Duration;

use spotify_web::model::{CurrentlyPlayingContext, PlayableItem};
use spotify_web::testing::FakeSpotify;
use spotify_web::{SpotifyClient, SpotifyClientConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake = FakeSpotify::start().await?;
    let config = match std::env::var("SPOTIFY_TOKEN") {
        Ok(token) => SpotifyClientConfig::default().with_token(token),
        Err(_) => {
            println!("SPOTIFY_TOKEN is not set: using the built-in fake Spotify");
            fake.config().with_token(fake.user_token())
        }
    };
    let spotify = SpotifyClient::new(config)?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => println!(),
        result = watch(&spotify) => result?,
    }
    Ok(())
}

async fn watch(spotify: &SpotifyClient) -> Result<(), spotify_web::Error> {
    loop {
        match spotify.player().state().await {
            Ok(state) => show(state.as_ref()),
            Err(error) if error.is_transient() => {
                tokio::time::sleep(error.retry_after().unwrap_or_default()).await;
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// One line, over the one before.
fn show(state: Option<&CurrentlyPlayingContext>) {
    let line = state.map_or_else(|| "nothing is playing".to_owned(), line);
    print!("\r\x1b[2K{line}");
    let _ = std::io::stdout().flush();
}

fn line(state: &CurrentlyPlayingContext) -> String {
    let (name, length) = match &state.item {
        Some(PlayableItem::Track(track)) => (track.name.as_str(), track.duration),
        Some(PlayableItem::Episode(episode)) => (episode.name.as_str(), episode.duration),
        _ => ("something else", state.progress),
    };
    let (progress, length) = (state.progress.unwrap_or_default(), length.unwrap_or_default());
    let part = progress.as_secs_f64() / length.as_secs_f64().max(1.0);
    let filled = (part * WIDTH as f64).round() as usize;
    let bar = "█".repeat(filled.min(WIDTH)) + &"░".repeat(WIDTH.saturating_sub(filled));
    let sign = if state.is_playing == Some(true) { "▶" } else { "⏸" };
    format!("{sign} {name}  {} {bar} {}", minutes(progress), minutes(length))
}

fn minutes(duration: Duration) -> String {
    format!("{}:{:02}", duration.as_secs() / 60, duration.as_secs() % 60)
}

const WIDTH: usize = 30;
