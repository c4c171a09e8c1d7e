//! Exports a playlist to `playlist.csv` and `playlist.json` in the directory of the first argument,
//! the system's for temporary files by default. The second argument names the playlist.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake
//! whose playlist has 10,000 entries.

mod common;

use std::io::{BufWriter, Write};
use std::path::Path;

use common::Setup;
use spotify_web::api::{ListEntry, Progress};
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::{PageItem, PlayableItem, PlaylistItem};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::run(FakeSpotify::builder().with_playlist_length(10_000), run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| std::env::temp_dir().into());
    let playlist = std::env::args().nth(2).unwrap_or_else(|| "3cEYpjA9oz9GiPac4AsH4n".to_owned());
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let spotify = SpotifyClient::new(setup.config().with_authenticator(authenticator))?;

    let items = spotify.playlists().items(playlist);
    let entries = items.all().progress(draw).entries().await?;
    println!();
    match write(Path::new(&directory), &entries) {
        Ok(()) => println!("{} entries are in {}", entries.len(), Path::new(&directory).display()),
        Err(error) => eprintln!("the files cannot be written: {error}"),
    }
    Ok(())
}

/// A bar, over the one before.
fn draw(progress: Progress) {
    let total = progress.total.unwrap_or_default() as usize;
    let exported = progress.fetched + progress.left_out;
    let filled = (exported * WIDTH).checked_div(total).unwrap_or_default().min(WIDTH);
    let bar = "█".repeat(filled) + &"░".repeat(WIDTH - filled);
    print!("\r{bar} {exported} of {total}");
    let _ = std::io::stdout().flush();
}

/// Every entry, also what has no track: with its position and the reason.
fn write(directory: &Path, entries: &[ListEntry<PlaylistItem>]) -> std::io::Result<()> {
    let mut csv = BufWriter::new(std::fs::File::create(directory.join("playlist.csv"))?);
    writeln!(csv, "position,added_at,uri,name,reason")?;
    for ListEntry { position, item, .. } in entries {
        let added_at = item.item().and_then(|entry| entry.added_at);
        let added_at = added_at.map(|moment| moment.to_rfc3339()).unwrap_or_default();
        let playable = item.item().and_then(|entry| entry.item.as_ref());
        // That of a local file is made of what its tags say, commas included.
        let uri = quoted(playable.and_then(PlayableItem::uri).unwrap_or_default());
        let name = quoted(playable.and_then(PlayableItem::name).unwrap_or_default());
        writeln!(csv, "{position},{added_at},{uri},{name},{}", quoted(&reason(item)))?;
    }
    csv.flush()?;
    let json = BufWriter::new(std::fs::File::create(directory.join("playlist.json"))?);
    let items: Vec<_> = entries.iter().map(|entry| &entry.item).collect();
    serde_json::to_writer_pretty(json, &items)?;
    Ok(())
}

/// Why there is no track.
fn reason(item: &PageItem<PlaylistItem>) -> String {
    match item {
        PageItem::Item(entry) => match &entry.item {
            Some(item) if item.uri().is_some() => String::new(),
            Some(_) => "Spotify sent something without a URI".to_owned(),
            None => "Spotify does not have it any more".to_owned(),
        },
        PageItem::Unreadable(unreadable) => unreadable.to_string(),
        _ => "Spotify sent nothing".to_owned(),
    }
}

/// RFC 4180: in quotes, and quotes in it doubled.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

const WIDTH: usize = 40;
