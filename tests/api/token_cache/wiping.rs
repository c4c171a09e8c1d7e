//! P40: dropped tokens are wiped.

use std::time::Duration;

use spotify_web::oauth::{AccessToken, Token};

use crate::common::{Answer, ManualClock, cache};

/// A header shares the memory of the cache, so that there is one place to wipe, and it goes with its
/// last clone. That the memory is overwritten then is `zeroize`'s own promise.
#[tokio::test]
async fn a_header_is_owned_by_memory_that_wipes_itself() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next(Answer::Token(Token::new("secret", Duration::from_secs(10))));
    let header = cache.header().await.unwrap();

    let clone = header.clone();

    assert_eq!(header.as_bytes().as_ptr(), clone.as_bytes().as_ptr());
    drop(cache);
    assert_eq!(clone, "Bearer secret", "wiped while somebody still uses it");
}

#[test]
fn clones_of_a_secret_share_their_memory() {
    let secret = AccessToken::new("secret");
    let clone = secret.clone();
    assert_eq!(secret.expose().as_ptr(), clone.expose().as_ptr());
    drop(secret);
    assert_eq!(clone.expose(), "secret");
}
