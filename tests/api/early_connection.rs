//! The first connection to a server is made while the token for the first request is requested.

use async_trait::async_trait;
use futures_util::future::join_all;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use spotify_web::auth::{AuthError, Authenticator};
use spotify_web::{Error, SpotifyClient};
use tokio::sync::watch;

use crate::shared_connections::{Server, alone, calls};

/// Has its token as soon as there is a connection.
#[derive(Debug)]
struct Waits {
    connections: watch::Receiver<usize>,
    fails: bool,
}

#[async_trait]
impl Authenticator for Waits {
    async fn apply(&self, request: &mut Request) -> Result<(), AuthError> {
        let mut connections = self.connections.clone();
        connections.wait_for(|number| *number > 0).await.unwrap();
        if self.fails {
            return Err(AuthError::NotLoggedIn);
        }
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Bearer token"));
        Ok(())
    }
}

fn client(server: &Server, fails: bool) -> SpotifyClient {
    let connections = server.connections_made();
    SpotifyClient::new(server.config().with_authenticator(Waits { connections, fails })).unwrap()
}

#[tokio::test]
async fn the_first_requests_go_by_the_connection_that_was_made_meanwhile() {
    alone(
        "early_connection::the_first_requests_go_by_the_connection_that_was_made_meanwhile",
        100,
        async |server: Server| {
            let spotify = client(&server, false);

            for page in join_all(calls(64, &spotify, "page")).await {
                page.unwrap();
            }

            assert_eq!(server.connections(), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn so_does_a_write() {
    alone("early_connection::so_does_a_write", 100, async |server: Server| {
        client(&server, false).put::<u32>("page").await.unwrap();

        assert_eq!(server.connections(), 1);
    })
    .await;
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    alone("early_connection::without_a_token_nothing_is_sent", 100, async |server: Server| {
        let spotify = client(&server, true);

        for page in join_all(calls(8, &spotify, "page")).await {
            let error = page.unwrap_err();
            assert!(matches!(error, Error::Auth { source: AuthError::NotLoggedIn, .. }), "{error}");
        }

        assert_eq!(server.connections(), 1);
        assert_eq!(server.requests(), 0);
    })
    .await;
}
