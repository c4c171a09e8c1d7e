//! Decoding a page of 50 playlist entries.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::Value;
use spotify_web::model::PageItem;

use crate::spotify_json;

/// At least 4.6 times rspotify's models.
pub fn measure() {
    let origin = "https://api.spotify.com";
    compare("by the alphabet", &spotify_json::page(origin, 0, 50).to_string());
    compare("as recorded", &spotify_json::page_as_recorded(origin));
}

fn compare(order: &str, body: &str) {
    println!("decoding a page of 50 playlist entries, fields {order}, {} KiB", body.len() / 1024);
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
        allocation_counter::measure(|| drop(ours(body))).count_total,
        allocation_counter::measure(|| drop(theirs(body))).count_total,
    ];
    println!("  allocations: spotify-web {}, rspotify {}", allocations[0], allocations[1]);
    let value = |body: &str| serde_json::from_str::<Value>(body).unwrap();
    let [ours, theirs, value] = throughput(
        body,
        [&|body| drop(black_box(ours(body))), &|body| drop(black_box(theirs(body))), &|body| {
            drop(black_box(value(body)))
        }],
    );
    let ratios = (ours.0 / theirs.0, ours.1 / theirs.1);
    println!("  median and best: {:.1} and {:.1} times rspotify", ratios.0, ratios.1);
    for (name, (median, best)) in [("spotify-web", ours), ("rspotify", theirs), ("Value", value)] {
        println!("  {name:12} {median:6.0} and {best:6.0} MB/s");
    }
}

/// Median and best of many rounds, in megabytes a second. Each round takes all in turn, so that
/// what else the machine does slows all of them down.
fn throughput<const N: usize>(body: &str, decoders: [&dyn Fn(&str); N]) -> [(f64, f64); N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..500 {
        for (decode, times) in decoders.iter().zip(&mut times) {
            let began = Instant::now();
            decode(black_box(body));
            times.push(began.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        let speed = |time: Duration| body.len() as f64 / time.as_secs_f64() / 1e6;
        (speed(times[times.len() / 2]), speed(times[0]))
    })
}
