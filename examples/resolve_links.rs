//! Finds every Spotify link and URI in the lines of a chat, and prints title, kind and cover of
//! what it leads to:
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
    for line in std::io::stdin().lock().split(b'\n') {
        let Ok(line) = line.inspect_err(|error| eprintln!("cannot read on: {error}")) else {
            break;
        };
        // A letter in another encoding costs no link.
        for link in links(&String::from_utf8_lossy(&line)) {
            println!("{}", resolved(&spotify, link).await);
        }
    }
    Ok(())
}

/// What stands in a line from where a link or a URI begins to where it cannot go on, or the next
/// one begins. What is left around it, such as a full stop, the parser takes off.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let is_between =
        |letter: char| letter.is_whitespace() || "<>()[]{}|\"「」（）《》".contains(letter);
    line.split(is_between).flat_map(links_in_word).filter(|link| names_spotify(link))
}

fn links_in_word(word: &str) -> Vec<&str> {
    // In ASCII only, so that the places stay the same.
    let lower = word.to_ascii_lowercase();
    let places = SCHEMES.iter().chain(&HOSTS).flat_map(|start| lower.match_indices(start));
    let mut places: Vec<_> = places.map(|(place, _)| place).collect();
    places.sort_unstable();
    let mut begun: Vec<usize> = Vec::new();
    for place in places {
        let begin = begun.last().copied().unwrap_or(0);
        if let (Some(before), Some(link)) = (lower.get(begin..place), lower.get(place..)) {
            begun.extend(begins(before, link).then_some(place));
        }
    }
    let ends = begun.iter().skip(1).copied().chain([word.len()]);
    begun.iter().zip(ends).filter_map(|(begin, end)| word.get(*begin..end)).collect()
}

/// Whether a link begins there, or what was begun before goes on: its query, the name of a user,
/// its host, or a word.
fn begins(before: &str, link: &str) -> bool {
    let is_in_query = before.contains('?') && before.ends_with(['=', '%']);
    let goes_on = match link {
        _ if link.starts_with("https://") || link.starts_with("http://") => false,
        _ if link.starts_with("spotify:") => ends_with_word(before) || ends_with_user(before),
        _ if HOSTS.iter().any(|host| link.starts_with(host)) => ends_with_part_of_host(before),
        _ => ends_with_word(before),
    };
    !is_in_query && !goes_on
}

fn ends_with_word(before: &str) -> bool {
    before.ends_with(|letter: char| letter.is_ascii_alphanumeric())
}

/// `spotify:user:spotify:playlist:…`
fn ends_with_user(before: &str) -> bool {
    before.rsplit_once(':').is_some_and(|(before, _)| before.ends_with("spotify:user"))
}

/// `https://`, `name@`, `evil-`; but no mark in a path, and no `www.`.
fn ends_with_part_of_host(before: &str) -> bool {
    let is_begun = ["https://", "http://"].iter().any(|scheme| before.ends_with(scheme));
    let before = before.strip_suffix("www.").unwrap_or(before);
    let authority = before.rsplit_once("//").map_or(before, |(_, authority)| authority);
    let word = match authority.contains('/') {
        true => before,
        false => before.trim_end_matches(['.', '-', '@', '_']),
    };
    is_begun || ends_with_word(word)
}

fn names_spotify(link: &str) -> bool {
    let lower = link.to_ascii_lowercase();
    let is_more = lower.trim_end_matches(|letter: char| !letter.is_alphanumeric()) != "spotify";
    is_more && ["spotify:", "spotify%3a"].iter().chain(&HOSTS).any(|name| lower.contains(name))
}

const SCHEMES: [&str; 6] = ["https:", "http:", "https%3a", "http%3a", "spotify:", "spotify%3a"];

/// Where Spotify's links lead, all that the parser knows.
const HOSTS: [&str; 9] = [
    "accounts.spotify.com",
    "open.spotify.com",
    "play.spotify.com",
    "embed.spotify.com",
    "api.spotify.com",
    "spotify.link",
    "spotify.app.link",
    "link.tospotify.com",
    "spoti.fi",
];

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
