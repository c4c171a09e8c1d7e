//! Reading a playlist of 10,000 entries from a server that takes 50 ms for a page of 50.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use rspotify::AuthCodeSpotify;
use rspotify::clients::BaseClient;
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use crate::{server, spotify_json};

pub const TOTAL: u32 = 10_000;
pub const PLAYLIST: &str = "3cEYpjA9oz9GiPac4AsH4n";

/// `.all()` at least 8 times as fast as rspotify's stream.
pub fn measure() {
    let base = server::start(pages, Duration::from_millis(50)) + "/v1/";
    // As `#[tokio::main]` makes it.
    let runtime = tokio::runtime::Runtime::new().unwrap();

    let ours = runtime.block_on(ours(&base));
    let theirs = runtime.block_on(theirs(rspotify_at(&base)));
    println!("10,000 playlist entries at 50 ms a page of 50");
    let times = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("  spotify-web `.all()`  {:5.2} s, {times:.1} times as fast", ours.as_secs_f64());
    println!("  rspotify's stream     {:5.2} s", theirs.as_secs_f64());
}

/// The pages of the playlist by their names.
pub fn pages(origin: &str) -> server::Responses {
    let offsets = (0..TOTAL).step_by(50);
    let page = |offset| spotify_json::page(origin, offset, TOTAL).to_string().into_bytes();
    offsets.map(|offset| (format!("/{offset}"), page(offset))).collect()
}

pub async fn ours(base: &str) -> Duration {
    let config = SpotifyClientConfig::default().with_base_url(base).with_token("token");
    let spotify = SpotifyClient::new(config).unwrap();
    let began = Instant::now();
    let entries = spotify.playlists().items(PLAYLIST).limit(50).all().await.unwrap();
    assert_eq!(entries.len(), TOTAL as usize);
    began.elapsed()
}

pub async fn theirs(spotify: AuthCodeSpotify) -> Duration {
    let began = Instant::now();
    let playlist = rspotify::model::PlaylistId::from_id(PLAYLIST).unwrap();
    let entries: Vec<_> = spotify.playlist_items(playlist, None, None).try_collect().await.unwrap();
    assert_eq!(entries.len(), TOTAL as usize);
    began.elapsed()
}

/// A client of rspotify's that has a token already.
pub fn rspotify_at(base: &str) -> AuthCodeSpotify {
    let config = rspotify::Config { api_base_url: base.to_owned(), ..Default::default() };
    let token = rspotify::Token { access_token: "token".to_owned(), ..Default::default() };
    AuthCodeSpotify::from_token_with_config(
        token,
        rspotify::Credentials::default(),
        rspotify::OAuth::default(),
        rspotify::Config { token_refreshing: false, ..config },
    )
}
