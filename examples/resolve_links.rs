//! Finds every Spotify link and URI in the lines of a chat, and prints title, kind and cover of what it leads to:
//! `echo 'hear this: <https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl>!' | cargo run --example resolve_links`.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake.

mod common;

use std::io::BufRead;

use common::Setup;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::{Episode, IdError, IdKind, Image, SpotifyUri};
use spotify_web::reqwest::StatusCode;
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    common::run(FakeSpotify::builder(), run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let config = setup.config().with_authenticator(authenticator).with_market("DE");
    let spotify = SpotifyClient::new(config)?;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        for link in links(&line) {
            println!("{}", resolved(&spotify, link).await);
        }
    }
    Ok(())
}

/// What stands in a line from where a link or a URI begins to where it cannot go on. What is left around it, such
/// as a full stop, the parser takes off.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let is_between =
        |letter: char| letter.is_whitespace() || "<>()[]{}|\"「」（）《》".contains(letter);
    line.split(is_between).filter_map(|word| {
        // In ASCII only, so that the places stay the same.
        let lower = word.to_ascii_lowercase();
        let begin = BEGINNINGS.iter().filter_map(|beginning| lower.find(beginning)).min()?;
        let link = word.get(begin..)?;
        let names_spotify = MARKS.iter().any(|mark| lower.contains(mark));
        (names_spotify && link.len() > "spotify:".len()).then_some(link)
    })
}

const BEGINNINGS: [&str; 9] = [
    "https:",
    "http:",
    "https%3a",
    "http%3a",
    "spotify:",
    "spotify%3a",
    "open.spotify.",
    "play.spotify.",
    "spotify.link",
];

const MARKS: [&str; 4] = ["spotify:", "spotify%3a", "spotify.", "spoti.fi"];

/// One that leads nowhere costs the others nothing.
async fn resolved(spotify: &SpotifyClient, link: &str) -> String {
    match link.parse::<SpotifyUri>() {
        Ok(uri) => match Found::at(spotify, &uri).await {
            Ok(Found { title, kind, cover }) => format!("{title} | {kind} | {cover}"),
            Err(error) => format!("{uri}: {}", error.to_line()),
        },
        Err(error @ (IdError::ShortLink { .. } | IdError::LocalFile { .. })) => error.to_string(),
        Err(_) => format!("`{link}` leads to nothing that has a title"),
    }
}

/// What a link leads to.
struct Found {
    title: String,
    kind: IdKind,
    /// The URL of the largest picture, or `no cover`.
    cover: String,
}

impl Found {
    fn new(title: String, kind: IdKind, images: &[Image]) -> Self {
        let cover = images.first().map_or_else(|| "no cover".to_owned(), |image| image.url.clone());
        Self { title, kind, cover }
    }

    async fn at(spotify: &SpotifyClient, uri: &SpotifyUri) -> Result<Self, Error> {
        let kind = uri.kind().clone();
        Ok(match kind {
            IdKind::Track => {
                let track = spotify.tracks().get(uri).await?;
                Self::new(
                    track.name,
                    kind,
                    &track.album.map(|album| album.images).unwrap_or_default(),
                )
            }
            IdKind::Album => {
                let album = spotify.albums().get(uri).await?;
                Self::new(album.name, kind, &album.images)
            }
            IdKind::Artist => {
                let artist = spotify.artists().get(uri).await?;
                Self::new(artist.name, kind, &artist.images)
            }
            IdKind::Playlist => {
                let playlist = spotify.playlists().get(uri).fields("name,images").await?;
                Self::new(playlist.name, kind, &playlist.images)
            }
            IdKind::Show => Self::show(spotify, uri).await?,
            IdKind::Episode => Self::episode(spotify, uri).await?,
            _ => Self::new(uri.to_string(), kind, &[]),
        })
    }

    /// A podcast, or an audiobook, whose link says the same.
    async fn show(spotify: &SpotifyClient, uri: &SpotifyUri) -> Result<Self, Error> {
        match spotify.shows().get(uri).await {
            Ok(show) => Ok(Self::new(show.name, IdKind::Show, &show.images)),
            Err(error) if is_unknown(&error) => {
                let book = spotify.audiobooks().get(uri).await?;
                Ok(Self::new(book.name, IdKind::Audiobook, &book.images))
            }
            Err(error) => Err(error),
        }
    }

    /// An episode, or a chapter of an audiobook, whose link says the same.
    async fn episode(spotify: &SpotifyClient, uri: &SpotifyUri) -> Result<Self, Error> {
        match spotify.episodes().get(uri).await {
            Ok(Episode { name, images, .. }) => Ok(Self::new(name, IdKind::Episode, &images)),
            Err(error) if is_unknown(&error) => {
                let chapter = spotify.chapters().get(uri).await?;
                Ok(Self::new(chapter.name, IdKind::Chapter, &chapter.images))
            }
            Err(error) => Err(error),
        }
    }
}

fn is_unknown(error: &Error) -> bool {
    error.status() == Some(StatusCode::NOT_FOUND)
}
