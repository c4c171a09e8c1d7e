//! Nothing takes longer than its limit, however a server spreads it.

use std::time::Duration;

use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::common::PausedTime;

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    head
}

/// A client whose attempts take two seconds at most, and its server.
async fn client() -> (TcpListener, SpotifyClient) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = SpotifyClientConfig::default()
        .with_base_url(format!("http://{}/", listener.local_addr().unwrap()))
        .with_token("token")
        .with_timeout(LIMIT)
        .without_retries()
        .without_rate_limiter();
    (listener, SpotifyClient::new(config).unwrap())
}

#[tokio::test]
async fn all_redirects_of_a_read_have_one_time_limit() {
    let time = PausedTime::pause();
    for (each, is_in_time) in [(Duration::from_millis(400), true), (LIMIT * 2 / 3, false)] {
        for has_own_limit in [false, true] {
            let (listener, spotify) = client().await;
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                for status in ["302 Found", "301 Moved", "303 See Other", "200 OK"] {
                    read_head(&mut stream).await;
                    sleep(each).await;
                    let head = format!("HTTP/1.1 {status}\r\nlocation: /there\r\n");
                    stream
                        .write_all((head + "content-length: 0\r\n\r\n").as_bytes())
                        .await
                        .unwrap();
                }
            });
            let began = Instant::now();
            let call = tokio::spawn(async move {
                let request = spotify.get::<()>("me");
                if has_own_limit { request.timeout(LIMIT).await } else { request.await }
            });

            let result = time.run(call).await;

            assert_eq!(result.is_ok(), is_in_time, "{each:?}: {result:?}");
            assert!(began.elapsed() < LIMIT + Duration::from_secs(1), "{:?}", began.elapsed());
        }
    }
}

/// The status says that it is done; what comes after it is nobody's.
#[tokio::test]
async fn a_command_does_not_wait_for_a_body_that_nobody_wants() {
    let time = PausedTime::pause();
    for trickles in [false, true] {
        let (listener, spotify) = client().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            while !trickles || stream.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(300)).await;
            }
        });
        let began = Instant::now();
        let request = spotify.player().next().timeout(Duration::from_secs(60));
        let call = tokio::spawn(async move { request.await });

        time.run(call).await.unwrap();

        assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    }
}

const LIMIT: Duration = Duration::from_secs(2);
