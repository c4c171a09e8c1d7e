//! What a call says of a write that layers of the user's sent, against what the server got: whatever
//! they do with it, by whatever means.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use spotify_web::async_trait::async_trait;
use spotify_web::http::{self, Extensions};
use spotify_web::middleware::{CallTrace, RetryOptions};
use spotify_web::reqwest::{self, Request, Response};
use spotify_web::reqwest_middleware::{self, Middleware, Next, Result};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Backoff, SpotifyClient, SpotifyClientConfig};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// A server that counts requests by their paths and never responds, and a port that refuses.
struct Server {
    base: String,
    got: watch::Receiver<HashMap<String, usize>>,
    refuses: u16,
    _bound: TcpSocket,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let (counts, got) = watch::channel(HashMap::new());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let counts = counts.clone();
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut head).await {
                        let head = String::from_utf8_lossy(&head[..length]);
                        let path = head.split(' ').nth(1).unwrap().to_owned();
                        counts.send_modify(|counts| *counts.entry(path).or_default() += 1);
                    }
                });
            }
        });
        let bound = TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refuses = bound.local_addr().unwrap().port();
        Self { base, got, refuses, _bound: bound }
    }

    fn got(&self, path: &str) -> usize {
        self.got.borrow().get(path).copied().unwrap_or_default()
    }

    async fn gets_more_than(&self, number: usize, path: &str) {
        let has_come =
            |got: &HashMap<String, usize>| got.get(path).is_some_and(|got| *got > number);
        self.got.clone().wait_for(has_come).await.unwrap();
    }
}

/// By which means a layer sends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// By `next`, with the extensions of the request.
    Plainly,
    WithACopy,
    WithNewOnes,
    /// And puts those from before back.
    Restoring,
    /// And puts new ones in their place.
    Replacing,
    /// And counts its attempts anew.
    Recounting,
    ByItself,
}

const WAYS: [Way; 7] = [
    Way::Plainly,
    Way::WithACopy,
    Way::WithNewOnes,
    Way::Restoring,
    Way::Replacing,
    Way::Recounting,
    Way::ByItself,
];

/// What comes of what it sends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Refused,
    /// The server has it when the layer gives it up.
    GivenUp,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Returns the last error, or one of a client of its own.
    Returns,
    /// Never, so that a deadline passes.
    Hangs,
    Fails,
    Responds(u16),
}

const ENDS: [End; 5] =
    [End::Returns, End::Hangs, End::Fails, End::Responds(404), End::Responds(503)];

/// What a layer does with a request.
#[derive(Debug, Clone)]
struct Case {
    steps: Vec<(Way, Fate)>,
    end: End,
}

impl Case {
    fn all() -> Vec<Self> {
        let fates = [Fate::Refused, Fate::GivenUp];
        let steps: Vec<_> = WAYS.iter().flat_map(|way| fates.map(|fate| (*way, fate))).collect();
        let mut sequences: Vec<Vec<_>> = steps.iter().map(|step| vec![*step]).collect();
        sequences.extend(steps.iter().flat_map(|one| steps.iter().map(|two| vec![*one, *two])));
        let ends = |steps: Vec<_>| ENDS.map(|end| Self { steps: steps.clone(), end });
        sequences.into_iter().flat_map(ends).collect()
    }

    fn is_sent_by_itself(&self) -> bool {
        self.steps.contains(&(Way::ByItself, Fate::GivenUp))
    }

    /// What a layer sent by other means is not known where it returns what does not tell of it: an
    /// error of `next`, or a response of its own.
    fn hides_something(&self) -> bool {
        let last = self.steps.last().copied();
        let is_of_next =
            last.is_some_and(|(way, fate)| way != Way::ByItself && fate == Fate::Refused);
        self.is_sent_by_itself()
            && (self.end == End::Responds(404) || (self.end == End::Returns && is_of_next))
    }

    fn arrivals(&self) -> usize {
        self.steps.iter().filter(|(_, fate)| *fate == Fate::GivenUp).count()
    }
}

struct Does {
    server: Arc<Server>,
    cases: Arc<Vec<Case>>,
    http: reqwest::Client,
}

impl Does {
    async fn send(
        &self,
        (way, fate): (Way, Fate),
        request: &Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Option<Result<Response>> {
        let path = request.url().path();
        let mut request = request.try_clone().unwrap();
        let before = on.clone();
        if fate == Fate::Refused {
            request.url_mut().set_port(Some(self.server.refuses)).unwrap();
        }
        let got = self.server.got(path);
        let sending = async {
            match way {
                Way::WithACopy => next.run(request, &mut on.clone()).await,
                Way::WithNewOnes => next.run(request, &mut Extensions::new()).await,
                Way::ByItself => Ok(self.http.execute(request).await?),
                _ => next.run(request, on).await,
            }
        };
        let result = tokio::select! {
            result = sending => Some(result),
            () = self.server.gets_more_than(got, path) => None,
        };
        match way {
            Way::Restoring => *on = before,
            Way::Replacing => *on = Extensions::new(),
            Way::Recounting => drop(on.insert(CallTrace::default())),
            _ => {}
        }
        result
    }

    async fn refused(&self) -> reqwest_middleware::Error {
        let url = format!("http://127.0.0.1:{}/", self.server.refuses);
        self.http.post(url).send().await.unwrap_err().into()
    }
}

#[async_trait]
impl Middleware for Does {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let number = request.url().path_segments().unwrap().next_back().unwrap();
        let case = &self.cases[number.parse::<usize>().unwrap()];
        let mut last = None;
        for step in &case.steps {
            last = self.send(*step, &request, on, next.clone()).await;
        }
        match case.end {
            End::Returns => match last {
                Some(result) => result,
                None => Err(self.refused().await),
            },
            End::Hangs => std::future::pending().await,
            End::Fails => Err(reqwest_middleware::Error::middleware(fmt::Error)),
            End::Responds(status) => {
                Ok(http::Response::builder().status(status).body("").unwrap().into())
            }
        }
    }
}

fn config(base: &str) -> SpotifyClientConfig {
    let pause = Duration::from_millis(1);
    let backoff = Backoff::new(pause, 1.0, pause).unwrap();
    SpotifyClientConfig::default()
        .with_base_url(base)
        .with_token("token")
        .without_rate_limiter()
        .with_retries(RetryOptions::default().with_backoff(backoff).with_share(10.0))
}

/// Calls side by side, a number at a time.
async fn each_of<F: Future<Output = ()> + Send + 'static>(calls: impl IntoIterator<Item = F>) {
    let mut under_way = tokio::task::JoinSet::new();
    for call in calls {
        while under_way.len() >= 50 {
            under_way.join_next().await.unwrap().unwrap();
        }
        under_way.spawn(call);
    }
    while let Some(ended) = under_way.join_next().await {
        ended.unwrap();
    }
}

type Wrong = Arc<Mutex<Vec<String>>>;

#[tokio::test]
async fn what_a_call_says_of_a_write_is_true_whatever_its_layers_did() {
    let server = Arc::new(Server::start().await);
    let cases = Arc::new(Case::all());
    let wrong = Wrong::default();
    for is_inner in [false, true] {
        let layer = Does {
            server: Arc::clone(&server),
            cases: Arc::clone(&cases),
            http: reqwest::Client::new(),
        };
        let config = match is_inner {
            true => config(&server.base).with_inner_middleware(layer),
            false => config(&server.base).with_middleware(layer),
        };
        let spotify = SpotifyClient::new(config).unwrap();
        each_of((0..cases.len()).map(|number| {
            let (server, cases, wrong) = (Arc::clone(&server), Arc::clone(&cases), wrong.clone());
            let path = format!("{is_inner}/{number}");
            let request = spotify.post::<Value>(&path);
            async move {
                let case = &cases[number];
                let error = match case.end {
                    End::Hangs => request.deadline(Duration::from_millis(200)).await,
                    _ => request.await,
                };
                let error = error.unwrap_err();
                let told = error.may_have_been_carried_out();
                let got = server.got(&format!("/{path}"));
                let is_lie = got > 0 && !told;
                let is_sent_again = got > case.arrivals();
                if (is_lie || is_sent_again) && !case.hides_something() {
                    let text = format!("{path} {case:?}: got {got}, may {told}: {error:?}");
                    wrong.lock().unwrap().push(text);
                }
            }
        }))
        .await;
    }
    let wrong = wrong.lock().unwrap();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What was sent by `next` alone, and is known to have come to nothing, is retried and says so.
#[tokio::test]
async fn a_write_that_was_refused_below_a_layer_is_retried_and_was_not_carried_out() {
    for way in WAYS.into_iter().filter(|way| *way != Way::ByItself) {
        for is_inner in [false, true] {
            let server = Arc::new(Server::start().await);
            let case = Case { steps: vec![(way, Fate::Refused)], end: End::Returns };
            let layer = Does {
                server: Arc::clone(&server),
                cases: Arc::new(vec![case]),
                http: reqwest::Client::new(),
            };
            let config = match is_inner {
                true => config(&server.base).with_inner_middleware(layer),
                false => config(&server.base).with_middleware(layer),
            };
            let spotify = SpotifyClient::new(config).unwrap();

            let error = spotify.post::<Value>("0").await.unwrap_err();

            let got = server.got("/0");
            assert!(!error.may_have_been_carried_out(), "{way:?} {is_inner}: {got}, {error:?}");
            assert_eq!(spotify.stats().retries, 3, "{way:?} {is_inner}");
        }
    }
}

/// The attempts of a call are counted, whatever its layers do with the extensions.
#[tokio::test]
async fn a_report_counts_what_left_whatever_the_layers_did() {
    for way in WAYS.into_iter().filter(|way| *way != Way::ByItself) {
        let server = Arc::new(Server::start().await);
        let steps = vec![(way, Fate::GivenUp), (way, Fate::Refused), (way, Fate::GivenUp)];
        let layer = Does {
            server: Arc::clone(&server),
            cases: Arc::new(vec![Case { steps, end: End::Returns }]),
            http: reqwest::Client::new(),
        };
        let reports = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&reports);
        let config = config(&server.base).with_middleware(layer);
        let config = config.with_observer(move |call| heard.lock().unwrap().push(call.attempts));
        let spotify = SpotifyClient::new(config).unwrap();

        spotify.post::<Value>("0").await.unwrap_err();

        assert_eq!(*reports.lock().unwrap(), [2], "{way:?}");
    }
}

/// Sends from a thread of its own, with new extensions, and forgets what it sent.
struct FromAnotherThread(Arc<Server>);

#[async_trait]
impl Middleware for FromAnotherThread {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let path = request.url().path().to_owned();
        let mut again = request.try_clone().unwrap();
        again.url_mut().set_port(Some(self.0.refuses)).unwrap();
        let first = next.clone();
        std::thread::scope(|scope| {
            let sending = async {
                let mut new = Extensions::new();
                tokio::select! {
                    _ = first.run(request, &mut new) => {}
                    () = self.0.gets_more_than(0, &path) => {}
                }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            scope.spawn(move || runtime.unwrap().block_on(sending));
        });
        next.run(again, on).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_from_another_thread_is_not_forgotten() {
    let server = Arc::new(Server::start().await);
    let layer = FromAnotherThread(Arc::clone(&server));
    let spotify = SpotifyClient::new(config(&server.base).with_middleware(layer)).unwrap();

    let error = spotify.post::<Value>("0").await.unwrap_err();

    assert_eq!(server.got("/0"), 1);
    assert!(error.may_have_been_carried_out(), "{error:?}");
}

/// Sends again what got no response.
struct Repeats;

#[async_trait]
impl Middleware for Repeats {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let again = request.try_clone().unwrap();
        match next.clone().run(request, on).await {
            Ok(response) => Ok(response),
            Err(_) => next.run(again, on).await,
        }
    }
}

/// Whether it may be sent again is one question, after a 401 as after a failure.
#[tokio::test]
async fn a_write_is_replayed_with_another_token_only_where_no_attempt_may_have_been_carried_out() {
    for is_in_doubt in [false, true] {
        let fake = FakeSpotify::start().await.unwrap();
        let config = fake.config_with_credentials().with_inner_middleware(Repeats);
        let spotify = SpotifyClient::new(config.without_rate_limiter()).unwrap();
        if is_in_doubt {
            fake.next_api(FakeResponse::hang_up());
        }
        fake.next_api(FakeResponse::status(401));
        fake.next_api(FakeResponse::json(200, &Value::Null));

        let result = spotify.post::<Value>("new/thing").await;

        assert_eq!(fake.api_requests(), 2, "{is_in_doubt}: {result:?}");
        let may_be_done = result.is_err_and(|error| error.may_have_been_carried_out());
        assert_eq!(may_be_done, is_in_doubt);
    }
}

/// Gives an attempt up that still connects, and counts anew.
struct GivesUpAndRecounts;

#[async_trait]
impl Middleware for GivesUpAndRecounts {
    async fn handle(
        &self,
        request: Request,
        on: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let sending = next.run(request, on);
        assert!(tokio::time::timeout(Duration::from_millis(50), sending).await.is_err());
        on.insert(CallTrace::default());
        Err(reqwest_middleware::Error::middleware(fmt::Error))
    }
}

#[tokio::test]
async fn a_layer_that_counts_anew_costs_no_report() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}/", silent.local_addr().unwrap());
    let reports = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&reports);
    let config = config(&base).with_middleware(GivesUpAndRecounts);
    let config = config.with_observer(move |call| heard.lock().unwrap().push(call.attempts));
    let spotify = SpotifyClient::new(config).unwrap();

    spotify.post::<Value>("0").await.unwrap_err();

    assert_eq!(*reports.lock().unwrap(), [0]);
}
