//! Signing in on a desktop: the loopback port, and everything else that may come to it.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use spotify_web::login::{SignIn, SignInError, SignedIn};
use spotify_web::oauth::{Login, LoginError, OAuthClient, OAuthErrorCode};
use spotify_web::testing::{FakeAnswer, FakeSpotify};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

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
        let fake = Arc::new(FakeSpotify::start().await.unwrap());
        let login =
            Login::pkce("id", "http://127.0.0.1/callback").authorize_url(fake.authorize_url());
        let (sender, mut told) = mpsc::unbounded_channel();
        let sign_in = SignIn::new(login)
            .without_browser()
            .paste_from(Cursor::new(""))
            .tell(move |text| sender.send(text.to_owned()).unwrap_or_default());
        let sign_in = options(sign_in);
        let oauth = OAuthClient::new(&fake.config());
        let signing_in = tokio::spawn(async move { sign_in.run(&oauth).await });
        let text = told.recv().await.unwrap();
        let url = text.split_whitespace().find(|word| word.contains("/authorize?")).unwrap();
        let port = fake.agree(url).split(['/', ':']).nth(4).unwrap().parse().unwrap();
        Self { fake, url: url.to_owned(), port, signing_in }
    }

    /// Sends the head of a request and reads the answer to its end.
    async fn send(&self, head: &str) -> String {
        send(self.port, head).await
    }

    /// Opens an address as a browser does.
    async fn open(&self, url: &str) -> String {
        let path = url.split_once(&format!(":{}", self.port)).unwrap().1;
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", self.port)).await
    }

    /// The port cannot be reached any more.
    async fn is_closed(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_err()
    }
}

async fn send(port: u16, head: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // The other side may have had enough before the end.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_user_signs_in_and_sees_it_only_when_the_token_is_there() {
    let mut scene = Scene::begin().await;
    let redirect = scene.fake.agree(&scene.url);

    let answer = scene.open(&redirect).await;
    let closed_at = scene.fake.token_requests();
    let signed_in = (&mut scene.signing_in).await.unwrap().unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("You are logged in"));
    assert!(answer.contains("content-security-policy: default-src 'none'"));
    assert_eq!(closed_at, 1, "the code was turned in before the page was shown");
    assert!(signed_in.token.refresh_token.is_some());
    assert_eq!(signed_in.refused, 0);
    assert!(scene.is_closed().await);
}

#[tokio::test]
async fn a_user_who_cancels_is_told_and_so_is_the_program() {
    let mut scene = Scene::begin().await;

    let answer = scene.open(&scene.fake.cancel(&scene.url)).await;
    let error = (&mut scene.signing_in).await.unwrap().unwrap_err();

    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("The user did not allow it"), "{answer}");
    assert!(matches!(error, SignInError::Login(LoginError::Denied)), "{error:?}");
    assert!(scene.is_closed().await);
}

#[tokio::test]
async fn a_code_that_is_refused_is_told_on_the_page() {
    let mut scene = Scene::begin().await;
    scene.fake.next_token(FakeAnswer::json(
        400,
        &serde_json::json!({ "error": "invalid_grant", "error_description": "<b>no</b>" }),
    ));

    let answer = scene.open(&scene.fake.agree(&scene.url)).await;
    let error = (&mut scene.signing_in).await.unwrap().unwrap_err();

    assert!(answer.contains("&lt;b&gt;no&lt;/b&gt;") && !answer.contains("<b>no"), "{answer}");
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
    let huge = "x".repeat(40_000);

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
        let answer = scene.send(&head).await;
        let answered = answer.split(' ').nth(1).unwrap_or_default();
        assert!(answered == status || answered.is_empty(), "{what}: {answer}");
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
async fn a_second_way_back_is_refused_while_the_first_is_being_answered() {
    let mut scene = Scene::begin().await;
    scene.fake.next_token(FakeAnswer::never());
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
    let mut scene = Scene::begin_with(|it| it.time_limit(Duration::from_secs(60))).await;
    time.advance(Duration::from_secs(61)).await;

    let error = (&mut scene.signing_in).await.unwrap().unwrap_err();

    assert_eq!(error.to_string(), "nobody logged in within 60s; start again");
}

/// Over SSH and in a container: the address is opened anywhere, and pasted here.
#[tokio::test]
async fn an_address_can_be_pasted_and_a_wrong_one_pasted_again() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let scene = Scene::begin_with(|it| it.paste_from(std::io::BufReader::new(reader))).await;
    let redirect = scene.fake.agree(&scene.url);

    let pasted = format!("\nwhat?\n{}\n {redirect} \n", scene.url);
    std::io::Write::write_all(&mut writer, pasted.as_bytes()).unwrap();
    let signed_in = scene.signing_in.await.unwrap().unwrap();

    assert!(signed_in.token.refresh_token.is_some());
}

/// By whatever `BROWSER` names, as desktops have it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_is_opened_with_the_address() {
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

    let redirect = fake.agree(&url);
    let port = redirect.split(['/', ':']).nth(4).unwrap().parse().unwrap();
    let (_, path) = redirect.split_once(&format!(":{port}")).unwrap();
    send(port, &format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n")).await;
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
    for redirect in ["https://example.test/", "http://192.0.2.1:8888/", "http://0.0.0.0:1/", "x"] {
        let sign_in = SignIn::new(Login::pkce("id", redirect)).without_browser();
        let error = sign_in.tell(|_| {}).run(&oauth).await.unwrap_err();
        assert!(matches!(error, SignInError::Redirect { .. }), "{error:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let login = Login::pkce("id", format!("http://127.0.0.1:{port}/callback"));
    let error = SignIn::new(login).without_browser().run(&oauth).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("port {port} of the redirect URI")), "{error}");
}
