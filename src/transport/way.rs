//! What a request goes by, and where a write goes on that a server has redirected.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use reqwest::header::LOCATION;
use reqwest::{Client, Request, Response, Url};
use tokio::time::Instant;

use super::http_client::is_within_origin;
use super::left_out::{self, note_asking};
use super::pool::Pool;
use super::reached::{Sending, sends_unseen};
use super::repeated;

/// What a request goes by.
pub(super) enum Way {
    /// A client of which nothing is known.
    Unseen(Client),
    Pool(Arc<Pool>, Arc<Sending>),
}

impl Way {
    /// Notes of a write whether a `GOAWAY` leaves it out.
    pub(super) async fn send(
        &self,
        request: Request,
        extensions: &mut Extensions,
    ) -> reqwest::Result<Response> {
        left_out::begin(extensions);
        extensions.remove::<Moved>();
        match request.method().is_safe() {
            true => self.execute(request, extensions).await,
            false => Box::pin(self.send_noting(request, extensions)).await,
        }
    }

    async fn send_noting(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
    ) -> reqwest::Result<Response> {
        let began = Instant::now();
        let again = repeated(&request);
        let asked = note_asking(&mut request);
        let result = self.execute(request, extensions).await;
        match (result, again) {
            (Ok(response), Some(mut again)) => match moved_to(&response, again.url()) {
                Some(url) => {
                    *again.url_mut() = url;
                    let left = |limit: &Duration| limit.saturating_sub(began.elapsed());
                    *again.timeout_mut() = again.timeout().map(left);
                    extensions.insert(Moved);
                    self.execute(again, extensions).await
                }
                None => Ok(response),
            },
            (Err(error), _) => {
                asked.failed(extensions);
                Err(error)
            }
            (result, _) => result,
        }
    }

    async fn execute(
        &self,
        request: Request,
        extensions: &mut Extensions,
    ) -> reqwest::Result<Response> {
        match self {
            Self::Unseen(client) => {
                sends_unseen(extensions);
                client.execute(request).await
            }
            Self::Pool(pool, sending) => {
                pool.execute(request, Arc::clone(sending), extensions).await
            }
        }
    }
}

/// Where a write that was sent to a URL has moved to, on its origin. The HTTP client does not follow
/// what it sends once; from there on it does. What responded to anything that it made of the write,
/// by a policy of the user's, says nothing about the write.
fn moved_to(response: &Response, sent: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 307 | 308) || response.url() != sent {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let url = response.url().join(location).ok()?;
    is_within_origin(&url, sent).then_some(url)
}

/// An extension of a request: a server has redirected it, so that it has left, whatever became of it
/// then.
#[derive(Clone)]
struct Moved;

/// Whether a server redirected the last attempt.
pub(crate) fn was_moved(extensions: &Extensions) -> bool {
    extensions.get::<Moved>().is_some()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use reqwest::Method;
    use reqwest::redirect::Policy;
    use reqwest_middleware::Error;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::super::clients::Traffic;
    use super::super::wire::Wire;
    use super::*;

    async fn listening() -> (TcpListener, Url) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/", listener.local_addr().unwrap()).parse().unwrap();
        (listener, url)
    }

    /// The HTTP client says the same of a request that the server has looked at.
    #[cfg(feature = "http2")]
    #[tokio::test]
    async fn a_goaway_proves_something_of_a_write_whose_body_was_asked_for() {
        use crate::transport::may_have_arrived;

        for (method, body, is_proof) in [
            (Method::POST, "", true),
            (Method::POST, "{}", true),
            (Method::PUT, "", true),
            (Method::DELETE, "", true),
            (Method::GET, "", false),
        ] {
            let (listener, url) = listening().await;
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let settings_and_goaway_0 =
                    [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                // The preface, and a little more.
                stream.read_exact(&mut [0; 100]).await.unwrap();
                stream.write_all(&settings_and_goaway_0).await.unwrap();
                std::future::pending::<()>().await;
            });
            let http = Client::builder().http2_prior_knowledge();
            let http = http.retry(reqwest::retry::never()).build().unwrap();
            let mut request = Request::new(method.clone(), url);
            *request.body_mut() = (!body.is_empty()).then(|| body.into());
            let mut extensions = Extensions::new();

            let sent = Wire::given(http).send(request, &mut extensions, Traffic::Reads).await;

            let error = sent.unwrap_err();
            assert_eq!(may_have_arrived(&error, &extensions), !is_proof, "{method}: {error:?}");
            assert!(may_have_arrived(&error, &Extensions::new()), "by itself it is none");
            left_out::begin(&mut extensions);
            assert!(may_have_arrived(&error, &extensions), "nor is it one of the next attempt");
        }
    }

    /// Reads a request of HTTP/1.1.
    async fn read_request(stream: &mut TcpStream) -> String {
        let mut read = String::new();
        while !read.ends_with("\r\n\r\n") {
            read.push(char::from(stream.read_u8().await.unwrap()));
        }
        read.make_ascii_lowercase();
        let length = read
            .split_once("content-length: ")
            .and_then(|(_, length)| length.split("\r\n").next().unwrap().parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        stream.read_exact(&mut body).await.unwrap();
        read + &String::from_utf8(body).unwrap()
    }

    /// With HTTP/1.1 a write looks as it always did, and follows where it is led.
    #[tokio::test]
    async fn a_write_has_its_length_and_its_body_where_it_is_redirected() {
        for (status, location, body, follows) in [
            (307, "/there", "", true),
            (308, "/there", "{}", true),
            (307, "http://127.0.0.1:1/there", "{}", false),
            (302, "/there", "", false),
            (307, "", "", true),
        ] {
            let (listener, url) = listening().await;
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut requests = vec![read_request(&mut stream).await];
                let head = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\n");
                let moved = head + "content-length: 0\r\n\r\n";
                stream.write_all(moved.as_bytes()).await.unwrap();
                if follows {
                    requests.push(read_request(&mut stream).await);
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                }
                requests
            });
            let wire = wire_within(Duration::from_secs(30));
            let mut request = Request::new(Method::POST, url);
            *request.body_mut() = (!body.is_empty()).then(|| body.into());

            let sent = wire.send(request, &mut Extensions::new(), Traffic::Reads).await;

            let expected = if follows { 204 } else { status };
            assert_eq!(sent.unwrap().status().as_u16(), expected, "{status} {location}");
            let requests = server.await.unwrap();
            let length = format!("content-length: {}\r\n", body.len());
            assert!(requests.first().unwrap().contains(&length));
            for request in requests {
                assert!(request.starts_with("post /"), "{request}");
                assert!(request.ends_with(&format!("\r\n\r\n{body}")), "{request}");
                assert!(!request.contains("transfer-encoding"), "{request}");
            }
        }
    }

    fn wire_within(timeout: Duration) -> Wire {
        let make = |_: &_, _| Client::builder().redirect(Policy::none()).build();
        Wire::made_by(timeout, make).unwrap()
    }

    /// The time does not go on by itself: there is always something to do.
    #[tokio::test(start_paused = true)]
    async fn the_time_limit_of_a_write_includes_its_redirect() {
        tokio::spawn(async {
            loop {
                yield_now().await;
            }
        });
        for (limit, each, is_in_time) in [(10, 4, true), (6, 4, false), (6, 7, false)] {
            for has_own_limit in [false, true] {
                let (listener, url) = listening().await;
                tokio::spawn(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    for head in ["HTTP/1.1 307 Moved\r\nlocation: /there", "HTTP/1.1 200 OK"] {
                        read_request(&mut stream).await;
                        advance(Duration::from_secs(each)).await;
                        let response = format!("{head}\r\ncontent-length: 0\r\n\r\n");
                        // The client may be gone.
                        stream.write_all(response.as_bytes()).await.ok();
                    }
                });
                let limit = Duration::from_secs(limit);
                let wire = wire_within(if has_own_limit { limit * 100 } else { limit });
                let mut request = Request::new(Method::POST, url);
                *request.timeout_mut() = has_own_limit.then_some(limit);

                let sent = wire.send(request, &mut Extensions::new(), Traffic::Reads).await;

                let is_right = match &sent {
                    Ok(response) => is_in_time && response.status() == 200,
                    Err(Error::Reqwest(error)) => !is_in_time && error.is_timeout(),
                    Err(_) => false,
                };
                assert!(is_right, "{limit:?}, {each} s each: {sent:?}");
            }
        }
    }
}
