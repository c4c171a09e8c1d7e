//! 64 tasks that send one request after the other, beside bare reqwest and serde.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use spotify_web::auth::{AuthError, CachedAuthenticator, TokenSource};
use spotify_web::model::{Page, PlaylistItem, Track};
use spotify_web::oauth::Token;
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::runtime::Runtime;

use crate::{server, spotify_json};

const TASKS: usize = 64;
const ROUNDS: usize = 15;

/// At least 0.97 of the throughput of bare reqwest, for pages.
pub fn measure() {
    println!("{TASKS} tasks, one request after the other each");
    let runtime = Runtime::new().unwrap();
    let page = spotify_json::page("https://api.spotify.com", 0, 50).to_string();
    compare::<Page<PlaylistItem>>(&runtime, "a page of 50 playlist entries", page, 20);
    compare::<Track>(&runtime, "a track", spotify_json::track(1).to_string(), 400);
}

fn compare<T: DeserializeOwned + Send + 'static>(
    runtime: &Runtime,
    what: &str,
    body: String,
    requests: usize,
) {
    let kibibytes = body.len() as f64 / 1024.0;
    let responses = |_: &str| [("/v1/response".to_owned(), body.into_bytes())].into();
    let origin = server::start(responses, Duration::ZERO);
    let config = SpotifyClientConfig::default()
        .with_base_url(format!("{origin}/v1/"))
        .with_authenticator(CachedAuthenticator::new(OneToken));
    let (http, url) = (config.http_client().unwrap(), format!("{origin}/v1/response"));
    let spotify = SpotifyClient::new(config).unwrap();

    let bare = move || {
        let (http, url) = (http.clone(), url.clone());
        async move {
            let response = http.get(&url).bearer_auth("token").send().await.unwrap();
            let body = response.error_for_status().unwrap().bytes().await.unwrap();
            drop(serde_json::from_slice::<T>(&body).unwrap());
        }
    };
    let ours = move || {
        let sending = spotify.get::<T>("response").send();
        async move { drop(sending.await.unwrap()) }
    };

    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        // By turns, so that other load on the machine meets both.
        times[0].push(runtime.block_on(round(requests, bare.clone())));
        times[1].push(runtime.block_on(round(requests, ours.clone())));
    }
    let [bare, ours] = times.map(|mut times| {
        times.sort();
        (TASKS * requests) as f64 / times[ROUNDS / 2].as_secs_f64()
    });
    println!(
        "  {what}, {kibibytes:.1} KiB: {ours:.0} a second, {:.3} of bare reqwest",
        ours / bare
    );
}

/// How long it takes until all tasks have sent all of theirs.
async fn round<F, R>(requests: usize, request: F) -> Duration
where
    F: Fn() -> R + Clone + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let began = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let request = request.clone();
            tokio::spawn(async move {
                for _ in 0..requests {
                    request().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed()
}

/// Signs as authenticators with a cache do.
#[derive(Debug)]
struct OneToken;

#[async_trait::async_trait]
impl TokenSource for OneToken {
    async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
        Ok(Token::new("token", Token::DEFAULT_LIFETIME))
    }
}
