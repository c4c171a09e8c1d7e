//! P40: dropped tokens are wiped.

use std::time::Duration;

use spotify_web::oauth::{AccessToken, ClientSecret, RefreshToken, Token};

use crate::common::{ManualClock, Outcome, cache};

/// A header shares the memory of the cache, so that there is one place to wipe, with its last
/// clone.
#[tokio::test]
async fn a_header_is_owned_by_memory_that_wipes_itself() {
    let (cache, source) = cache(&ManualClock::new());
    let secret = secret();
    source.next(Outcome::Token(Token::new(secret.as_str(), Duration::from_secs(10))));
    let header = cache.header().await.unwrap();
    let place = Place::of(header.as_bytes());
    let clone = header.clone();

    drop((cache, header));
    assert_eq!(clone, format!("Bearer {secret}"), "wiped while still in use");
    assert!(place.holds_end_of(&secret));
    drop(clone);

    assert!(!place.holds_end_of(&secret), "a dropped header is still in memory");
}

#[test]
fn clones_of_a_secret_share_their_memory() {
    let secret = secret();
    let places = [
        wiped_place(AccessToken::new(secret.as_str()), AccessToken::expose),
        wiped_place(RefreshToken::new(secret.as_str()), RefreshToken::expose),
        wiped_place(ClientSecret::new(secret.as_str()), ClientSecret::expose),
    ];
    for place in places {
        assert!(!place.holds_end_of(&secret), "a dropped secret is still in memory");
    }
}

/// Where a secret was that is dropped by now.
fn wiped_place<S: Clone>(secret: S, expose: fn(&S) -> &str) -> Place {
    let clone = secret.clone();
    assert_eq!(expose(&secret).as_ptr(), expose(&clone).as_ptr());
    drop(secret);
    let place = Place::of(expose(&clone).as_bytes());
    assert!(place.holds_end_of(expose(&clone)));
    place
}

/// As long as Spotify's, and never twice the same.
fn secret() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(200).collect()
}

/// A place in the memory of this process, which Linux lets it read as a file.
struct Place {
    address: u64,
    length: usize,
}

impl Place {
    fn of(bytes: &[u8]) -> Self {
        Self { address: bytes.as_ptr().addr().try_into().unwrap(), length: bytes.len() }
    }

    /// The end, since an allocator writes into the beginning of what is freed.
    fn holds_end_of(&self, secret: &str) -> bool {
        use std::io::{Read, Seek, SeekFrom};

        let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
        memory.seek(SeekFrom::Start(self.address)).unwrap();
        let mut content = vec![0; self.length];
        // What is not mapped any more holds nothing.
        memory.read_exact(&mut content).is_ok() && content.ends_with(&secret.as_bytes()[150..])
    }
}
