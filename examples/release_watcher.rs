//! A bot that follows some artists and prints their new releases, for months.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify and asks every ten
//! minutes, else to a fake with tokens of five seconds, every quarter second. Ends on Ctrl-C.

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::Setup;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::AlbumId;
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};
use tokio::time::{Instant, MissedTickBehavior};

/// Carly Rae Jepsen, Daft Punk, Radiohead at Spotify; the fake knows the first.
const ARTISTS: [&str; 3] =
    ["6sFIWsNpZYqfjUpaCgueju", "4tZwfgrHOc3mvqYlEYSvVi", "4Z8W4fKeB5YxbusRsdQVPb"];

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let fake = FakeSpotify::builder().with_token_lifetime(Duration::from_secs(5));
    common::run(fake, run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    let config = setup.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config)?;
    let watcher = Watcher::new(spotify.clone(), authenticator.clone());
    tokio::select! {
        biased;
        // Heard before anything is printed.
        _ = tokio::signal::ctrl_c() => {}
        result = watch(watcher, setup) => result?,
    }
    // A token request that is on its way ends first.
    spotify.settle().await?;
    println!("ended after {} token request(s)", authenticator.stats().requests);
    Ok(())
}

/// Looks until an error that is not transient.
async fn watch(mut watcher: Watcher, setup: &Setup) -> Result<(), Error> {
    let (pause, artists) = match &setup.fake {
        Some(_) => (Duration::from_millis(250), &ARTISTS[..1]),
        None => (Duration::from_secs(600), &ARTISTS[..]),
    };
    watcher.look(artists).await?;
    println!(
        "watching {} releases of {} artist(s); Ctrl-C ends",
        watcher.seen.len(),
        artists.len()
    );

    let mut ticks = tokio::time::interval_at(Instant::now() + pause, pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 1_u64.. {
        ticks.tick().await;
        if let (Some(fake), 30) = (&setup.fake, tick) {
            fake.release(ARTISTS[0], "Out Of The Blue");
        }
        watcher.look_again(artists).await?;
    }
    Ok(())
}

struct Watcher {
    spotify: SpotifyClient,
    authenticator: CredentialsAuthenticator,
    seen: HashSet<AlbumId>,
    refreshes: u64,
}

impl Watcher {
    fn new(spotify: SpotifyClient, authenticator: CredentialsAuthenticator) -> Self {
        Self { spotify, authenticator, seen: HashSet::new(), refreshes: 0 }
    }

    /// Looks, and outlives what passes by: a bad network, a Spotify that is down.
    async fn look_again(&mut self, artists: &[&str]) -> Result<(), Error> {
        match self.look(artists).await {
            Err(error) if error.is_transient() => {
                eprintln!("trying again later: {}", error.to_line());
                tokio::time::sleep(error.retry_after().unwrap_or_default()).await;
                Ok(())
            }
            result => result,
        }
    }

    /// Prints what has not been seen before, save on the first look.
    async fn look(&mut self, artists: &[&str]) -> Result<(), Error> {
        let first = self.seen.is_empty();
        for artist in artists {
            let albums = self.spotify.artists().albums(*artist).await?;
            for album in albums.into_items() {
                if self.seen.insert(album.id) && !first {
                    let by = album.artists.first().map_or("somebody", |artist| &artist.name);
                    println!("new release: {} by {by}, {}", album.name, album.id.url());
                }
            }
        }
        self.report_refreshes();
        Ok(())
    }

    fn report_refreshes(&mut self) {
        let refreshes = self.authenticator.stats().refreshes;
        if refreshes > self.refreshes {
            println!("token {refreshes} was fetched on demand");
            self.refreshes = refreshes;
        }
    }
}
