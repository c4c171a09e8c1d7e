//! Searches the catalogue for what is on the command line:
//! `cargo run --example search -- cut to the`.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake.

mod common;

use common::Setup;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::{Page, SearchType};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::run(FakeSpotify::builder(), run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let query = if words.is_empty() { "port".to_owned() } else { words.join(" ") };
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let spotify = SpotifyClient::new(setup.config().with_authenticator(authenticator))?;

    println!("searching for {query:?}");
    let types = [SearchType::Artist, SearchType::Album, SearchType::Track];
    let found = spotify.search().all(query, types).await?;
    for artist in found.artists.into_iter().flat_map(Page::into_items) {
        println!("artist  {:40} {}", artist.name, artist.id.url());
    }
    for album in found.albums.into_iter().flat_map(Page::into_items) {
        let released = album.release_date.map(|date| date.to_string()).unwrap_or_default();
        println!("album   {:40} {released}", album.name);
    }
    for track in found.tracks.into_iter().flat_map(Page::into_items) {
        let by = track.artists.first().map_or("", |artist| &artist.name);
        println!("track   {:40} {by}", track.name);
    }
    Ok(())
}
