//! One client on several runtimes: a connection is used by the runtime that drives it, and by no other.

use futures_util::future::join_all;
use spotify_web::SpotifyClient;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::shared_connections::{Server, alone, calls};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs on another thread, while the server goes on.
async fn apart<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = oneshot::channel();
    std::thread::spawn(move || drop(sender.send(run())));
    result.await.unwrap()
}

/// A read and a write.
async fn both(spotify: &SpotifyClient) {
    spotify.get::<u32>("page").await.unwrap();
    spotify.put::<u32>("page").await.unwrap();
}

#[tokio::test]
async fn what_is_under_way_on_one_runtime_goes_on_when_another_ends() {
    alone(
        "several_runtimes::what_is_under_way_on_one_runtime_goes_on_when_another_ends",
        100,
        async |server: Server| {
            let spotify = server.client();
            let first = spotify.clone();
            let first = apart(move || {
                let runtime =
                    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
                runtime.block_on(both(&first));
                runtime
            });
            let first = first.await;
            let held = spotify.clone();
            let held = tokio::spawn(async move { join_all(calls(60, &held, "held")).await });
            server.got(60, "held").await;

            apart(move || drop(first)).await;

            server.release();
            for call in held.await.unwrap() {
                call.unwrap();
            }
            assert_eq!(spotify.stats().retries, 0);
        },
    )
    .await;
}

#[tokio::test]
async fn runtimes_that_come_one_after_the_other_find_nothing_of_the_ones_before() {
    alone(
        "several_runtimes::runtimes_that_come_one_after_the_other_find_nothing_of_the_ones_before",
        100,
        async |server: Server| {
            let spotify = server.client();
            let used = spotify.clone();

            apart(move || (0..20).for_each(|_| runtime().block_on(both(&used)))).await;

            assert_eq!(spotify.stats().retries, 0);
            assert_eq!(server.connections(), 40);
        },
    )
    .await;
}

#[tokio::test]
async fn a_runtime_that_nobody_drives_holds_up_no_other() {
    alone(
        "several_runtimes::a_runtime_that_nobody_drives_holds_up_no_other",
        100,
        async |server: Server| {
            let spotify = server.client();
            let used = spotify.clone();

            let take_turns = apart(move || {
                let runtimes = [runtime(), runtime()];
                for _ in 0..5 {
                    runtimes.iter().for_each(|runtime| runtime.block_on(both(&used)));
                }
            });

            tokio::time::timeout(std::time::Duration::from_secs(60), take_turns).await.unwrap();
            assert_eq!(spotify.stats().retries, 0);
            assert_eq!(server.connections(), 4);
        },
    )
    .await;
}
