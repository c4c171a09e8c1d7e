//! Which proxies requests go through: never those to loopback.

use std::fmt;

use reqwest::{NoProxy, Proxy};
use url::{Position, Url};

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
            Self::Environment => from_environment(of_process),
        }
    }

    /// The proxy of requests by TLS, where they have one.
    pub(super) fn name(&self) -> Option<ProxyName> {
        match self {
            Self::None => None,
            Self::Url(url) => ProxyName::of(url),
            Self::Environment => name_in_environment(of_process),
        }
    }
}

/// The URL may hold a password.
impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::None => "None",
            Self::Url(_) => "Url([redacted])",
        })
    }
}

/// A proxy as errors name it: by its host and port, without the password that may be in its URL.
#[derive(Debug, Clone)]
pub(super) struct ProxyName {
    shown: String,
    /// Whether a name and a password are sent to it.
    pub(super) has_password: bool,
}

impl ProxyName {
    fn of(url: &str) -> Option<Self> {
        let url = parsed(url)?;
        let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        let shown = format!("{}{port}", url.host_str()?);
        let has_password = !url.username().is_empty() || url.password().is_some();
        Some(Self { shown, has_password })
    }
}

impl fmt::Display for ProxyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

type Kind = fn(&str) -> reqwest::Result<Proxy>;

fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A variable in small letters or else in capitals: its name, and its value.
fn named(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<(String, String)> {
    // An empty variable says nothing, and hides nothing.
    let set = |name: String| Some((variable(&name)?, name)).filter(|(it, _)| !it.trim().is_empty());
    let set = set(name.to_owned()).or_else(|| set(name.to_ascii_uppercase()));
    set.map(|(value, name)| (name, value))
}

fn name_in_environment(variable: impl Fn(&str) -> Option<String>) -> Option<ProxyName> {
    let url = |name| named(&variable, name).map(|(_, url)| url);
    ProxyName::of(url("https_proxy").or_else(|| url("all_proxy"))?.trim())
}

fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Proxy>, String> {
    let named = |name| named(&variable, name);
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
    // An `@` after the host: what was meant as a password has ended the host.
    let is_cut = parsed(url).is_some_and(|url| url[Position::BeforePath..].contains('@'));
    let proxy = kind(url).ok().filter(|_| !is_cut);
    proxy.ok_or_else(|| format!("{name} is not the URL of a proxy; {ENCODED}"))
}

/// A proxy's URL needs no scheme.
fn parsed(url: &str) -> Option<Url> {
    match url.contains("://") {
        true => Url::parse(url).ok(),
        false => Url::parse(&format!("http://{url}")).ok(),
    }
}

/// What is reached without a proxy: what the user says, and this machine, since what is sent there
/// may be in the clear.
fn except(spared: &str) -> Option<NoProxy> {
    NoProxy::from_string(&format!("{spared},{WITHOUT_PROXY}"))
}

const ENCODED: &str = "in its name and password, special characters are percent-encoded: `#` as `%23`, `/` as \
    `%2F`, `:` as `%3A`, `@` as `%40`";

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
    fn a_password_that_is_not_encoded_is_an_error_that_says_how_to_encode_it() {
        for url in [
            "http://anna:#pa55@proxy:3128",
            "http://anna:12#pa55@proxy:3128",
            "http://anna:1/pa55@proxy",
            "http://anna:1?pa55@proxy",
            "anna:1#pa55@proxy",
            "http://anna#pa55@proxy",
            "http://anna:pa/55@proxy",
        ] {
            let error = ProxyChoice::Url(url.to_owned()).proxies().map(drop).unwrap_err();
            assert!(error.contains("`#` as `%23`"), "{url}: {error}");
            assert!(!error.contains("anna") && !error.contains("55"), "{url}: {error}");
        }
        for url in ["http://anna:%23pa55@proxy:3128", "http://anna:a:b@c@proxy/", "proxy"] {
            assert!(ProxyChoice::Url(url.to_owned()).proxies().is_ok(), "{url}");
        }
    }

    #[test]
    fn a_proxy_is_named_by_host_and_port_alone() {
        for (url, shown, has_password) in [
            ("http://anna:pa55@proxy.test:3128/", "proxy.test:3128", true),
            ("https://t0ken@proxy.test", "proxy.test:443", true),
            ("proxy.test", "proxy.test:80", false),
            ("socks5h://[::1]:1080", "[::1]:1080", false),
        ] {
            let name = ProxyChoice::Url(url.to_owned()).name().unwrap();
            assert_eq!((&*name.shown, name.has_password), (shown, has_password));
        }
        let variables = [("ALL_PROXY", "all"), ("HTTPS_PROXY", " https"), ("HTTP_PROXY", "http")];
        for (left, shown) in [(3, Some("https:80")), (1, Some("all:80")), (0, None)] {
            let name = name_in_environment(|name| {
                let set = variables.iter().take(left).find(|(set, _)| *set == name);
                set.map(|(_, url)| (*url).to_owned())
            });
            assert_eq!(name.map(|name| name.shown).as_deref(), shown);
        }
        assert!(ProxyChoice::None.name().is_none());
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
