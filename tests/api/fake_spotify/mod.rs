//! The fake that programs are tested with: that it behaves as Spotify does.

mod calls;
mod operations;
mod player;
mod playlists;
mod scripts;
mod users;

use spotify_web::SpotifyClient;
use spotify_web::api::Quota;
use spotify_web::oauth::Scope;
use spotify_web::testing::FakeSpotify;

const TRACK_URI: &str = "spotify:track:11dFghVXANMlKmJXsNCbNl";
const OTHER_TRACK_URI: &str = "spotify:track:track1x1x0000000000000";

/// Of an app with extended quota, which has all endpoints.
async fn fake() -> FakeSpotify {
    FakeSpotify::builder().with_quota(Quota::Extended).start().await.unwrap()
}

/// Of a user who allowed this.
fn client_of(fake: &FakeSpotify, user: &str, scopes: &[Scope]) -> SpotifyClient {
    let token = fake.user(user).token_for(scopes);
    SpotifyClient::new(fake.config().with_token(token).without_retries()).unwrap()
}

fn client(fake: &FakeSpotify, user: &str) -> SpotifyClient {
    client_of(fake, user, Scope::ALL)
}

fn status<T>(result: Result<T, spotify_web::Error>) -> Option<u16> {
    result.err().and_then(|error| error.status()).map(|status| status.as_u16())
}
