//! The `web_server` example, from outside: what a browser sends, and what somebody else makes it
//! send.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use spotify_web::oauth::Login;
use spotify_web::reqwest::{Client, Method, Response, StatusCode, redirect};
use spotify_web::testing::{FakeResponse, FakeSpotify};

use self::sessions::Sessions;
use super::examples::program;
use crate::common::Run;

#[expect(dead_code, reason = "the rest is tested as a process")]
#[path = "../../examples/web_server/sessions.rs"]
mod sessions;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_belongs_to_no_login_ends_no_session() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    anna.log_in("anna").await;

    for link in ["/callback", "/callback?code=x&state=y", "/callback?error=access_denied&state="] {
        assert_eq!(anna.get(link).await.status(), StatusCode::BAD_REQUEST, "{link}");
    }
    assert!(anna.home().await.contains("anna"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_state_ends_no_login() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    let back = anna.agreed("anna").await;

    let wrong = anna.get("/callback?code=x&state=of-somebody-else").await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert_eq!(anna.get(&back).await.status(), StatusCode::SEE_OTHER);
    assert!(anna.home().await.contains("anna"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_tab_leaves_the_first_alone() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    let (first, second) = (anna.agreed("anna").await, anna.agreed("anna-at-work").await);

    assert_eq!(anna.get(&second).await.status(), StatusCode::SEE_OTHER);
    assert!(anna.home().await.contains("anna-at-work"));
    assert_eq!(anna.get(&first).await.status(), StatusCode::SEE_OTHER);
    assert!(anna.home().await.contains("Playlists of <span id=\"user\">anna</span>"));
    assert_eq!(anna.get(&first).await.status(), StatusCode::BAD_REQUEST, "only once");
}

/// Else a link would log a user in with the account of who made it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_ends_in_the_browser_where_it_began() {
    let Some(server) = Server::start(&[]).await else { return };
    let (mut anna, mut mallory) = (server.browser(), server.browser());
    anna.log_in("anna").await;
    let back = mallory.agreed("mallory").await;

    assert_eq!(anna.get(&back).await.status(), StatusCode::BAD_REQUEST);
    assert!(anna.home().await.contains("anna"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_login_has_a_new_cookie_and_the_old_one_is_worth_nothing() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    anna.log_in("anna").await;
    let mut kept = server.browser();
    kept.cookies.clone_from(&anna.cookies);

    anna.log_in("anna").await;
    assert!(!kept.home().await.contains("anna"));
    kept.cookies.clone_from(&anna.cookies);
    anna.post("/logout", &server.origin).await;
    assert!(!anna.home().await.contains("anna"));
    assert!(!kept.home().await.contains("anna"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_logins_begin_a_browser_keeps_four() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    let mut tabs = Vec::new();
    for _ in 0..10 {
        tabs.push(anna.agreed("anna").await);
    }

    assert_eq!(anna.cookies.len(), 4);
    assert_eq!(anna.get(&tabs[5]).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(anna.get(&tabs[9]).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_that_comes_first_hides_none() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    anna.log_in("anna").await;

    anna.in_front = "session=0; session=; ;=; ".to_owned();
    assert!(anna.home().await.contains("anna"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_of_other_origins_do_nothing() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    anna.log_in("anna").await;

    for origin in ["http://evil.example", "null", "", "http://127.0.0.1", "https://127.0.0.1:3000"]
    {
        for path in ["/login", "/logout"] {
            let refused = anna.post(path, origin).await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path} from {origin:?}");
        }
    }
    assert!(anna.home().await.contains("anna"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_response_says_what_browsers_may_do_with_it() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();

    for (path, status) in [("/", 200), ("/callback", 400), ("/nothing", 404), ("/login", 405)] {
        let response = anna.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let policy = header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_no_reads_why_and_can_start_again() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    let back = anna.agreed("anna").await;
    let state = back.split_once("state=").unwrap().1;

    let denied = anna.get(&format!("/callback?error=access_denied&state={state}")).await;
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    assert!(denied.text().await.unwrap().contains("You did not allow"));
    anna.log_in("anna").await;
    assert!(anna.home().await.contains("anna"));
}

/// A phone loads the small one, and a wide screen one that is not blurred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn covers_come_in_the_size_that_suits_the_screen() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut anna = server.browser();
    anna.log_in("anna").await;
    let image = |size: u32| json!({ "url": format!("https://i.scdn.co/{size}?a=1&b=\"2"), "width": size, "height": size });
    let playlist = |images: Value| {
        json!({
            "id": "3cEYpjA9oz9GiPac4AsH4n", "type": "playlist", "name": "<b>Mine</b>", "images": images,
            "uri": "spotify:playlist:3cEYpjA9oz9GiPac4AsH4n", "external_urls": {},
        })
    };
    let own = json!([{ "url": "https://i.scdn.co/own", "width": null, "height": null }]);
    let items = [json!([image(640), image(300), image(60)]), own, json!([]), json!(null)];
    let items: Vec<_> = items.into_iter().map(playlist).collect();
    let page = json!({ "items": items, "total": 4, "limit": 50, "offset": 0, "next": null });
    let respond = move |_: &_| FakeResponse::json(200, &page);
    server.fake.on(Method::GET, "/v1/me/playlists", respond);

    let home = anna.home().await;

    let sizes = "srcset=\"https://i.scdn.co/640?a=1&amp;b=&quot;2 640w, \
        https://i.scdn.co/300?a=1&amp;b=&quot;2 300w, https://i.scdn.co/60?a=1&amp;b=&quot;2 60w\"";
    assert!(home.contains(sizes), "{home}");
    let of_one_size = "<img src=\"https://i.scdn.co/own\" sizes=";
    assert!(home.contains(of_one_size) && home.matches("<img ").count() == 2, "{home}");
    assert!(!home.contains("<b>") && home.matches("class=\"cover\"").count() == 4, "{home}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_https_cookies_are_for_https_and_this_host_alone() {
    let Some(server) = Server::start(&[("ORIGIN", "https://playlists.example/")]).await else {
        return;
    };
    let mut anna = server.browser();
    let begun = anna.post("/login", "https://playlists.example").await;

    let cookie = begun.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-login-"), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let url = begun.headers()["location"].to_str().unwrap();
    assert!(url.contains("redirect_uri=https%3A%2F%2Fplaylists.example%2Fcallback"), "{url}");
    assert!(!cookie.contains("verifier") && !cookie.contains("http"), "encrypted: {cookie}");
}

#[test]
fn a_login_that_takes_too_long_has_ended_whatever_the_browser_keeps() {
    let login = Login::authorization_code("id", "http://127.0.0.1:3000/callback");
    let pending = login.begin().unwrap();

    for (lasts, is_found) in [(Duration::from_secs(600), true), (Duration::ZERO, false)] {
        let sessions = Sessions::<()>::new(false, lasts);
        let cookies = sessions.begin_login(&HeaderMap::new(), &pending).unwrap();
        let headers = sent_back(cookies);
        assert_eq!(sessions.take_login(&headers, pending.state()).is_some(), is_found);
        assert!(sessions.take_login(&headers, "another").is_none());
        let others = Sessions::<()>::new(false, lasts);
        assert!(others.take_login(&headers, pending.state()).is_none(), "another server's key");
    }
}

/// What a browser sends that has got these.
fn sent_back(cookies: impl axum::response::IntoResponse) -> HeaderMap {
    let response = cookies.into_response();
    let set = response.headers()["set-cookie"].to_str().unwrap();
    let pair = set.split_once(';').unwrap().0;
    HeaderMap::from_iter([(axum::http::header::COOKIE, HeaderValue::from_str(pair).unwrap())])
}

/// The example as a process, before a fake.
struct Server {
    origin: String,
    local: String,
    _process: Run,
    fake: FakeSpotify,
}

impl Server {
    async fn start(variables: &[(&str, &str)]) -> Option<Self> {
        let program = program("web_server")?;
        let fake = FakeSpotify::start().await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        drop(listener);
        let variables = [&[("PORT", port.as_str())], variables].concat();
        let mut process = Run::start(&program, &fake, &variables, &[]);
        let origin = process.printed("http");
        let local = format!("http://127.0.0.1:{port}");
        Some(Self { origin, local, _process: process, fake })
    }

    fn browser(&self) -> Browser<'_> {
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy();
        Browser {
            client: client.build().unwrap(),
            server: self,
            cookies: BTreeMap::new(),
            in_front: String::new(),
        }
    }
}

/// A browser as far as cookies and redirects go.
struct Browser<'a> {
    server: &'a Server,
    client: Client,
    cookies: BTreeMap<String, String>,
    /// Cookies of somebody else.
    in_front: String,
}

impl Browser<'_> {
    async fn get(&mut self, path: &str) -> Response {
        self.send(self.client.get(format!("{}{path}", self.server.local))).await
    }

    async fn post(&mut self, path: &str, origin: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.server.local));
        self.send(request.header("origin", origin)).await
    }

    async fn send(&mut self, request: spotify_web::reqwest::RequestBuilder) -> Response {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = format!("{}{}", self.in_front, cookies.join("; "));
        let response = request.header("cookie", cookies).send().await.unwrap();
        for set in response.headers().get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (pair, attributes) = set.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// Begins a login, and agrees at Spotify: the way back, with its code.
    async fn agreed(&mut self, user: &str) -> String {
        let begun = self.post("/login", &self.server.origin).await;
        assert_eq!(begun.status(), StatusCode::SEE_OTHER);
        let url = begun.headers()["location"].to_str().unwrap();
        let back = self.server.fake.agree(&format!("{url}&user={user}"));
        back.strip_prefix(&self.server.origin).unwrap().to_owned()
    }

    async fn log_in(&mut self, user: &str) {
        let back = self.agreed(user).await;
        assert_eq!(self.get(&back).await.status(), StatusCode::SEE_OTHER);
    }

    async fn home(&mut self) -> String {
        self.get("/").await.text().await.unwrap()
    }
}
