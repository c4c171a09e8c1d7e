//! Why a connection could not be made, and what to do about it: the HTTP client says what happened, and
//! neither at which proxy nor with whose certificates.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::proxies::ProxyName;
use super::undone::next_cause;

type BoxError = Box<dyn Error + Send + Sync>;

/// Has the connector's errors say it. The proxy is the one of requests by TLS.
#[derive(Clone)]
pub(super) struct Explain(pub(super) Option<ProxyName>);

/// See [`Explain`].
#[derive(Clone)]
pub(super) struct Connector<S> {
    inner: S,
    proxy: Option<ProxyName>,
}

impl<S> Layer<S> for Explain {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, proxy: self.0.clone() }
    }
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.inner.call(request);
        let proxy = self.proxy.clone();
        Box::pin(async move { connecting.await.map_err(|error| explained(error, proxy.as_ref())) })
    }
}

/// What is said of a connection that could not be made, before what the HTTP client says.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct NotConnected {
    what: String,
    source: BoxError,
}

/// A proxy may have a certificate as well.
fn explained(error: BoxError, proxy: Option<&ProxyName>) -> BoxError {
    let of_certificate = of_certificate(&*error);
    let of_proxy = proxy
        .and_then(|proxy| causes(&*error).find_map(|cause| of_proxy(&cause.to_string(), proxy)));
    of_certificate
        .into_iter()
        .chain(of_proxy)
        .fold(error, |source, what| Box::new(NotConnected { what, source }))
}

#[cfg(feature = "__rustls")]
fn of_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| super::trusted::what_to_do(cause.downcast_ref()?))
}

#[cfg(not(feature = "__rustls"))]
fn of_certificate(_: &(dyn Error + 'static)) -> Option<String> {
    None
}

/// By the text, since the type has no name outside of the HTTP client, and no status.
fn of_proxy(cause: &str, proxy: &ProxyName) -> Option<String> {
    let of_socks = cause.strip_prefix("SOCKS error: ");
    let what = match cause.strip_prefix("tunnel error: ").or(of_socks)? {
        "failed to create underlying connection" => "cannot be reached; look at its URL",
        _ if of_socks.is_some() => "did not lead to the server; look at its URL and its log",
        "proxy authorization required" if proxy.has_password => {
            "rejected the name and password in its URL, where special characters are percent-encoded"
        }
        "proxy authorization required" => "wants a name and password; put them into its URL",
        "unexpected end of file" | "io error establishing tunnel" => {
            "closed the connection before it opened a tunnel; look at its URL and its log"
        }
        _ => {
            "opened no tunnel: it does not let the request through, cannot reach the server, or is not \
             an HTTP proxy; look at its URL and its log"
        }
    };
    Some(format!("the proxy {proxy} {what}"))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| next_cause(*cause))
}

#[cfg(all(test, any(feature = "__rustls", feature = "native-tls")))]
#[expect(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use crate::transport::{HttpOptions, ProxyChoice, SharedHttpClient};

    /// The error of a request through a proxy that says this, and the proxy.
    async fn error_by(proxy_says: &'static [u8], credentials: &str) -> (String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = format!("http://{credentials}{address}");
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                stream.write_all(proxy_says).await.unwrap();
            }
        });
        let error = error_through(proxy).await;
        serving.abort();
        (error, address.to_string())
    }

    async fn error_through(proxy: String) -> String {
        let options = HttpOptions { proxy: ProxyChoice::Url(proxy), ..HttpOptions::default() };
        let wire = SharedHttpClient::default().get(&options).unwrap();
        let request = wire.client().get("https://api.example.test/").build().unwrap();
        let error = wire.execute(request).await.unwrap_err();
        let reqwest_middleware::Error::Reqwest(error) = error else { unreachable!("{error}") };
        assert!(error.is_connect(), "{error:?}");
        let causes = std::iter::successors(std::error::Error::source(&error), |it| it.source());
        causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
    }

    #[tokio::test]
    async fn a_proxy_that_opens_no_tunnel_is_named_without_its_password() {
        for (says, words) in [
            (&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], "opened no tunnel"),
            (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "opened no tunnel"),
            (b"HTTP/1.0 503 Service Unavailable\r\n\r\n", "opened no tunnel"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", "opened no tunnel"),
            (b"", "closed the connection"),
            (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "name and password"),
        ] {
            for credentials in ["", "anna:pa55@", "t0ken@"] {
                let (error, proxy) = error_by(says, credentials).await;
                let named = format!("the proxy {proxy} ");
                assert!(error.contains(&named) && error.contains(words), "{error}");
                assert!(!["anna", "pa55", "t0ken"].iter().any(|it| error.contains(it)), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn a_proxy_that_is_not_there_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = error_through(format!("http://{free}")).await;
        assert!(error.contains(&format!("the proxy {free} cannot be reached")), "{error}");
        assert!(error.contains("refused"), "{error}");
    }
}
