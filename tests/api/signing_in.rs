//! Signing in on a desktop: the loopback port, and everything else that may come to it.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use spotify_web::login::{SignIn, SignInError, SignedIn};
use spotify_web::oauth::{Login, LoginError, OAuthClient, OAuthError, OAuthErrorCode};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use url::Url;

use super::examples::program;
use crate::common::{Directory, PausedTime, Run};

/// A user who is being signed in.
struct Scene {
    fake: Arc<FakeSpotify>,
    url: String,
    port: u16,
    signing_in: JoinHandle<Result<SignedIn, SignInError>>,
}

impl Scene {
    async fn begin() -> Self {
        Self::begin_with(|sign_in| sign_in).await
    }

    async fn begin_with(options: impl FnOnce(SignIn) -> SignIn) -> Self {
        Self::begin_at("http://127.0.0.1/callback", options).await
    }

    async fn begin_at(redirect_uri: &str, options: impl FnOnce(SignIn) -> SignIn) -> Self {
        let fake = Arc::new(FakeSpotify::start().await.unwrap());
        let login = Login::pkce("id", redirect_uri).with_authorize_url(fake.authorize_url());
        let (sender, mut told) = mpsc::unbounded_channel();
        let sign_in = SignIn::new(login)
            .without_browser()
            .with_pasted_lines_from(Cursor::new(""))
            .with_messages_to(move |text| sender.send(text.to_owned()).unwrap_or_default());
        let sign_in = options(sign_in);
        let oauth = OAuthClient::new(&fake.config());
        let signing_in = tokio::spawn(async move { sign_in.run(&oauth).await });
        let text = told.recv().await.unwrap();
        let url = text.split_whitespace().find(|word| word.contains("/authorize?")).unwrap();
        let redirect = Url::parse(&fake.agree(url)).unwrap();
        let port = redirect.port_or_known_default().unwrap();
        Self { fake, url: url.to_owned(), port, signing_in }
    }

    /// Sends the head of a request and reads the response to its end.
    async fn send(&self, head: &str) -> String {
        send(self.port, head).await
    }

    /// Opens a URL as a browser does.
    async fn open(&self, url: &str) -> String {
        open(url).await
    }

    /// The port cannot be reached any more.
    async fn is_closed(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_err()
    }

    /// A process that another test starts may have the socket for a moment, until it runs its
    /// program.
    async fn closes(&self) {
        while !self.is_closed().await {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) async fn open(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    let port = url.port_or_known_default().unwrap();
    let path = &url[url::Position::BeforePath..];
    let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", url.authority());
    send_to((url.host_str().unwrap().trim_matches(['[', ']']), port), &head).await
}

async fn send(port: u16, head: &str) -> String {
    send_to(("127.0.0.1", port), head).await
}

async fn send_to(address: (&str, u16), head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The other side may have had enough before the end.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn a_user_signs_in_and_sees_it_only_when_the_token_is_there() {
    let mut scene = Scene::begin().await;
    let redirect = scene.fake.agree(&scene.url);

    let response = scene.open(&redirect).await;
    let closed_at = scene.fake.token_requests();
    let signed_in = (&mut scene.signing_in).await.unwrap().unwrap();

    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("You are logged in"));
    assert!(response.contains("content-security-policy: default-src 'none'"));
    assert_eq!(closed_at, 1, "the code was exchanged before the page was shown");
    assert!(signed_in.token.refresh_token.is_some());
    assert_eq!(signed_in.refused, 0);
    scene.closes().await;
}

#[tokio::test]
async fn a_user_who_cancels_is_told_and_so_is_the_program() {
    let mut scene = Scene::begin().await;

    let response = scene.open(&scene.fake.cancel(&scene.url)).await;
    let error = (&mut scene.signing_in).await.unwrap().unwrap_err();

    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    assert!(response.contains("You did not allow the program to use your account"), "{response}");
    assert!(matches!(error, SignInError::Login(LoginError::Denied)), "{error:?}");
    scene.closes().await;
}

#[tokio::test]
async fn a_code_that_is_refused_is_told_on_the_page() {
    let mut scene = Scene::begin().await;
    scene.fake.next_token(FakeResponse::json(
        400,
        &serde_json::json!({ "error": "invalid_grant", "error_description": "<b>no</b>" }),
    ));

    let response = scene.open(&scene.fake.agree(&scene.url)).await;
    let error = (&mut scene.signing_in).await.unwrap().unwrap_err();

    assert!(
        response.contains("&lt;b&gt;no&lt;/b&gt;") && !response.contains("<b>no"),
        "{response}"
    );
    let SignInError::OAuth(error) = error else { panic!("{error:?}") };
    assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidGrant));
}

/// Nothing of it ends the login, and the user still signs in afterwards.
#[tokio::test]
async fn whatever_else_comes_to_the_port_is_refused_and_counted() {
    let mut scene = Scene::begin().await;
    let redirect = scene.fake.agree(&scene.url);
    let path = redirect.split_once(&format!(":{}", scene.port)).unwrap().1.to_owned();
    let host = format!("host: 127.0.0.1:{}\r\n", scene.port);
    let huge = "x".repeat(300_000);

    for (what, head, status) in [
        ("another path", format!("GET /favicon.ico HTTP/1.1\r\n{host}\r\n"), "404"),
        (
            "another method",
            format!("POST {path} HTTP/1.1\r\n{host}content-length: 0\r\n\r\n"),
            "405",
        ),
        (
            "another name",
            format!("GET {path} HTTP/1.1\r\nhost: evil.test:{}\r\n\r\n", scene.port),
            "421",
        ),
        (
            "localhost",
            format!("GET {path} HTTP/1.1\r\nhost: localhost:{}\r\n\r\n", scene.port),
            "421",
        ),
        ("no name", format!("GET {path} HTTP/1.0\r\n\r\n"), "421"),
        ("no state", format!("GET /callback?code=x HTTP/1.1\r\n{host}\r\n"), "400"),
        ("another state", format!("GET /callback?code=x&state=y HTTP/1.1\r\n{host}\r\n"), "400"),
        (
            "denied by another",
            format!("GET /callback?error=access_denied&state=y HTTP/1.1\r\n{host}\r\n"),
            "400",
        ),
        ("a huge head", format!("GET {path} HTTP/1.1\r\n{host}x: {huge}\r\n\r\n"), "431"),
        ("no HTTP", "\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), "400"),
    ] {
        let response = scene.send(&head).await;
        let status_line = response.split(' ').nth(1).unwrap_or_default();
        assert!(status_line == status || status_line.is_empty(), "{what}: {response}");
    }

    scene.open(&redirect).await;
    let signed_in = (&mut scene.signing_in).await.unwrap().unwrap();
    assert_eq!(signed_in.refused, 10);
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off_and_counted() {
    let time = PausedTime::pause();
    let mut scene = Scene::begin().await;
    let mut slow = TcpStream::connect(("127.0.0.1", scene.port)).await.unwrap();
    slow.write_all(b"GET /callback?co").await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }

    time.advance(Duration::from_secs(6)).await;
    let mut end = Vec::new();
    let _ = slow.read_to_end(&mut end).await;

    scene.open(&scene.fake.agree(&scene.url)).await;
    assert_eq!((&mut scene.signing_in).await.unwrap().unwrap().refused, 1);
}

#[tokio::test]
async fn a_second_way_back_is_refused_while_the_code_of_the_first_is_exchanged() {
    let mut scene = Scene::begin().await;
    scene.fake.next_token(FakeResponse::never());
    let redirect = scene.fake.agree(&scene.url);
    let path = redirect.split_once(&format!(":{}", scene.port)).unwrap().1.to_owned();
    let head = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", scene.port);
    let port = scene.port;
    let first = tokio::spawn({
        let head = head.clone();
        async move { send(port, &head).await }
    });
    while scene.fake.token_requests() == 0 {
        tokio::task::yield_now().await;
    }

    let second = scene.send(&head).await;

    assert!(second.starts_with("HTTP/1.1 409 "), "{second}");
    scene.signing_in.abort();
    let _ = (&mut scene.signing_in).await;
    first.abort();
}

#[tokio::test]
async fn the_port_is_free_after_the_call_was_dropped() {
    let mut scene = Scene::begin().await;
    assert!(!scene.is_closed().await);

    scene.signing_in.abort();
    let _ = (&mut scene.signing_in).await;
    while !scene.is_closed().await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nobody_who_comes_is_an_error_in_time() {
    let time = PausedTime::pause();
    let mut scene = Scene::begin_with(|it| it.with_timeout(Duration::from_secs(60))).await;
    time.advance(Duration::from_secs(61)).await;

    let error = (&mut scene.signing_in).await.unwrap().unwrap_err();

    assert_eq!(error.to_string(), "the user did not log in within 60s; start again");
}

/// Over SSH and in a container: the URL is opened anywhere, and the one it leads to pasted here.
#[tokio::test]
async fn a_url_can_be_pasted_and_a_wrong_one_is_followed_by_another() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let scene =
        Scene::begin_with(|it| it.with_pasted_lines_from(std::io::BufReader::new(reader))).await;
    let redirect = scene.fake.agree(&scene.url);

    let pasted = format!("\nwhat?\n{}\n {redirect} \n", scene.url);
    std::io::Write::write_all(&mut writer, pasted.as_bytes()).unwrap();
    let signed_in = scene.signing_in.await.unwrap().unwrap();

    assert!(signed_in.token.refresh_token.is_some());
}

/// By whatever `BROWSER` names, as desktops have it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_is_opened_with_the_url() {
    use std::os::unix::fs::PermissionsExt;

    let Some(program) = program("sign_in") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let directory = Directory::new();
    let browser = directory.path().join("browser");
    std::fs::write(&browser, "#!/bin/sh\necho \"$1\" > \"$0.opened\"\n").unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
    let variables = [
        ("XDG_CONFIG_HOME", directory.path().to_str().unwrap()),
        ("BROWSER", browser.to_str().unwrap()),
    ];

    let mut run = Run::start(&program, &fake, &variables, &[]);
    let url = run.told("/authorize?");
    let opened = directory.path().join("browser.opened");
    while !std::fs::read_to_string(&opened).is_ok_and(|opened| opened.ends_with('\n')) {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read_to_string(opened).unwrap().trim(), url);

    open(&fake.agree(&url)).await;
    assert!(run.end().0 && run.output.contains("You are wizzler."), "{}", run.output);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_it_and_frees_the_port() {
    let Some(program) = program("sign_in") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let directory = Directory::new();
    let variables = [("XDG_CONFIG_HOME", directory.path().to_str().unwrap())];
    let mut run = Run::start(&program, &fake, &variables, &[]);
    let redirect = fake.agree(&run.told("/authorize?"));
    let port: u16 = redirect.split(['/', ':']).nth(4).unwrap().parse().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());

    let kill = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status();
    assert!(kill.unwrap().success() && run.end().0);
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

/// Each refresh token is good once: whichever process refreshes, the other finds the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_one_token_file_never_lose_the_session() {
    let Some(program) = program("sign_in") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let directory = Directory::new();
    let variables = [("XDG_CONFIG_HOME", directory.path().to_str().unwrap())];
    let mut first = Run::start(&program, &fake, &variables, &[]);
    let redirect = fake.agree(&first.told("/authorize?"));
    std::io::Write::write_all(&mut first.input(), format!("{redirect}\n").as_bytes()).unwrap();
    assert!(first.end().0);

    for round in 0..10 {
        fake.expire_tokens();
        let mut both = [(); 2].map(|()| Run::start(&program, &fake, &variables, &[]));
        for run in &mut both {
            let (ended_well, errors) = run.end();
            assert!(ended_well, "round {round}: {errors}");
        }
    }
    assert!(fake.token_requests() <= 21, "one for both, or one for each");
}

#[tokio::test]
async fn a_redirect_that_does_not_come_back_here_is_an_error() {
    let fake = FakeSpotify::start().await.unwrap();
    let oauth = OAuthClient::new(&fake.config());
    for redirect in [
        "https://example.test/",
        "https://127.0.0.1:8888/",
        "http://192.0.2.1:8888/",
        "http://0.0.0.0:1/",
        "http://user@127.0.0.1:8888/",
        "http:127.0.0.1:8888/",
        "http://127.0.0.1:0/",
        " http://127.0.0.1:8888/",
        "x",
    ] {
        let sign_in = SignIn::new(Login::pkce("id", redirect)).without_browser();
        let error = sign_in.with_messages_to(|_| {}).run(&oauth).await.unwrap_err();
        assert!(matches!(error, SignInError::Redirect { .. }), "{error:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let login = Login::pkce("id", format!("http://127.0.0.1:{port}/callback"));
    let error = SignIn::new(login).without_browser().run(&oauth).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("port {port} of the redirect URI")), "{error}");
}

/// What can be known before is no surprise for a user who has logged in.
#[tokio::test]
async fn what_would_fail_after_the_login_fails_before_anything_is_opened() {
    let fake = FakeSpotify::start().await.unwrap();
    let good = OAuthClient::new(&fake.config());
    let run = async |login: Login, oauth: &OAuthClient| {
        let sign_in = SignIn::new(login).with_pasted_lines_from(Cursor::new(""));
        let login = sign_in.with_messages_to(|text| panic!("told: {text}"));
        login.run(oauth).await.unwrap_err()
    };
    let redirect = "http://127.0.0.1/callback";

    let error = run(Login::authorization_code("id", redirect), &good).await;
    assert!(matches!(error, SignInError::WithoutPkce), "{error:?}");
    assert_eq!(
        error.to_string(),
        "signing in on a desktop needs PKCE; make the login with `Login::pkce`"
    );
    for login in [
        Login::pkce(" ", redirect),
        Login::pkce("id", redirect).with_authorize_url("nowhere"),
        Login::pkce("id", "http://127.0.0.1/callback#here"),
        Login::pkce("id", "http://127.0.0.1/callback\n"),
    ] {
        let error = run(login, &good).await;
        assert!(matches!(error, SignInError::Login(LoginError::Input { .. })), "{error:?}");
    }
    for token_url in ["nowhere", "http://example.test/token"] {
        let error = run(Login::pkce("id", redirect), &good.at(token_url)).await;
        assert!(matches!(error, SignInError::OAuth(OAuthError::Input { .. })), "{error:?}");
    }
    assert!(fake.requests().is_empty());
}

/// Spotify compares redirect URIs as strings.
#[tokio::test]
async fn a_redirect_uri_is_sent_as_it_was_given() {
    for uri in [
        "http://127.0.0.1:PORT",
        "http://127.0.0.1:PORT/",
        "http://127.0.0.1:PORT/callback",
        "http://127.0.0.1:PORT/callback/",
        "http://127.0.0.1:PORT//callback",
        "http://127.0.0.1:PORT/Call%62ack/../CB?App=One&x=",
        "http://127.0.0.1:PORT?x=1",
        "HTTP://127.0.0.1:PORT/CallBack",
        "http://127.1:PORT/callback",
        "http://127.0.0.1:0PORT/callback",
        "http://[::1]:PORT",
        "http://[0:0::1]:PORT/callback",
    ] {
        let host = if uri.contains('[') { "[::1]:0" } else { "127.0.0.1:0" };
        let Ok(free) = std::net::TcpListener::bind(host) else {
            eprintln!("skipped: there is no {host} here");
            continue;
        };
        let port = free.local_addr().unwrap().port();
        drop(free);
        signs_in_at(&uri.replace("PORT", &port.to_string()), |sent, given| sent == given).await;
    }
}

/// Only the port is added, and nothing else is touched.
#[tokio::test]
async fn a_redirect_uri_without_a_port_gets_a_free_one() {
    for uri in [
        "http://127.0.0.1",
        "http://127.0.0.1/",
        "http://127.0.0.1:/Callback",
        "http://127.0.0.1/callback?x=1:2",
        "http://127.0.0.1?x=/",
        "http://[::1]/callback",
    ] {
        if uri.contains('[') && std::net::TcpListener::bind("[::1]:0").is_err() {
            eprintln!("skipped: there is no [::1] here");
            continue;
        }
        signs_in_at(uri, |sent, given| {
            let port = Url::parse(sent).unwrap().port().expect("a port");
            let host = if given.contains('[') { "http://[::1]" } else { "http://127.0.0.1" };
            let rest = given.strip_prefix(host).unwrap();
            sent == format!("{host}:{port}{}", rest.strip_prefix(':').unwrap_or(rest))
        })
        .await;
    }
}

/// A URL parser drops it, and it is not the same as none. Where it cannot be bound, that is said.
#[tokio::test]
async fn a_port_of_80_is_the_port_that_is_bound() {
    let fake = FakeSpotify::start().await.unwrap();
    let uri = "http://127.0.0.1:80/callback";
    match std::net::TcpListener::bind("127.0.0.1:80") {
        Ok(free) => {
            drop(free);
            signs_in_at(uri, |sent, given| sent == given).await;
        }
        Err(_) => {
            let oauth = OAuthClient::new(&fake.config());
            let sign_in =
                SignIn::new(Login::pkce("id", uri)).without_browser().with_messages_to(|_| {});
            let error = sign_in.run(&oauth).await.unwrap_err();
            assert!(matches!(error, SignInError::Port { port: 80, .. }), "{error:?}");
        }
    }
}

/// Signs in by the browser, and looks at the redirect URI in the authorize URL and in the exchange.
async fn signs_in_at(given: &str, is_right: impl Fn(&str, &str) -> bool) {
    let mut scene = Scene::begin_at(given, |it| it).await;
    let sent = |query: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned()
    };
    let asked = sent(Url::parse(&scene.url).unwrap().query().unwrap());

    let response = scene.open(&scene.fake.agree(&scene.url)).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{given}: {response}");
    (&mut scene.signing_in).await.unwrap().unwrap();

    let exchanged = sent(&scene.fake.requests().pop().unwrap().body);
    assert!(is_right(&asked, given) && exchanged == asked, "{given}: {asked}, {exchanged}");
}

/// The clock stands still: nobody waits for a limit.
#[tokio::test]
async fn idle_and_slow_connections_delay_nobody() {
    let _time = PausedTime::pause();
    let mut scene = Scene::begin().await;
    let mut others = Vec::new();
    for number in 0..250 {
        let mut other = TcpStream::connect(("127.0.0.1", scene.port)).await.unwrap();
        let sent = match number % 4 {
            0 => "".to_owned(),
            1 => "GET /callback?code=x".to_owned(),
            2 => format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(50_000)),
            _ => "POST /callback HTTP/1.1\r\ncontent-length: 9999\r\n\r\n".to_owned(),
        };
        let _ = other.write_all(sent.as_bytes()).await;
        others.push(other);
    }

    let response = scene.open(&scene.fake.agree(&scene.url)).await;
    let signed_in = (&mut scene.signing_in).await.unwrap().unwrap();

    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(signed_in.refused >= 150, "{}", signed_in.refused);
    scene.closes().await;
}

/// And the code of a browser that closed its window at once is exchanged all the same.
#[tokio::test]
async fn a_browser_that_does_not_wait_for_the_page_has_come_back() {
    let mut scene = Scene::begin().await;
    let redirect = scene.fake.agree(&scene.url);
    let path = redirect.split_once(&format!(":{}", scene.port)).unwrap().1;
    let mut browser = TcpStream::connect(("127.0.0.1", scene.port)).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", scene.port);
    browser.write_all(head.as_bytes()).await.unwrap();
    drop(browser);

    assert!((&mut scene.signing_in).await.unwrap().is_ok());
}

#[tokio::test]
async fn every_page_is_kept_nowhere_and_takes_the_code_out_of_the_address_bar() {
    let mut scene = Scene::begin().await;
    let redirect = scene.fake.agree(&scene.url);
    let wrong = redirect.replace("state=", "state=x");
    for url in [wrong, redirect] {
        let response = scene.open(&url).await;
        let script = response.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
        assert_eq!(script, r#"history.replaceState(null, "", location.pathname)"#);
        for header in
            ["cache-control: no-store", "referrer-policy: no-referrer", "script-src 'sha256-"]
        {
            assert!(response.contains(header), "{response}");
        }
        assert!(!response.contains("code=") && !response.contains("state="), "{response}");
    }
    (&mut scene.signing_in).await.unwrap().unwrap();
}
