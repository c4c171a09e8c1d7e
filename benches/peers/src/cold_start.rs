//! From the start of a process to its first track, beside bare reqwest that sends the same two
//! requests.

use std::process::Command;
use std::time::{Duration, Instant};

use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::model::Track;
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use crate::far_server::{self, Bodies};
use crate::link::Link;
use crate::spotify_json;
use crate::trust::Identity;

const ROUNDS: usize = 11;
const TRACK: &str = "11dFghVXANMlKmJXsNCbNl";

/// At most 1.1 times bare reqwest. The accounts service and the API are different hosts, as they
/// are Spotify's.
pub fn measure(identity: &Identity) {
    println!("from the start of a process to its first track");
    for milliseconds in [1, 40, 150] {
        let link = Link { round_trip: Duration::from_millis(milliseconds), megabits: 50 };
        let [accounts, api] = [(); 2].map(|()| far_server::start(identity, link, bodies));
        let mut times = ["bare", "ours"].map(|which| (which, Vec::new()));
        for _ in 0..ROUNDS {
            for (which, times) in &mut times {
                times.push(run(&["fetch", which, &accounts.origin, &api.origin]));
            }
        }
        let [bare, ours] = times.map(|(_, mut times)| {
            times.sort();
            times[ROUNDS / 2].as_secs_f64()
        });
        println!(
            "  {milliseconds:3} ms: bare reqwest {bare:.3} s, spotify-web {ours:.3} s, {:.2} times",
            ours / bare
        );
    }
}

fn run(arguments: &[&str]) -> Duration {
    let began = Instant::now();
    let status = Command::new(std::env::current_exe().unwrap()).args(arguments).status().unwrap();
    assert!(status.success());
    began.elapsed()
}

/// What such a process does.
pub fn fetch(which: &str, accounts: &str, api: &str) {
    let token_url = format!("{accounts}/api/token");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match which {
            "bare" => bare(&token_url, &format!("{api}/v1/tracks/{TRACK}")).await,
            _ => ours(&token_url, &format!("{api}/v1/")).await,
        }
    });
}

async fn bare(token_url: &str, track_url: &str) {
    let http = reqwest::Client::new();
    let form = [("grant_type", "client_credentials")];
    let response = http.post(token_url).basic_auth("id", Some("secret")).form(&form).send().await;
    let token: serde_json::Value =
        serde_json::from_slice(&response.unwrap().bytes().await.unwrap()).unwrap();
    let token = token["access_token"].as_str().unwrap();
    let response = http.get(track_url).bearer_auth(token).send().await.unwrap();
    drop(serde_json::from_slice::<Track>(&response.bytes().await.unwrap()).unwrap());
}

async fn ours(token_url: &str, base: &str) {
    let config = SpotifyClientConfig::default()
        .with_base_url(base)
        .with_token_url(token_url)
        .with_authenticator(CredentialsAuthenticator::new("id", "secret"));
    SpotifyClient::new(config).unwrap().tracks().get(TRACK).await.unwrap();
}

fn bodies(_: &str) -> Bodies {
    let track = spotify_json::track(1).to_string().into_bytes();
    [
        ("/api/token".to_owned(), (far_server::token(), Duration::from_millis(50))),
        (format!("/v1/tracks/{TRACK}"), (track, Duration::from_millis(20))),
    ]
    .into()
}
