//! Which proxies requests go through: never those to loopback.

use reqwest::{NoProxy, Proxy};

use super::loopback::WITHOUT_PROXY;

/// Whose proxies are used.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum ProxyChoice {
    /// Those that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name.
    #[default]
    Environment,
    /// None.
    None,
    /// One for all requests, by its URL.
    Url(String),
}

impl ProxyChoice {
    /// The proxies, the first that is meant for a request being its own.
    ///
    /// # Errors
    ///
    /// Why the URL of one cannot be used, without the password that may be in it.
    pub(super) fn proxies(&self) -> Result<Vec<Proxy>, String> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Url(url) => {
                Ok(vec![proxy(|url| Proxy::all(url), "the proxy", url)?.no_proxy(except(""))])
            }
            Self::Environment => from_environment(|name| std::env::var(name).ok()),
        }
    }
}

/// The URL may hold a password.
impl std::fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::None => "None",
            Self::Url(_) => "Url([redacted])",
        })
    }
}

type Kind = fn(&str) -> reqwest::Result<Proxy>;

fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Proxy>, String> {
    let named = |name: &str| {
        let upper = name.to_ascii_uppercase();
        // An empty variable says nothing, and hides nothing.
        let set =
            |name: String| Some((variable(&name)?, name)).filter(|(it, _)| !it.trim().is_empty());
        set(name.to_owned()).or_else(|| set(upper)).map(|(value, name)| (name, value))
    };
    let spared = named("no_proxy").map(|(_, value)| value).unwrap_or_default();
    // A CGI program gets the client's header `Proxy` by this name.
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let kinds: [(&str, Kind); 3] = [
        ("http_proxy", |url| Proxy::http(url)),
        ("https_proxy", |url| Proxy::https(url)),
        ("all_proxy", |url| Proxy::all(url)),
    ];
    let mut proxies = Vec::new();
    for (name, kind) in kinds {
        if let Some((name, url)) = named(name).filter(|_| !(is_cgi && name == "http_proxy")) {
            proxies.push(proxy(kind, &name, url.trim())?.no_proxy(except(&spared)));
        }
    }
    Ok(proxies)
}

fn proxy(
    kind: impl Fn(&str) -> reqwest::Result<Proxy>,
    name: &str,
    url: &str,
) -> Result<Proxy, String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let scheme = scheme.as_deref().unwrap_or("http");
    match scheme {
        "http" => {}
        "https" if cfg!(any(feature = "__rustls", feature = "native-tls")) => {}
        "socks4" | "socks4a" | "socks5" | "socks5h" if cfg!(feature = "socks") => {}
        "socks4" | "socks4a" | "socks5" | "socks5h" => {
            return Err(format!("{name} is a {scheme} proxy; turn on the feature `socks`"));
        }
        "https" => return Err(format!("{name} is an https proxy; turn on a feature for TLS")),
        _ => {
            return Err(format!(
                "{name} has a scheme that is not supported; use `http:`, `https:` or `socks5h:`"
            ));
        }
    }
    kind(url).map_err(|_| format!("{name} is not the URL of a proxy"))
}

/// What is reached without a proxy: what the user says, and this machine, since what is sent there
/// may be in the clear.
fn except(spared: &str) -> Option<NoProxy> {
    NoProxy::from_string(&format!("{spared},{WITHOUT_PROXY}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::transport::Origin;

    #[test]
    fn a_proxy_of_an_unknown_scheme_is_an_error_without_its_password() {
        for url in
            ["ftp://user:pa55@proxy:1", "quic://proxy", "socks6://pa55@proxy", "http://[pa55"]
        {
            let error = from_environment(|name| (name == "ALL_PROXY").then(|| url.to_owned()));
            let error = error.unwrap_err();
            assert!(error.contains("ALL_PROXY") && !error.contains("pa55"), "{error}");
        }
    }

    #[test]
    fn an_empty_variable_hides_none_in_capitals() {
        for empty in ["", " "] {
            let proxies = from_environment(|name| match name {
                "https_proxy" | "no_proxy" => Some(empty.to_owned()),
                "HTTPS_PROXY" => Some("http://proxy.test".to_owned()),
                "NO_PROXY" => Some("api.example.test".to_owned()),
                _ => None,
            });
            let shown = format!("{:?}", proxies.unwrap());
            assert!(shown.contains("proxy.test") && shown.contains("api.example.test"), "{shown}");
        }
    }

    #[test]
    fn empty_variables_and_the_header_of_a_cgi_client_are_no_proxies() {
        assert!(from_environment(|_| Some(String::new())).unwrap().is_empty());
        let cgi = |name: &str| match name {
            "HTTP_PROXY" => Some("http://evil.test".to_owned()),
            "REQUEST_METHOD" => Some("GET".to_owned()),
            _ => None,
        };
        assert!(from_environment(cgi).unwrap().is_empty());
    }

    /// How many requests to hosts go through a proxy.
    async fn proxied(hosts: &[&str]) -> usize {
        let closed = listening().await.local_addr().unwrap();
        let listener = listening().await;
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut count = 0;
        for host in hosts {
            let mut builder = reqwest::Client::builder().no_proxy();
            for proxy in ProxyChoice::Url(url.clone()).proxies().unwrap() {
                builder = builder.proxy(proxy);
            }
            // Nothing is looked up, and nobody is there.
            let http = builder.resolve(host, closed).build().unwrap();
            let sent = http.get(format!("http://{host}:{}/", closed.port())).send();
            tokio::select! {
                _ = sent => {}
                _ = listener.accept() => count += 1,
            }
        }
        count
    }

    async fn listening() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    }

    const LOOPBACK: [&str; 13] = [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "127.255.255.254",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:0.0.0.0]",
    ];
    const BELOW_LOCALHOST: [&str; 2] = ["api.localhost", "api.localhost."];
    const ELSEWHERE: [&str; 6] = [
        "localhost.example.test",
        "notlocalhost",
        "128.0.0.1",
        "[::2]",
        "[::ffff:128.0.0.1]",
        "localhost.localdomain",
    ];

    #[tokio::test]
    async fn no_spelling_of_loopback_goes_through_a_proxy() {
        assert_eq!(proxied(&LOOPBACK).await, 0);
        assert_eq!(proxied(&BELOW_LOCALHOST).await, 0);
        assert_eq!(proxied(&ELSEWHERE).await, ELSEWHERE.len());
    }

    #[test]
    fn what_goes_through_no_proxy_may_be_plain_http_unless_its_name_may_lead_elsewhere() {
        let is_plain = |host: &&str| format!("http://{host}/").parse::<Origin>().is_ok();
        assert_eq!(LOOPBACK.iter().find(|host| !is_plain(host)), None);
        assert_eq!(BELOW_LOCALHOST.iter().chain(&ELSEWHERE).find(|host| is_plain(host)), None);
    }
}
