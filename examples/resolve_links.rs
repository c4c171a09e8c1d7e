//! Finds every Spotify link and URI in the lines of a chat, and says what it leads to:
//! `echo 'hear this: <https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl>!' | cargo run --example resolve_links`.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake.

mod common;

use std::io::BufRead;

use common::Setup;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::{IdError, IdKind, Image, SpotifyUri};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::run(FakeSpotify::builder(), run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let spotify = SpotifyClient::new(setup.config().with_authenticator(authenticator))?;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        for link in links(&line) {
            match link.parse::<SpotifyUri>() {
                Ok(uri) => println!("{}", described(&spotify, &uri).await),
                Err(error @ (IdError::ShortLink { .. } | IdError::LocalFile { .. })) => {
                    println!("{error}");
                }
                Err(_) => println!("{link} leads to nothing at Spotify"),
            }
        }
    }
    Ok(())
}

/// The words of a line in which Spotify is named; what stands around them the parser takes off.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let is_between = |letter: char| letter.is_whitespace() || "<>()[]|\"".contains(letter);
    line.split(is_between).filter(|word| {
        let word = word.to_ascii_lowercase();
        word.contains("spotify:") || word.contains("spotify.") || word.contains("spoti.fi/")
    })
}

/// One that does not lead anywhere costs the others nothing.
async fn described(spotify: &SpotifyClient, uri: &SpotifyUri) -> String {
    match title(spotify, uri).await {
        Ok((title, cover)) => format!("{:9} {title:32} {}", uri.kind().as_str(), cover),
        Err(error) => format!("{uri}: {}", error.to_line()),
    }
}

/// The title, and the URL of the cover.
async fn title(spotify: &SpotifyClient, uri: &SpotifyUri) -> Result<(String, String), Error> {
    Ok(match uri.kind() {
        IdKind::Track => {
            let track = spotify.tracks().get(uri).await?;
            (track.name, cover(&track.album.map(|album| album.images).unwrap_or_default()))
        }
        IdKind::Album => {
            let album = spotify.albums().get(uri).await?;
            (album.name, cover(&album.images))
        }
        IdKind::Artist => {
            let artist = spotify.artists().get(uri).await?;
            (artist.name, cover(&artist.images))
        }
        IdKind::Playlist => {
            let playlist = spotify.playlists().get(uri).fields("name,images").await?;
            (playlist.name, cover(&playlist.images))
        }
        IdKind::Show => {
            let show = spotify.shows().get(uri).market("DE").await?;
            (show.name, cover(&show.images))
        }
        IdKind::Episode => {
            let episode = spotify.episodes().get(uri).market("DE").await?;
            (episode.name, cover(&episode.images))
        }
        _ => (uri.to_string(), String::new()),
    })
}

fn cover(images: &[Image]) -> String {
    images.first().map(|image| image.url.clone()).unwrap_or_default()
}
