//! Searches the catalogue for what is on the command line:
//! `cargo run --example search -- cut to the`.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake.

mod common;

use clap::Parser;
use common::Setup;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::{Page, SearchType};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

/// Searches the catalogue for artists, albums and tracks.
#[derive(Parser)]
struct Arguments {
    /// What to look for; filters such as `artist:` are Spotify's.
    #[arg(default_value = "port")]
    words: Vec<String>,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let query = Arguments::parse().words.join(" ");
    common::run(FakeSpotify::builder(), async |setup| run(setup, query).await).await
}

async fn run(setup: &Setup, query: String) -> Result<(), Error> {
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let spotify = SpotifyClient::new(setup.config().with_authenticator(authenticator))?;

    println!("searching for {query:?}");
    let types = [SearchType::Artist, SearchType::Album, SearchType::Track];
    let found = spotify.search().all(query, types).await?;
    let mut hits = 0;
    for artist in found.artists.into_iter().flat_map(Page::into_items) {
        println!("artist  {:40} {}", artist.name, artist.id.url());
        hits += 1;
    }
    for album in found.albums.into_iter().flat_map(Page::into_items) {
        let released = album.release_date.map(|date| date.to_string()).unwrap_or_default();
        println!("album   {:40} {released}", album.name);
        hits += 1;
    }
    for track in found.tracks.into_iter().flat_map(Page::into_items) {
        let by = track.artists.first().map_or("", |artist| &artist.name);
        println!("track   {:40} {by}", track.name);
        hits += 1;
    }
    if hits == 0 {
        println!("nothing is found");
    }
    Ok(())
}
