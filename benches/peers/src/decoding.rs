//! Decoding a page of 50 playlist entries.

use std::time::{Duration, Instant};

use serde_json::Value;
use spotify_web::model::PageItem;

use crate::spotify_json;

/// At least 4.6 times rspotify's models.
pub fn measure() {
    let body = spotify_json::page("https://api.spotify.com", 0, 50).to_string();
    println!("decoding a page of 50 playlist entries, {} KiB", body.len() / 1024);
    let ours = |body: &str| {
        let page: spotify_web::model::Page<spotify_web::model::PlaylistItem> =
            spotify_web::model::from_json(body.as_bytes()).unwrap();
        assert!(page.items.iter().all(PageItem::is_item));
        page
    };
    let theirs = |body: &str| {
        serde_json::from_str::<rspotify::model::Page<rspotify::model::PlaylistItem>>(body).unwrap()
    };
    let allocations = [
        allocation_counter::measure(|| drop(ours(&body))).count_total,
        allocation_counter::measure(|| drop(theirs(&body))).count_total,
    ];
    let (ours, theirs) = (throughput(&body, ours), throughput(&body, theirs));
    println!("  allocations: spotify-web {}, rspotify {}", allocations[0], allocations[1]);
    let value = throughput(&body, |body| serde_json::from_str::<Value>(body).unwrap());
    println!("  spotify-web       {ours:6.0} MB/s, {:.1} times rspotify", ours / theirs);
    println!("  rspotify          {theirs:6.0} MB/s");
    println!("  serde_json::Value {value:6.0} MB/s");
}

/// The median of many rounds, in megabytes a second.
fn throughput<T>(body: &str, decode: impl Fn(&str) -> T) -> f64 {
    let mut rounds: Vec<Duration> = (0..1000)
        .map(|_| {
            let began = Instant::now();
            std::hint::black_box(decode(std::hint::black_box(body)));
            began.elapsed()
        })
        .collect();
    rounds.sort();
    body.len() as f64 / rounds[rounds.len() / 2].as_secs_f64() / 1e6
}
