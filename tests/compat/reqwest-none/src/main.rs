//! HTTP clients of the program's own are made before and after one of this crate.

use spotify_web::{SpotifyClient, SpotifyClientConfig};

fn main() {
    let _ = (reqwest_0_12::Client::new(), reqwest_0_13::Client::new());
    SpotifyClient::new(SpotifyClientConfig::default()).expect("a client");
    let _ = (reqwest_0_12::Client::new(), reqwest_0_13::Client::new());
    println!("both versions of reqwest go on working");
}
