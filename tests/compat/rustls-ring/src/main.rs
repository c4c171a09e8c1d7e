//! rustls finds ring, the one provider that it was built with, before and after a client of this
//! crate.

use rustls::{ClientConfig, RootCertStore};
use spotify_web::{SpotifyClient, SpotifyClientConfig};

fn main() {
    let config = || ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    config();
    SpotifyClient::new(SpotifyClientConfig::default()).expect("a client");
    config();
    println!("rustls goes on finding its provider");
}
