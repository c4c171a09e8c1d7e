//! Tokens in a file: P33 to P36, B33 to B35.

use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use serde_json::Value;
use spotify_web::auth::{
    FileTokenStore, PkceAuthenticator, StoreError, StoredToken, TokenCacheOptions, TokenEvent,
    TokenEventKind, TokenKey, TokenStore,
};
use spotify_web::oauth::Token;

use crate::common::{Directory, ManualClock, Outcome, cache_with, token};

const SECRET: &str = "s3cr3t-n0t-t0-b3-s33n";

#[tokio::test]
async fn what_is_saved_is_loaded() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.file());
    let saved = stored(1);
    store.save(&key(), &saved, None).await.unwrap();

    let loaded = FileTokenStore::new(directory.file()).load(&key()).await.unwrap().unwrap();

    let (token, expected) = (loaded.token().unwrap(), saved.token().unwrap());
    assert_eq!(token.access_token.expose(), expected.access_token.expose());
    assert_eq!(token.refresh_token.as_ref().unwrap().expose(), SECRET);
    assert_eq!((&token.scopes, token.expires_in), (&expected.scopes, expected.expires_in));
    assert_eq!((loaded.login(), loaded.revision()), (saved.login(), saved.revision()));
    assert!(!loaded.has_ended());
    let off = saved.expires_at().unwrap().duration_since(loaded.expires_at().unwrap()).unwrap();
    assert!(off < Duration::from_secs(1), "whole seconds, rounded down");
}

#[tokio::test]
async fn the_keys_of_all_logins_are_listed() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.file());
    assert_eq!(store.logins().await.unwrap(), []);
    let odd = key().with_user("an\"na\\ \u{7}é").with_scopes(["user-top-read", "streaming"]);
    let keys = [TokenKey::new("app"), key().with_user("gone"), key().with_user("later"), odd];
    for key in &keys {
        store.save(key, &stored(1), None).await.unwrap();
    }
    let gone =
        PkceAuthenticator::new(keys[1].client_id()).with_store(store.clone(), keys[1].clone());
    gone.log_out().await.unwrap();
    // One that only a later version can read is one all the same.
    let mut file: Value = serde_json::from_slice(&fs::read(directory.file()).unwrap()).unwrap();
    file["entries"][keys[2].to_string()]["version"] = 2.into();
    file["entries"]["no key"] = file["entries"][keys[0].to_string()].clone();
    fs::write(directory.file(), file.to_string()).unwrap();

    let mut listed = store.logins().await.unwrap();

    listed.sort();
    let mut expected = vec![keys[0].clone(), keys[2].clone(), keys[3].clone()];
    expected.sort();
    assert_eq!(listed, expected);
    fs::write(directory.file(), "damaged").unwrap();
    assert!(matches!(store.logins().await.unwrap_err(), StoreError::Corrupt { .. }));
}

#[tokio::test]
async fn no_file_and_no_entry_are_nothing() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.file());
    assert!(store.load(&key()).await.unwrap().is_none());
    store.remove(&key()).await.unwrap();
    store.save(&key(), &stored(1), None).await.unwrap();
    assert!(store.load(&TokenKey::new("other")).await.unwrap().is_none());

    store.save(&TokenKey::new("other"), &stored(1), None).await.unwrap();
    store.remove(&key()).await.unwrap();

    assert!(store.load(&key()).await.unwrap().is_none());
    assert!(store.load(&TokenKey::new("other")).await.unwrap().is_some());
}

/// P35: mode 0600, whatever the umask and whatever was there.
#[cfg(unix)]
#[tokio::test]
async fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    for name in ["tokens.json", "tokens.json.new", "tokens.json.lock"] {
        let path = directory.path().join(name);
        fs::write(&path, "{\"format\":2,\"entries\":{}}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    }

    FileTokenStore::new(directory.file()).save(&key(), &stored(1), None).await.unwrap();

    let mode = fs::metadata(directory.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A stale writer loses, also when both are processes of their own.
#[tokio::test]
async fn a_stale_writer_is_refused() {
    let directory = Directory::new();
    let (first, second) =
        (FileTokenStore::new(directory.file()), FileTokenStore::new(directory.file()));
    let (old, new) = (stored(1), stored(2));
    first.save(&key(), &old, None).await.unwrap();
    first.save(&key(), &new, Some(old.revision())).await.unwrap();

    for replaces in [None, Some(old.revision())] {
        let error = second.save(&key(), &stored(3), replaces).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale), "{error:?}");
    }
    second.save(&key(), &stored(3), Some(new.revision())).await.unwrap();
}

/// Never overwritten, and never quoted.
#[tokio::test]
async fn a_file_that_cannot_be_understood_is_left_alone() {
    for content in [
        " ",
        "not json",
        "{\"format\":2,\"entries\":{\"x\":{\"version\":1,\"access_token\":\"s3cr3t-n0t-t0-b3-s33n\"",
        "{\"format\":2,\"entries\":[\"s3cr3t-n0t-t0-b3-s33n\"]}",
        "{\"format\":1,\"entries\":{}}",
        "{\"format\":18446744073709551615,\"entries\":{}}",
        "{\"format\":18446744073709551616,\"entries\":{}}",
        "[]",
    ] {
        let directory = Directory::new();
        fs::write(directory.file(), content).unwrap();
        let store = FileTokenStore::new(directory.file());

        let errors = [
            store.load(&key()).await.unwrap_err(),
            store.save(&key(), &stored(1), None).await.unwrap_err(),
        ];

        for error in errors {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
            assert!(error.to_string().contains("is damaged or not a token file"), "{error}");
            assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
        }
        assert_eq!(fs::read_to_string(directory.file()).unwrap(), content);
    }
}

/// What empties a file, such as a full disk under an editor, logs nobody out.
#[tokio::test]
async fn an_emptied_file_is_damaged_and_one_that_was_made_empty_is_not() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.file());
    fs::write(directory.file(), "").unwrap();
    assert!(store.load(&key()).await.unwrap().is_none());
    store.save(&key(), &stored(1), None).await.unwrap();

    for emptied in ["", "\n", "\0\0\0\0"] {
        fs::write(directory.file(), emptied).unwrap();
        let errors = [
            FileTokenStore::new(directory.file()).load(&key()).await.map(drop).unwrap_err(),
            store.save(&key(), &stored(2), None).await.unwrap_err(),
            store.remove(&key()).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{emptied:?}: {error:?}");
        }
    }

    // As the error says.
    fs::remove_file(directory.file()).unwrap();
    assert!(store.load(&key()).await.unwrap().is_none());
    store.save(&key(), &stored(3), None).await.unwrap();
}

/// Without locks of the file system, which a library in front of the system's says that it lacks.
#[cfg(target_os = "linux")]
#[test]
fn without_locks_the_stores_of_one_process_keep_each_others_tokens() {
    let Some(no_locks) = library_without_locks() else { return };
    for test in ["child_whose_threads_save", "child_whose_caches_refresh"] {
        let directory = Directory::new();
        fs::create_dir(directory.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", directory.path().join("link")).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments(test)).env("LD_PRELOAD", no_locks.path().join("no_locks.so"));
        let output = command.env("TOKEN_FILE", directory.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("kept apart without locks"), "{text}");
    }
}

/// `None` where there is no C compiler, which CI forbids.
#[cfg(target_os = "linux")]
fn library_without_locks() -> Option<Directory> {
    const LIBRARY: &str = "#include <errno.h>
        int flock(int file, int operation) { errno = ENOLCK; return -1; }";
    let directory = Directory::new();
    fs::write(directory.path().join("no_locks.c"), LIBRARY).unwrap();
    let mut command = Command::new("cc");
    command.current_dir(directory.path());
    let built = command.args(["-shared", "-fPIC", "-o", "no_locks.so", "no_locks.c"]).status();
    if !built.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI has no C compiler");
        eprintln!("skipped: needs `cc`");
        return None;
    }
    Some(directory)
}

/// One file under each name that leads to it.
fn names_of_one_file() -> Option<[std::path::PathBuf; 3]> {
    let directory = std::path::PathBuf::from(std::env::var_os("TOKEN_FILE")?);
    std::env::set_current_dir(&directory).unwrap();
    let real = directory.join("real").join("tokens.json");
    Some([real, directory.join("link").join("tokens.json"), "real/../link/tokens.json".into()])
}

/// Each thread has users of its own, and one store in three is another's.
#[test]
#[ignore = "a child process of other tests"]
fn child_whose_threads_save() {
    let Some(names) = names_of_one_file() else { return };
    let stores = names.map(FileTokenStore::new);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..12)
            .map(|number| {
                let store = stores[number % 3].clone();
                let key = TokenKey::new("app").with_user(number.to_string());
                tokio::spawn(async move {
                    let mut last = None;
                    for round in 0..5 {
                        let next = stored(round);
                        store.save(&key, &next, last).await.unwrap();
                        last = Some(next.revision());
                    }
                    store.load(&key).await.unwrap().unwrap();
                    key
                })
            })
            .collect();
        for task in tasks {
            let loaded = stores[0].load(&task.await.unwrap()).await.unwrap();
            assert_eq!(loaded.as_ref().map(number_of), Some(4));
        }
    });
    println!("kept apart without locks");
}

/// Each cache has a store of its own, and the refresh token is rotated: it must be sent once.
#[test]
#[ignore = "a child process of other tests"]
fn child_whose_caches_refresh() {
    let Some(names) = names_of_one_file() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut held = Vec::new();
        for name in &names {
            let (store, key) = (FileTokenStore::new(name), key());
            held.push(tokio::time::timeout(Duration::from_millis(200), store.lock(&key)).await);
        }
        assert_eq!(held.iter().filter(|lock| lock.is_ok()).count(), 1, "others waited");
        // Another key's refresh is its own.
        let other = FileTokenStore::new(&names[1]).lock(&TokenKey::new("app")).await;
        drop(other.unwrap());
        held.clear();
        drop(FileTokenStore::new(&names[2]).lock(&key()).await.unwrap());
    });
    println!("kept apart without locks");
}

#[tokio::test]
async fn a_missing_directory_is_a_clear_error() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.path().join("missing").join("tokens.json"));

    let error = store.save(&key(), &stored(1), None).await.unwrap_err();

    assert!(error.to_string().ends_with("cannot be opened; create its directory first"), "{error}");
    let error = store.lock(&key()).await.unwrap_err();
    let wanted = "tokens.json cannot be opened; create its directory first";
    assert!(error.to_string().ends_with(wanted), "{error}");
}

/// No permission, for which root has to give up what lets it write everywhere.
#[cfg(unix)]
#[test]
fn no_permission_is_a_clear_error() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search"]);
    command.arg(std::env::current_exe().unwrap()).args(arguments("child_that_saves"));
    let Some(output) = in_child(&mut command, &directory.file()) else { return };
    let text = String::from_utf8_lossy(&output);
    assert!(text.contains("cannot be opened; give this user the right to"), "{text}");
}

/// A full disk, for which a file system of 16 KiB is mounted.
#[test]
fn a_full_disk_is_a_clear_error_and_leaves_the_old_token() {
    let directory = Directory::new();
    let (program, path) = (std::env::current_exe().unwrap(), directory.file());
    // The mount is in a name space of its own and goes with it.
    let script = r#"
        mount -t tmpfs -o size=16k none "$1" || exit 1
        directory=$1; shift
        "$@"
        head -c 100000 /dev/zero > "$directory/filler" 2>/dev/null
        "$@"
        cat "$directory/tokens.json""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(directory.path());
    command.arg(program).args(arguments("child_that_saves"));
    let Some(output) = in_child(&mut command, &path) else { return };
    let text = String::from_utf8_lossy(&output);
    assert!(text.contains("saved number 1"), "{text}");
    assert!(text.contains("cannot be written; make room on the disk"), "{text}");
    assert!(text.contains("s33n-1\""), "the old token is gone: {text}");
}

/// A login that was made elsewhere, such as in an image: it is used, and what cannot be saved is
/// told.
#[test]
fn on_a_file_system_that_cannot_be_written_to_logins_are_used() {
    let directory = Directory::new();
    let (program, path) = (std::env::current_exe().unwrap(), directory.file());
    let script = r#"
        mount -t tmpfs none "$1" || exit 1
        directory=$1; shift
        "$@" child_that_saves
        cp "$directory"/tokens.json "$directory"/expired
        for locks in none empty all; do
            case $locks in
                empty) mkdir "$directory"/tokens.json.locks ;;
                all) "$@" child_that_refreshes > "$directory"/refreshed
                     cp "$directory"/expired "$directory"/tokens.json ;;
            esac
            mount -o remount,ro "$directory" || exit 1
            "$@" child_that_refreshes
            [ $locks = all ] && "$@" child_that_saves
            mount -o remount,rw "$directory"
        done"#;
    let script = script.replace("child_", "token_cache::file_store::child_");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh"]).arg(directory.path());
    command.arg(program).args(["--ignored", "--nocapture", "--test-threads", "1", "--exact"]);
    let Some(output) = in_child(&mut command, &path) else { return };
    let text = String::from_utf8_lossy(&output);
    assert_eq!(text.matches("used with a new token").count(), 3, "{text}");
    assert!(text.contains("choose a place that can be written to"), "{text}");
}

/// The same without the right to write there. Only a lock that is there and cannot be had is waited
/// for by nobody: it may be held.
#[cfg(unix)]
#[test]
fn without_the_right_to_write_logins_are_used() {
    use std::os::unix::fs::PermissionsExt;

    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let directory = Directory::new();
    let (file, locks) = (directory.file(), directory.path().join("tokens.json.locks"));
    let run = |child: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-dac_override,-dac_read_search"]);
        command.arg(std::env::current_exe().unwrap()).args(arguments(child));
        in_child(&mut command, &file).map(|output| String::from_utf8_lossy(&output).into_owned())
    };
    let saved = in_child(
        Command::new(std::env::current_exe().unwrap()).args(arguments("child_that_saves")),
        &file,
    );
    saved.unwrap();

    for there in ["nothing", "no lock", "a lock", "a lock of somebody else"] {
        match there {
            "nothing" => {}
            "no lock" => fs::create_dir(&locks).unwrap(),
            "a lock" => {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                drop(runtime.block_on(FileTokenStore::new(&file).lock(&key())).unwrap());
            }
            _ => {
                let lock = fs::read_dir(&locks).unwrap().next().unwrap().unwrap();
                set_mode(&lock.path(), 0o000);
            }
        }
        let places = [directory.path(), &*locks].into_iter().filter(|place| place.exists());
        places.clone().for_each(|place| set_mode(place, 0o500));
        let text = run("child_that_refreshes");
        let Some(text) = text else { return };
        let is_used = text.contains(" used with a new token");
        assert_eq!(is_used, there != "a lock of somebody else", "{there}: {text}");
        places.for_each(|place| set_mode(place, 0o700));
    }
}

/// Refreshes what is in the file, and says whether the new token was handed out.
#[test]
#[ignore = "a child process of other tests"]
fn child_that_refreshes() {
    let Some(path) = std::env::var_os("TOKEN_FILE") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (cache, source) = cache_with(TokenCacheOptions::default());
        let cache = cache.with_store(FileTokenStore::new(path), key());
        source.next(Outcome::Token(Token::new("new", Duration::from_secs(3600))));
        match cache.header().await {
            Ok(header) => println!("used with a {} token", token(Ok(header))),
            Err(error) => println!("not used: {error:?}"),
        }
        println!("settled: {}", cache.settle().await.is_ok());
    });
}

/// B33: two caches in two processes wait for each other; here the lock alone.
#[tokio::test]
async fn who_refreshes_keeps_others_from_it() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.file());
    let other = FileTokenStore::new(directory.file());

    let lock = store.lock(&key()).await.unwrap();
    let waiting = tokio::spawn(async move { other.lock(&key()).await.map(drop) });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished(), "both hold the lock");

    drop(lock);
    waiting.await.unwrap().unwrap();
}

/// A token survives the program.
#[tokio::test]
async fn the_second_run_asks_nothing() {
    let directory = Directory::new();
    let clock = ManualClock::new();
    let events: Arc<Mutex<Vec<TokenEvent>>> = Arc::default();
    let run = || {
        let (store, log) = (FileTokenStore::new(directory.file()), Arc::clone(&events));
        let options = TokenCacheOptions::default()
            .with_clock(clock.clone())
            .with_listener(move |event| log.lock().push(event.clone()));
        let (cache, source) = cache_with(options);
        (cache.with_store(store, key()), source)
    };
    let (first, _) = run();
    first.header().await.unwrap();
    first.settle().await.unwrap();
    drop(first);

    clock.advance(1800.0);
    let (second, source) = run();

    assert_eq!(token(second.header().await), "token-1");
    assert_eq!(source.requests(), 0);
    second.settle().await.unwrap();
    let events = events.lock();
    let seconds = events.iter().map(|event| match event.kind {
        TokenEventKind::Refreshed { expires_in } => ("refreshed", expires_in.as_secs()),
        TokenEventKind::Restored { expires_in } => ("restored", expires_in.as_secs()),
        _ => panic!("{event:?}"),
    });
    assert_eq!(seconds.collect::<Vec<_>>(), [("refreshed", 3595), ("restored", 1794)]);
    assert!(events.iter().all(|event| event.key.as_deref() == Some(&key())), "{events:?}");
}

/// P33, B34: an unwritable place costs no token.
#[tokio::test]
async fn without_a_place_to_save_it_works_all_the_same() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.path().join("missing").join("tokens.json"));
    let (cache, source) = cache_with(TokenCacheOptions::default());
    let cache = cache.with_store(store, key());
    source.next(Outcome::Token(Token::new("kept in memory", Duration::from_secs(3600))));

    assert_eq!(token(cache.header().await), "kept in memory");
}

/// P35, B34: killed at random moments, a hundred times.
#[test]
fn kill_9_leaves_the_old_or_the_new_token() {
    killed_while_writing(100);
}

#[test]
#[ignore = "ten times the one above; run by hand"]
fn kill_9_a_thousand_times() {
    killed_while_writing(1000);
}

fn killed_while_writing(times: u32) {
    let directory = Directory::new();
    let mut last = 0;
    for round in 0..times {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments("child_that_writes"))
            .env("TOKEN_FILE", directory.file())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let mut announced = last;
        // After this number of writes, and a random part of the next one.
        let writes = 1 + round % 5;
        let mut seen = 0;
        while seen < writes {
            let line = lines.next().expect("the child writes").unwrap();
            if let Some(version) = line.strip_prefix("saved ") {
                announced = version.parse().unwrap();
                seen += 1;
            }
        }
        for _ in 0..fastrand::u32(0..20_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let store = FileTokenStore::new(directory.file());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let loaded = runtime.block_on(store.load(&key())).unwrap().expect("neither old nor new");
        last = number_of(&loaded);
        assert!(last >= announced, "{last} after {announced} was saved");
    }
    assert!(last >= u64::from(times), "every child wrote");
}

/// What the test above kills: writes one version after the other, and says so.
#[test]
#[ignore = "a child process of other tests"]
fn child_that_writes() {
    let Some(path) = std::env::var_os("TOKEN_FILE") else { return };
    let store = FileTokenStore::new(path);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut there = store.load(&key()).await.unwrap();
        let first = there.as_ref().map_or(0, number_of);
        for number in first + 1..first + 10_000 {
            let next = stored(number);
            let replaces = there.map(|there| there.revision());
            store.save(&key(), &next, replaces).await.unwrap();
            there = Some(next);
            println!("saved {number}");
        }
    });
}

/// Saves one token and says what came of it.
#[test]
#[ignore = "a child process of other tests"]
fn child_that_saves() {
    let Some(path) = std::env::var_os("TOKEN_FILE") else { return };
    let store = FileTokenStore::new(path);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let there = store.load(&key()).await.unwrap_or_default();
        let number = there.as_ref().map_or(0, number_of) + 1;
        let replaces = there.map(|there| there.revision());
        match store.save(&key(), &stored(number), replaces).await {
            Ok(()) => println!("saved number {number}"),
            Err(error) => println!("{error}"),
        }
    });
}

/// What makes this binary run one of its tests alone.
fn arguments(test: &str) -> [String; 6] {
    let test = format!("token_cache::file_store::{test}");
    ["--ignored", "--nocapture", "--exact", "--test-threads", "1", &test].map(str::to_owned)
}

/// The output of a command that needs rights which not everybody has; `None` when they are missing,
/// which CI forbids.
fn in_child(command: &mut Command, path: &Path) -> Option<Vec<u8>> {
    let output = command.env("TOKEN_FILE", path).output();
    match output {
        Ok(output) if output.status.success() => Some(output.stdout),
        other => {
            assert!(std::env::var_os("CI").is_none(), "{other:?}");
            eprintln!("skipped: needs root and util-linux; {other:?}");
            None
        }
    }
}

fn key() -> TokenKey {
    TokenKey::new("app").with_user("anna")
}

fn stored(number: u64) -> StoredToken {
    let token = Token::new(format!("{SECRET}-{number}"), Duration::from_secs(3600))
        .with_refresh_token(SECRET)
        .with_scopes(["user-top-read"]);
    StoredToken::new(token, SystemTime::now())
}

fn number_of(stored: &StoredToken) -> u64 {
    let token = stored.token().unwrap().access_token.expose();
    token.strip_prefix(SECRET).unwrap()[1..].parse().unwrap()
}
