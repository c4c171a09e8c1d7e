//! Over TLS on links as people have them, beside rspotify.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rspotify::clients::BaseClient;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::runtime::Runtime;

use crate::far_server::{self, Bodies, FarServer};
use crate::link::Link;
use crate::trust::Identity;
use crate::{paging, spotify_json};

const LINKS: [(u64, u32); 3] = [(40, 20), (150, 50), (20, 200)];
const TRACKS: usize = 64;
const TRACK: &str = "11dFghVXANMlKmJXsNCbNl";

/// The pages and the tracks on each link; only ours where `widths` are given.
pub fn measure(identity: &Identity, widths: &[usize]) {
    for (milliseconds, megabits) in LINKS {
        println!("a link of {milliseconds} ms and {megabits} Mbit/s");
        let link = Link { round_trip: Duration::from_millis(milliseconds), megabits };
        let server = far_server::start(identity, link, bodies);
        // As `#[tokio::main]` makes it.
        let runtime = Runtime::new().unwrap();
        for &width in widths {
            let taken = runtime.block_on(wide(&server, width));
            report(&format!("10,000 entries, {width} pages at once"), &server, taken, None);
        }
        if widths.is_empty() {
            compare(&runtime, &server);
            // The accounts service and the API are different hosts, as they are Spotify's.
            from_nothing(&runtime, &far_server::start(identity, link, bodies), &server);
        }
    }
}

fn compare(runtime: &Runtime, server: &FarServer) {
    let base = format!("{}/v1/", server.origin);
    let theirs = runtime.block_on(their_tracks(&paging::rspotify_at(&base)));
    report("64 tracks at once, rspotify", server, theirs, None);
    let ours = runtime.block_on(our_tracks(&client(&base)));
    report("64 tracks at once, spotify-web", server, ours, Some(theirs));
    let ours = runtime.block_on(paging::ours(&base));
    report("10,000 entries, spotify-web", server, ours, None);
    let theirs = runtime.block_on(paging::theirs(paging::rspotify_at(&base)));
    report("10,000 entries, rspotify", server, theirs, Some(ours));
}

/// With a token that is requested first.
fn from_nothing(runtime: &Runtime, accounts: &FarServer, server: &FarServer) {
    let base = format!("{}/v1/", server.origin);
    let theirs = runtime.block_on(async {
        let config = rspotify::Config {
            api_base_url: base.clone(),
            auth_base_url: format!("{}/", accounts.origin),
            ..Default::default()
        };
        let credentials = rspotify::Credentials::new("id", "secret");
        let spotify = rspotify::ClientCredsSpotify::with_config(credentials, config);
        let began = Instant::now();
        spotify.request_token().await.unwrap();
        their_tracks(&spotify).await;
        began.elapsed()
    });
    report("64 tracks and a token, rspotify", server, theirs, None);
    let ours = runtime.block_on(async {
        let config = SpotifyClientConfig::default()
            .with_base_url(&base)
            .with_token_url(format!("{}/api/token", accounts.origin))
            .with_authenticator(CredentialsAuthenticator::new("id", "secret"));
        our_tracks(&SpotifyClient::new(config).unwrap()).await
    });
    report("64 tracks and a token, spotify-web", server, ours, Some(theirs));
}

fn report(what: &str, server: &FarServer, taken: Duration, beside: Option<Duration>) {
    let (connections, bytes) = server.traffic.take();
    let (seconds, megabytes) = (taken.as_secs_f64(), bytes as f64 / 1e6);
    let times =
        beside.map(|beside| format!(", {:.2} times the other", seconds / beside.as_secs_f64()));
    let times = times.unwrap_or_default();
    println!("  {what:36} {seconds:6.2} s, {megabytes:5.1} MB, {connections} connections{times}");
}

async fn wide(server: &FarServer, pages: usize) -> Duration {
    let spotify = client(&format!("{}/v1/", server.origin));
    let began = Instant::now();
    let mut items =
        spotify.playlists().items(paging::PLAYLIST).limit(50).stream().concurrency(pages);
    let mut count = 0;
    while let Some(item) = items.next().await {
        item.unwrap();
        count += 1;
    }
    assert_eq!(count, paging::TOTAL);
    began.elapsed()
}

fn client(base: &str) -> SpotifyClient {
    SpotifyClient::new(SpotifyClientConfig::default().with_base_url(base).with_token("token"))
        .unwrap()
}

async fn our_tracks(spotify: &SpotifyClient) -> Duration {
    let began = Instant::now();
    let tracks = join_all((0..TRACKS).map(|_| spotify.tracks().get(TRACK).send())).await;
    tracks.into_iter().for_each(|track| drop(track.unwrap()));
    began.elapsed()
}

async fn their_tracks(spotify: &impl BaseClient) -> Duration {
    let began = Instant::now();
    let id = || rspotify::model::TrackId::from_id(TRACK).unwrap();
    let tracks = join_all((0..TRACKS).map(|_| spotify.track(id(), None))).await;
    tracks.into_iter().for_each(|track| drop(track.unwrap()));
    began.elapsed()
}

fn bodies(origin: &str) -> Bodies {
    let mut bodies: Bodies = paging::pages(origin)
        .into_iter()
        .map(|(name, body)| (name, (body, Duration::from_millis(50))))
        .collect();
    let track = spotify_json::track(1).to_string().into_bytes();
    bodies.insert(format!("/v1/tracks/{TRACK}"), (track, Duration::from_millis(20)));
    bodies.insert("/api/token".to_owned(), (far_server::token(), Duration::from_millis(50)));
    bodies
}
