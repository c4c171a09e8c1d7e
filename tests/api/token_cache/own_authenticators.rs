//! An authenticator of the user's own costs no response that came: P64.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use spotify_web::SpotifyClient;
use spotify_web::auth::{AuthError, Authenticator, Rejection, Replay, Unfinished};
use spotify_web::oauth::AccessToken;
use spotify_web::testing::{FakeResponse, FakeSpotify};

use crate::common::TRACK;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    AcceptedPanics,
    UnfinishedPanics,
    UnfinishedPanicsLater,
    UnfinishedHangs,
    RejectedPanics,
}

#[derive(Debug)]
struct Faulty(Fault, AccessToken);

#[async_trait]
impl Authenticator for Faulty {
    async fn apply(&self, request: &mut Request) -> Result<(), AuthError> {
        let header = HeaderValue::from_str(&format!("Bearer {}", self.1.expose())).unwrap();
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(())
    }

    async fn rejected(&self, _: &Rejection) -> Result<Replay, AuthError> {
        panic!("as scripted")
    }

    fn accepted(&self, _: &HeaderValue) {
        assert!(self.0 != Fault::AcceptedPanics, "as scripted");
    }

    fn unfinished(&self) -> Option<Unfinished<'_>> {
        assert!(self.0 != Fault::UnfinishedPanics, "as scripted");
        Some(match self.0 {
            Fault::UnfinishedPanicsLater => Box::pin(async { panic!("as scripted") }),
            Fault::UnfinishedHangs => Box::pin(std::future::pending()),
            _ => Box::pin(async {}),
        })
    }
}

#[tokio::test]
async fn a_response_survives_whatever_the_authenticator_does_with_it() {
    for fault in [
        Fault::AcceptedPanics,
        Fault::UnfinishedPanics,
        Fault::UnfinishedPanicsLater,
        Fault::UnfinishedHangs,
    ] {
        let fake = FakeSpotify::start().await.unwrap();
        let config = fake.config().with_authenticator(Faulty(fault, fake.user_token()));
        let spotify = SpotifyClient::new(config).unwrap();

        let called = tokio::time::timeout(Duration::from_secs(20), spotify.tracks().get(TRACK));

        let called = called.await;
        assert!(called.is_ok(), "{fault:?}: it hangs");
        let track = called.unwrap();
        assert!(track.is_ok(), "{fault:?}: {track:?}");
    }
}

/// The 401 stands, with its text.
#[tokio::test]
async fn a_rejection_that_the_authenticator_panics_at_is_the_response() {
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_api(FakeResponse::json(
        401,
        &serde_json::json!({"error": {"status": 401, "message": "The access token expired"}}),
    ));
    let authenticator = Faulty(Fault::RejectedPanics, fake.user_token());
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert_eq!(error.status().map(|it| it.as_u16()), Some(401), "{error:?}");
}
