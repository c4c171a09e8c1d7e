//! The example `metrics` as a program: the figures that it exports.

use std::process::Command;

use spotify_web::testing::FakeSpotify;

use crate::examples::program;

/// Three calls with four requests: a call that is retried is two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_follow_the_conventions_and_name_no_id() {
    let Some(program) = program("metrics") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    fake.next(503);

    let output = Command::new(program)
        .env("SPOTIFY_CLIENT_ID", "id")
        .env("SPOTIFY_CLIENT_SECRET", "s3cr3t")
        .env("SPOTIFY_BASE_URL", fake.base_url())
        .env("SPOTIFY_TOKEN_URL", fake.token_url())
        .output()
        .unwrap();

    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let metrics = Metrics::of(&text);
    let requests = metrics.named("http.client.request.duration");
    assert!(requests.contains("Unit         : s\n"), "{requests}");
    assert_eq!(counted(requests), 4, "{requests}");
    for attribute in [
        "http.request.method: GET",
        "server.address: 127.0.0.1",
        "http.response.status_code: 200",
        "http.response.status_code: 503",
        "error.type: 503",
        "error.type: 404",
    ] {
        assert!(requests.contains(attribute), "{attribute}: {requests}");
    }

    let calls = metrics.named("spotify.call.duration");
    assert_eq!(counted(calls), 3, "{calls}");
    assert!(calls.contains("url.template: tracks/{}"), "{calls}");
    assert!(calls.contains("http.request.resend_count: 1"), "{calls}");
    assert!(metrics.named("spotify.token.requests").contains("Value        : 1\n"), "{text}");
    let figures = text.split_once("Metrics\n").unwrap().1;
    assert!(!figures.contains("11dFghVXANMlKmJXsNCbNl") && !figures.contains("s3cr3t"));
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
}

/// How many values a histogram has, over all of its attributes.
fn counted(metric: &str) -> u64 {
    let counts = metric.lines().filter_map(|line| line.trim().strip_prefix("Count        : "));
    counts.map(|count| count.parse::<u64>().unwrap()).sum()
}
