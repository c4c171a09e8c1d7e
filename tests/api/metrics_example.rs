//! The example `metrics` as a program: the figures that it exports.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use spotify_web::reqwest::{Method, Url};
use spotify_web::testing::{FakeResponse, FakeSpotify};

use crate::examples::program;

/// What the example prints, before a fake.
fn figures(program: &Path, fake: &FakeSpotify) -> String {
    let output = Command::new(program)
        .env("SPOTIFY_CLIENT_ID", "id")
        .env("SPOTIFY_CLIENT_SECRET", "s3cr3t")
        .env("SPOTIFY_BASE_URL", fake.base_url())
        .env("SPOTIFY_TOKEN_URL", fake.token_url())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Three calls with four requests: a call that is retried is two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_follow_the_conventions_and_name_no_id() {
    let Some(program) = program("metrics") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    fake.next(503);

    let text = figures(&program, &fake);

    let metrics = Metrics::of(&text);
    let port = Url::parse(&fake.base_url()).unwrap().port().unwrap().to_string();
    let sent = [("server.address", "127.0.0.1"), ("server.port", &port), ("url.scheme", "http")];
    let of_status = |count, status| point(count, status, &sent);
    let requests = [of_status(2, "200"), of_status(1, "404"), of_status(1, "503")];
    assert_eq!(metrics.histogram("http.client.request.duration"), requests);

    let (resent, template) = ("http.request.resend_count", "url.template");
    let calls = [
        point(1, "200", &[(resent, "0"), (template, "tracks/{}")]),
        point(1, "200", &[(resent, "1"), (template, "tracks/{}")]),
        point(1, "404", &[(resent, "0"), (template, "albums/{}")]),
    ];
    assert_eq!(metrics.histogram("spotify.call.duration"), calls);
    assert_eq!(metrics.histogram("spotify.call.wait"), calls);
    assert!(metrics.named("spotify.token.requests").contains("Value        : 1\n"), "{text}");
    let figures = text.split_once("Metrics\n").unwrap().1;
    assert!(!figures.contains("11dFghVXANMlKmJXsNCbNl") && !figures.contains("s3cr3t"));
}

/// The request went well, and its caller has nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_that_cannot_be_read_is_an_error_of_the_call_alone() {
    let Some(program) = program("metrics") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let bad = |_: &_| FakeResponse::json(200, &json!({ "name": 7 }));
    fake.on(Method::GET, "/v1/albums/{id}", bad);

    let text = figures(&program, &fake);

    let metrics = Metrics::of(&text);
    let errors = |name: &str| -> Vec<_> {
        let points = metrics.histogram(name).into_iter();
        points.filter(|(_, it)| it.iter().any(|it| it.starts_with("error.type"))).collect()
    };
    assert!(errors("http.client.request.duration").is_empty(), "{text}");
    let mut attributes = vec![
        "error.type: decode".to_owned(),
        "http.request.method: GET".to_owned(),
        "http.request.resend_count: 0".to_owned(),
        "http.response.status_code: 200".to_owned(),
        "url.template: albums/{}".to_owned(),
    ];
    attributes.sort();
    assert_eq!(errors("spotify.call.duration"), [(1, attributes)]);
}

/// How many values there are with these attributes, in their order.
type Point = (u64, Vec<String>);

/// Of what got a response with this status, by the conventions, and with more attributes.
fn point(count: u64, status: &str, more: &[(&str, &str)]) -> Point {
    let error = (status != "200").then_some(("error.type", status));
    let usual = [("http.request.method", "GET"), ("http.response.status_code", status)];
    let attributes = error.iter().chain(&usual).chain(more);
    let mut attributes: Vec<_> =
        attributes.map(|(name, value)| format!("{name}: {value}")).collect();
    attributes.sort();
    (count, attributes)
}

/// What was printed of each metric.
struct Metrics<'a>(Vec<&'a str>);

impl<'a> Metrics<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.split("Metric #").collect())
    }

    fn named(&self, name: &str) -> &'a str {
        let line = format!("Name         : {name}\n");
        self.0.iter().find(|metric| metric.contains(&line)).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The points of one in seconds, with the bounds that the convention advises, by their status.
    fn histogram(&self, name: &str) -> Vec<Point> {
        let metric = self.named(name);
        assert!(metric.contains("Unit         : s\n"), "{metric}");
        let points = metric.split("DataPoint #").skip(1).map(|point| {
            assert!(
                point.contains(" 7.5 to 10 : ") && point.contains("-inf to 0.005 : "),
                "{point}"
            );
            let lines = || point.lines().map(str::trim);
            let count = lines().find_map(|line| line.strip_prefix("Count        : "));
            let attributes = lines().filter_map(|line| line.strip_prefix("->  "));
            let mut attributes: Vec<_> = attributes.map(str::to_owned).collect();
            attributes.sort();
            (count.unwrap().parse().unwrap(), attributes)
        });
        let mut points: Vec<Point> = points.collect();
        points.sort_by_key(|(_, attributes)| {
            let status = attributes.iter().find(|it| it.contains("status_code")).cloned();
            (status, attributes.clone())
        });
        points
    }
}
