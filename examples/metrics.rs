//! Figures of all calls, by OpenTelemetry's conventions, as any exporter takes them. Here they are
//! printed; a server sends them by OTLP, or has them fetched, with another exporter in `provider`.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` set it talks to Spotify, else to a fake.

mod common;

use std::time::Instant;

use clap::Parser;
use common::Setup;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_stdout::MetricExporter;
use spotify_web::api::{CallOutcome, CallReport};
use spotify_web::async_trait::async_trait;
use spotify_web::auth::CredentialsAuthenticator;
use spotify_web::http::Extensions;
use spotify_web::reqwest::{Request, Response, StatusCode};
use spotify_web::reqwest_middleware::{self, Middleware, Next};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

/// The bounds that the convention advises, in seconds.
const BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Makes some calls and prints their figures.
#[derive(Parser)]
struct Arguments {}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    Arguments::parse();
    common::run(FakeSpotify::builder(), run).await
}

async fn run(setup: &Setup) -> Result<(), Error> {
    let provider = SdkMeterProvider::builder().with_periodic_exporter(MetricExporter::default());
    let provider = provider.build();
    let meter = provider.meter("spotify-web");
    let authenticator = CredentialsAuthenticator::new(setup.client_id(), setup.client_secret());
    count_token_requests(&meter, authenticator.clone());
    let calls = Calls::new(&meter);
    let config = setup
        .config()
        .with_authenticator(authenticator)
        .with_inner_middleware(Requests::new(&meter))
        .with_observer(move |report| calls.record(report));
    let spotify = SpotifyClient::new(config)?;

    work(&spotify, setup).await?;
    spotify.settle().await?;
    if let Err(error) = provider.shutdown() {
        eprintln!("the last figures were not exported: {error}");
    }
    Ok(())
}

/// A call that goes well, one that is retried, and one for what there is not.
async fn work(spotify: &SpotifyClient, setup: &Setup) -> Result<(), Error> {
    let track = "11dFghVXANMlKmJXsNCbNl";
    spotify.tracks().get(track).await?;
    if let Some(fake) = &setup.fake {
        fake.next(503);
    }
    spotify.tracks().get(track).await?;
    if let Err(error) = spotify.albums().get("0000000000000000000000").await {
        println!("as expected: {}", error.to_line());
    }
    Ok(())
}

/// Each HTTP request, so each attempt of a call by itself, without what it waited before:
/// <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>.
struct Requests {
    duration: Histogram<f64>,
}

impl Requests {
    fn new(meter: &Meter) -> Self {
        let duration = meter
            .f64_histogram("http.client.request.duration")
            .with_description("Duration of HTTP client requests.")
            .with_unit("s")
            .with_boundaries(BOUNDS.to_vec());
        Self { duration: duration.build() }
    }
}

#[async_trait]
impl Middleware for Requests {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let mut attributes = of_request(&request);
        let begin = Instant::now();
        let result = next.run(request, extensions).await;
        attributes.extend(of_result(&result));
        self.duration.record(begin.elapsed().as_secs_f64(), &attributes);
        result
    }
}

/// Never its path: that has ids, and so as many values as there are things at Spotify.
fn of_request(request: &Request) -> Vec<KeyValue> {
    let url = request.url();
    let port = url.port_or_known_default().unwrap_or_default();
    vec![
        KeyValue::new("http.request.method", request.method().to_string()),
        KeyValue::new("server.address", url.host_str().unwrap_or_default().to_owned()),
        KeyValue::new("server.port", i64::from(port)),
        KeyValue::new("url.scheme", url.scheme().to_owned()),
    ]
}

fn of_result(result: &reqwest_middleware::Result<Response>) -> Vec<KeyValue> {
    match result {
        Ok(response) => of_status(response.status()),
        Err(error) if error.is_timeout() => vec![KeyValue::new("error.type", "timeout")],
        Err(error) if error.is_connect() => vec![KeyValue::new("error.type", "connect")],
        Err(_) => vec![KeyValue::new("error.type", "_OTHER")],
    }
}

fn of_status(status: StatusCode) -> Vec<KeyValue> {
    let mut attributes = vec![status_code(status)];
    if is_error(status) {
        attributes.push(KeyValue::new("error.type", status.as_str().to_owned()));
    }
    attributes
}

fn status_code(status: StatusCode) -> KeyValue {
    KeyValue::new("http.response.status_code", i64::from(status.as_u16()))
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Of a call that came to nothing: what the server said, and else what its caller was told. A
/// response with a good status that cannot be read is `decode`.
fn error_type(report: &CallReport) -> String {
    match report.status.filter(|status| is_error(*status)) {
        Some(status) => status.as_str().to_owned(),
        None => {
            let reason = report.reason.as_deref().or(report.failure);
            reason.unwrap_or("abandoned").to_owned()
        }
    }
}

/// Each call, with its retries and with what it waited: what the caller notices. No convention has
/// a name for that.
struct Calls {
    duration: Histogram<f64>,
    waited: Histogram<f64>,
}

impl Calls {
    fn new(meter: &Meter) -> Self {
        let histogram = |name, description| {
            let histogram = meter.f64_histogram(name).with_description(description).with_unit("s");
            histogram.with_boundaries(BOUNDS.to_vec()).build()
        };
        Self {
            duration: histogram("spotify.call.duration", "Duration of calls, retries included."),
            waited: histogram(
                "spotify.call.wait",
                "How long calls waited for permits and retries.",
            ),
        }
    }

    fn record(&self, report: &CallReport) {
        let mut attributes = vec![
            KeyValue::new("http.request.method", report.method.to_string()),
            KeyValue::new("url.template", report.endpoint.clone()),
            KeyValue::new("http.request.resend_count", i64::from(report.attempts.max(1)) - 1),
        ];
        if let Some(status) = report.status {
            attributes.push(status_code(status));
        }
        if report.outcome != CallOutcome::Succeeded {
            attributes.push(KeyValue::new("error.type", error_type(report)));
        }
        self.duration.record(report.elapsed.as_secs_f64(), &attributes);
        self.waited.record(report.waited.as_secs_f64(), &attributes);
    }
}

/// Read whenever the figures are collected.
fn count_token_requests(meter: &Meter, authenticator: CredentialsAuthenticator) {
    let counter = meter.u64_observable_counter("spotify.token.requests");
    let counter = counter.with_description("Token requests that were sent.").with_unit("{request}");
    counter
        .with_callback(move |observer| observer.observe(authenticator.stats().requests, &[]))
        .build();
}
