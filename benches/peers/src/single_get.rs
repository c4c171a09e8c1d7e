//! One GET after the other, beside bare reqwest and serde.

use std::time::{Duration, Instant};

use rspotify::clients::BaseClient;
use spotify_web::model::Track;
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use crate::{paging, server, spotify_json};

const TRACK: &str = "11dFghVXANMlKmJXsNCbNl";
const ROUNDS: u32 = 60;
const REQUESTS_A_ROUND: u32 = 200;

/// At least 0.97 of the requests a second of bare reqwest, with at most 15 allocations more.
pub fn measure() {
    let target = format!("/v1/tracks/{TRACK}");
    let track = spotify_json::track(1).to_string().into_bytes();
    let url = server::start(|_| [(target.clone(), track)].into(), Duration::ZERO) + &target;
    let base = url.replace(&format!("tracks/{TRACK}"), "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    let config = SpotifyClientConfig::default().with_base_url(&base).with_token("token");
    let http = config.http_client().unwrap();
    let spotify = SpotifyClient::new(config).unwrap();
    let rspotify = paging::rspotify_at(&base);

    let bare = || {
        runtime.block_on(async {
            let response = http.get(&url).bearer_auth("token").send().await.unwrap();
            let body = response.error_for_status().unwrap().bytes().await.unwrap();
            drop(serde_json::from_slice::<Track>(&body).unwrap());
        });
    };
    let ours = || drop(runtime.block_on(spotify.tracks().get(TRACK).send()).unwrap());
    let theirs = || {
        let id = rspotify::model::TrackId::from_id(TRACK).unwrap();
        drop(runtime.block_on(rspotify.track(id, None)).unwrap());
    };
    compare(&bare, &ours, &theirs);
}

fn compare(bare: &dyn Fn(), ours: &dyn Fn(), theirs: &dyn Fn()) {
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        // By turns, so that other load on the machine meets all of them.
        for (times, get) in times.iter_mut().zip([bare, ours, theirs]) {
            let began = Instant::now();
            (0..REQUESTS_A_ROUND).for_each(|_| get());
            times.push(began.elapsed());
        }
    }
    let rates = times.map(|mut times| {
        times.sort();
        f64::from(REQUESTS_A_ROUND) / times[times.len() / 2].as_secs_f64()
    });
    let allocations = [bare, ours, theirs].map(|get| allocation_counter::measure(get).count_total);
    println!("one GET of a track, one after the other");
    for (name, (rate, count)) in
        ["bare reqwest", "spotify-web", "rspotify"].iter().zip(rates.iter().zip(allocations))
    {
        let (share, more) = (rate / rates[0], count as i64 - allocations[0] as i64);
        println!("  {name:12} {rate:6.0} a second, {share:.3}; {count} allocations, {more:+}");
    }
}
