//! Exports a playlist to `playlist.csv` and `playlist.json`, with a bar of how far it has come; in a
//! pipe there is none. `--help` names the arguments.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake
//! whose playlist has 10,000 entries.

mod common;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use common::Setup;
use indicatif::{ProgressBar, ProgressStyle};
use spotify_web::api::{ListEntry, Progress};
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::{PageItem, PlayableItem, PlaylistItem};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

/// Exports a playlist to `playlist.csv` and `playlist.json`.
#[derive(Parser)]
struct Arguments {
    /// Where the files are written to.
    #[arg(default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
    /// The playlist, by its id, URI or link.
    #[arg(default_value = "3cEYpjA9oz9GiPac4AsH4n")]
    playlist: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { directory, playlist } = Arguments::parse();
    // Before anything is fetched, which takes minutes for a long playlist.
    let files = match Files::create(&directory) {
        Ok(files) => files,
        Err(error) => return cannot_write(&directory, &error),
    };
    let fake = FakeSpotify::builder().with_playlist_length(10_000);
    let mut written = Ok(0);
    let fetched = common::run(fake, async |setup| {
        let entries = fetch(setup, playlist).await?;
        written = files.write(&entries).map(|()| entries.len());
        Ok(())
    });
    let fetched = fetched.await;
    match written {
        Err(error) => return cannot_write(&directory, &error),
        Ok(number) if fetched == ExitCode::SUCCESS => {
            println!("{number} entries are in {}", directory.display());
        }
        Ok(_) => {}
    }
    fetched
}

fn cannot_write(directory: &Path, error: &io::Error) -> ExitCode {
    eprintln!("error: the files in {} cannot be written: {error}", directory.display());
    ExitCode::FAILURE
}

async fn fetch(setup: &Setup, playlist: String) -> Result<Vec<ListEntry<PlaylistItem>>, Error> {
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let spotify = SpotifyClient::new(setup.config().with_authenticator(authenticator))?;

    let bar = bar();
    let drawn = bar.clone();
    let items = spotify.playlists().items(playlist);
    let entries = items.all().progress(move |progress| draw(&drawn, &progress)).entries().await?;
    bar.finish();
    Ok(entries)
}

/// On standard error, and nowhere if that is no terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style.progress_chars("█░"))
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    if let Some(total) = progress.total {
        bar.set_length(total.into());
    }
    bar.set_position((progress.fetched + progress.left_out) as u64);
}

/// Both files, open; what an earlier run has written stays until this one has something to write.
struct Files {
    csv: File,
    json: File,
}

impl Files {
    fn create(directory: &Path) -> io::Result<Self> {
        let open = |name| {
            let mut options = File::options();
            options.write(true).create(true).truncate(false).open(directory.join(name))
        };
        Ok(Self { csv: open("playlist.csv")?, json: open("playlist.json")? })
    }

    fn write(&self, entries: &[ListEntry<PlaylistItem>]) -> io::Result<()> {
        self.csv.set_len(0)?;
        self.json.set_len(0)?;
        write_csv(&mut BufWriter::new(&self.csv), entries)?;
        let mut json = BufWriter::new(&self.json);
        let items: Vec<_> = entries.iter().map(|entry| &entry.item).collect();
        serde_json::to_writer_pretty(&mut json, &items)?;
        json.flush()
    }
}

/// Every entry, also what has no track: with its position and the reason.
fn write_csv(csv: &mut impl Write, entries: &[ListEntry<PlaylistItem>]) -> io::Result<()> {
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
    csv.flush()
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
