//! Whatever lies at the path of a token file: P56.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use spotify_web::auth::{
    AuthError, FileTokenStore, PkceAuthenticator, StoreError, StoredToken, TokenCache,
    TokenCacheOptions, TokenKey, TokenSource, TokenStore,
};
use spotify_web::oauth::Token;
use spotify_web::{Backoff, SpotifyClient, SpotifyClientConfig};
use tokio::sync::Barrier;

use crate::common::Directory;

/// Puts something at the path.
type Put = fn(&Path);

/// P56: neither a thread, nor the end of the runtime, nor more memory than a bound.
#[test]
fn whatever_lies_at_the_path_is_an_error_at_once() {
    let places: [(Put, &str); 9] = [
        (fifo, "cannot be read: it is no regular file"),
        (|path| fs::create_dir(path).unwrap(), "it is a directory: name a file"),
        (|path| symlink(path, path).unwrap(), "it is a link that leads to itself"),
        (|path| symlink("/dev/zero", path).unwrap(), "it is no regular file"),
        (|path| symlink("/dev/tty", path).unwrap(), "it is no regular file"),
        (|path| symlink(path.join("within"), path).unwrap(), "cannot be"),
        (huge, "it is longer than 16777216 bytes"),
        (|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), "no regular file"),
        (link_to_fifo, "it is no regular file"),
    ];
    for (put, expected) in places {
        let directory = Directory::new();
        put(&directory.file());
        let before = fs::symlink_metadata(directory.file()).unwrap().file_type();

        let (load, save) = both(&directory.file());

        for error in [load.unwrap_err(), save.unwrap_err()] {
            let text = full(&error);
            assert!(text.contains(expected), "{text} instead of {expected}");
            let is_within_a_file = expected == "cannot be";
            assert!(
                is_within_a_file || !error.is_transient(),
                "{text}: it does not pass by itself"
            );
        }
        let after = fs::symlink_metadata(directory.file()).unwrap().file_type();
        assert_eq!(before, after, "it was replaced");
    }
}

/// The same for what lies beside it, of which only writing knows.
#[test]
fn whatever_lies_beside_the_path_is_an_error_at_once() {
    let places: [(&str, Put); 5] = [
        (".lock", fifo),
        (".lock", |path| fs::create_dir(path).unwrap()),
        (".lock", |path| symlink("/dev/zero", path).unwrap()),
        (".new", |path| fs::create_dir_all(path.join("full")).unwrap()),
        ("", |path| symlink(path.join("../missing/tokens.json"), path).unwrap()),
    ];
    for (suffix, put) in places {
        let directory = Directory::new();
        put(&directory.path().join(format!("tokens.json{suffix}")));

        let (load, save) = both(&directory.file());

        assert!(load.is_err() || load.unwrap().is_none());
        let error = save.unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{suffix}: {error:?}");
    }
}

/// A refresh that cannot lock its key says so.
#[test]
fn whatever_lies_in_place_of_the_locks_is_an_error_at_once() {
    for put in [fifo as Put, huge, |path| symlink(path, path).unwrap()] {
        let directory = Directory::new();
        put(&directory.path().join("tokens.json.locks"));
        let file = directory.file();
        let locked = apart(async move { FileTokenStore::new(file).lock(&key("anna")).await });

        assert!(matches!(locked.unwrap_err(), StoreError::Io { .. }));
    }
}

/// A link stays as the user laid it, whatever it leads to.
#[test]
fn a_link_is_followed_and_stays() {
    let kinds: [fn(&Directory); 4] = [
        |it| symlink("real.json", it.file()).unwrap(),
        |it| symlink(it.path().join("real.json"), it.file()).unwrap(),
        |it| {
            fs::write(it.path().join("real.json"), "{\"format\":2,\"entries\":{}}").unwrap();
            symlink("real.json", it.file()).unwrap();
        },
        |it| {
            fs::create_dir(it.path().join("a")).unwrap();
            symlink("a/link", it.file()).unwrap();
            symlink("../real.json", it.path().join("a/link")).unwrap();
        },
    ];
    for lay in kinds {
        let directory = Directory::new();
        lay(&directory);
        let link = fs::read_link(directory.file()).unwrap();

        both(&directory.file()).1.unwrap();

        assert_eq!(fs::read_link(directory.file()).unwrap(), link);
        let real = fs::symlink_metadata(directory.path().join("real.json")).unwrap();
        assert!(real.is_file() && real.len() > 100, "{real:?}");
        assert!(both(&directory.file()).0.unwrap().is_some());
    }
}

/// P56: each key has a lock of its own. Each request waits until all forty are on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_users_in_one_file_refresh_side_by_side() {
    #[derive(Debug)]
    struct Together(Arc<Barrier>);

    #[async_trait]
    impl TokenSource for Together {
        async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
            self.0.wait().await;
            Ok(Token::new("a", Duration::from_secs(3600)).with_refresh_token("r"))
        }
    }

    let directory = Directory::new();
    let (store, all) = (FileTokenStore::new(directory.file()), Arc::new(Barrier::new(USERS)));
    let users: Vec<_> = (0..USERS)
        .map(|user| {
            let key = key(&user.to_string());
            let options = spotify_web::auth::TokenCacheOptions::default()
                .with_max_wait(Duration::from_secs(60));
            let cache = TokenCache::new(Together(Arc::clone(&all)))
                .with_options(options)
                .with_store(store.clone(), key.clone());
            (key, tokio::spawn(async move { cache.header().await }))
        })
        .collect();

    for (key, user) in users {
        user.await.unwrap().unwrap();
        assert!(store.load(&key).await.unwrap().is_some(), "{key}");
    }
}

const USERS: usize = 40;

/// What reading and writing come to, in a runtime of their own that then shuts down.
fn both(path: &Path) -> (Result<Option<StoredToken>, StoreError>, Result<(), StoreError>) {
    let store = FileTokenStore::new(path);
    apart(async move {
        let token = Token::new("access", Duration::from_secs(3600)).with_refresh_token("refresh");
        let stored = StoredToken::new(token, SystemTime::now());
        let load = store.load(&key("anna")).await;
        let there = load.as_ref().ok().and_then(|it| it.as_ref().map(StoredToken::revision));
        let save = store.save(&key("anna"), &stored, there).await;
        (load, save)
    })
}

/// Says what came of it once the runtime has shut down, which waits for what blocks its threads.
fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(work);
        drop(runtime);
        sender.send(outcome)
    });
    receiver.recv_timeout(Duration::from_secs(60)).expect("a thread is blocked")
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn link_to_fifo(path: &Path) {
    let fifo = path.with_extension("fifo");
    self::fifo(&fifo);
    symlink(fifo, path).unwrap();
}

/// A gigabyte that takes no room.
fn huge(path: &Path) {
    File::create(path).unwrap().set_len(1 << 30).unwrap();
}

fn full(error: &StoreError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

fn key(user: &str) -> TokenKey {
    TokenKey::new("app").with_user(user)
}

/// P61: what cannot be saved until somebody does something about it is told at once, and saved once
/// that is done.
#[tokio::test]
async fn a_place_that_needs_somebody_is_not_waited_for() {
    let puts: [Put; 3] = [
        fifo,
        |path| fs::create_dir(path).unwrap(),
        |path| fs::write(path, "no token file").unwrap(),
    ];
    for (number, put) in puts.into_iter().enumerate() {
        let directory = Directory::new();
        let file = directory.file();
        put(&file);
        let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
        let soon = Backoff::new(Duration::from_millis(10), 1.0, Duration::from_millis(10)).unwrap();
        let user = PkceAuthenticator::new("app")
            .with_options(TokenCacheOptions::default().with_backoff(soon))
            .with_store(FileTokenStore::new(&file), TokenKey::new("app").with_user("anna"));
        let client = base.for_user(user.clone()).unwrap();
        user.log_in(Token::new("a", Duration::from_secs(3600)).with_refresh_token("r"))
            .await
            .unwrap();
        drop((user, client));

        let error = base.settle().await.unwrap_err();

        let why = std::error::Error::source(&error).unwrap().downcast_ref::<AuthError>();
        assert!(matches!(why, Some(AuthError::NotSettled(_))), "{number}: {why:?}");
        assert!(!error.is_transient(), "{number}: {error}");
        let _ = fs::remove_dir(&file);
        let _ = fs::remove_file(&file);
        while base.settle().await.is_err() {
            tokio::task::yield_now().await;
        }
        let key = TokenKey::new("app").with_user("anna");
        assert!(FileTokenStore::new(&file).load(&key).await.unwrap().is_some(), "{number}");
    }
}
