//! The token cache and the layer that signs requests, for an API that has nothing to do with
//! Spotify.
//!
//! All it takes is an OAuth 2.0 server with the client credentials grant. Here that is a small one
//! in this file, whose tokens hold for two seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest_middleware::ClientBuilder;
use spotify_web::auth::{Authenticator, CredentialsAuthenticator};
use spotify_web::middleware::AuthMiddleware;
use spotify_web::oauth::{OAuthClient, OAuthConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener));

    // How tokens are requested, and the layer that signs with them.
    let oauth = OAuthConfig::for_server(&format!("{server}/token"));
    let http = oauth.http_client()?;
    let authenticator = CredentialsAuthenticator::new("client-id", "client-secret");
    authenticator.connect(&OAuthClient::new(oauth))?;
    let sign = AuthMiddleware::new(authenticator.clone(), server.parse()?);
    let client = ClientBuilder::new(http).with(sign).build();

    // From here on it is a client as any other.
    for second in 0..5 {
        let response = client.get(format!("{server}/weather")).send().await?;
        let tokens = authenticator.stats().refreshes;
        println!("second {second}: HTTP {}, {tokens} token(s) so far", response.status());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// When each token that was issued ends.
type Tokens = Arc<Mutex<HashMap<String, Instant>>>;

async fn serve(listener: TcpListener) {
    let tokens = Tokens::default();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(respond(stream, Arc::clone(&tokens)));
    }
}

/// One request a connection, and as much of HTTP as that takes.
async fn respond(mut stream: TcpStream, tokens: Tokens) -> std::io::Result<()> {
    let mut request = vec![0; 4096];
    let length = stream.read(&mut request).await?;
    let request = String::from_utf8_lossy(request.get(..length).unwrap_or_default());
    let (status, body) = match request.strip_prefix("POST /token") {
        Some(_) => ("200 OK", issue(&tokens)),
        None if is_good(&request, &tokens) => ("200 OK", "{\"sky\":\"blue\"}".to_owned()),
        None => ("401 Unauthorized", "{}".to_owned()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

fn issue(tokens: &Tokens) -> String {
    let token = format!("{:032x}", fastrand::u128(..));
    tokens.lock().insert(token.clone(), Instant::now() + Duration::from_secs(2));
    format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":2}}")
}

fn is_good(request: &str, tokens: &Tokens) -> bool {
    let tokens = tokens.lock();
    let mut bearers = request.lines().filter_map(|line| line.split_once("Bearer ")).map(|it| it.1);
    bearers.any(|token| tokens.get(token).is_some_and(|end| Instant::now() < *end))
}
