//! A keyring as the store of tokens: `keyring-core`'s mock, keyrings that fail in one way each, and
//! a real Secret Service.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use keyring_core::api::{Credential, CredentialApi, CredentialStoreApi};
use keyring_core::{Entry, Error, mock};
use parking_lot::Mutex;
use spotify_web::auth::{
    KeyringError, KeyringTokenStore, StoreError, StoredToken, TokenCacheOptions, TokenKey,
    TokenStore,
};
use spotify_web::oauth::Token;
use spotify_web::testing::check_token_store;

use crate::common::{Directory, cache_with, this_test};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_a_keyring_keeps_every_promise() {
    let directory = Directory::new();

    check_token_store(in_mock(&directory).0).await.unwrap();
}

/// Windows ignores the case of names and allows 512 characters, others take no control characters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_so_in_a_keyring_that_is_particular_about_names() {
    let directory = Directory::new();

    check_token_store(store(Scripted::new(Rule::NamesLikeWindows), &directory)).await.unwrap();
}

#[tokio::test]
async fn without_a_keyring_the_error_says_which_function_to_call() {
    let (directory, key) = (Directory::new(), TokenKey::new("app"));
    let store = KeyringTokenStore::new("without a keyring").with_lock_directory(directory.path());

    let errors = [
        store.load(&key).await.unwrap_err(),
        store.save(&key, &entry(9), None).await.unwrap_err(),
        store.remove(&key).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Keyring(KeyringError::NoDefaultStore)), "{error:?}");
        assert!(error.to_string().contains("call `keyring_core::set_default_store`"), "{error}");
        assert!(!error.is_transient());
    }

    // It may be chosen later.
    keyring_core::set_default_store(mock::Store::new().unwrap());
    let loaded = store.load(&key).await;
    keyring_core::unset_default_store();
    assert!(loaded.unwrap().is_none());
}

/// Each error that there is, at reading, writing and removing.
#[tokio::test]
async fn what_a_keyring_says_is_told_without_the_secret_that_it_holds() {
    let (directory, key) = (Directory::new(), TokenKey::new("app"));
    let (store, keyring) = in_mock(&directory);
    let first = entry(9);
    store.save(&key, &first, None).await.unwrap();
    let entries = keyring.search(&HashMap::new()).unwrap();
    let item: &mock::Cred = entries[0].as_any().downcast_ref().unwrap();

    for (error, text, is_transient) in errors() {
        let mut told = Vec::new();
        item.set_error(error());
        told.push(store.load(&key).await.unwrap_err());
        item.set_error(error());
        told.push(store.save(&key, &entry(9), Some(first.revision())).await.unwrap_err());
        item.set_error(error());
        told.push(store.remove(&key).await.unwrap_err());
        told.push(told_of_a_write(error).await);
        for told in told {
            let shown = format!("{told} {told:?}");
            assert!(matches!(told, StoreError::Keyring(_)), "{shown}");
            assert!(shown.contains(text), "{shown}");
            assert_eq!(told.is_transient(), is_transient, "{shown}");
            assert!(!shown.contains("s3cr3t") && !shown.contains("115, 51, 99"), "{shown}");
        }
    }
    let loaded = store.load(&key).await.unwrap().unwrap();
    assert_eq!(loaded.revision(), first.revision(), "what was kept stays");
}

/// A save reads first, so a keyring whose next use fails never comes to the write.
async fn told_of_a_write(error: MakesError) -> StoreError {
    let directory = Directory::new();
    let store = store(Scripted::new(Rule::FailsToWrite(error)), &directory);
    store.save(&TokenKey::new("app"), &entry(9), None).await.unwrap_err()
}

type MakesError = fn() -> Error;

fn errors() -> [(MakesError, &'static str, bool); 9] {
    [
        (|| Error::PlatformFailure("no bus".into()), "the keyring failed: no bus", true),
        (|| Error::NoStorageAccess("locked".into()), "unlock it, or allow this program", false),
        (|| Error::BadStoreFormat("half a file".into()), "is damaged: half a file", false),
        (
            || Error::Invalid("service".into(), "is empty".into()),
            "refuses: service is empty",
            false,
        ),
        (|| Error::NotSupportedByStore("read only".into()), "refuses: read only", false),
        (|| Error::TooLong("service".into(), 32_767), "service is longer than 32767", false),
        (|| Error::BadEncoding(b"s3cr3t".to_vec()), "is damaged", false),
        (|| Error::BadDataFormat(b"s3cr3t".to_vec(), "s3cr3t".into()), "is damaged", false),
        (|| Error::Ambiguous(vec![secret_entry(), secret_entry()]), "has 2 entries", false),
    ]
}

fn secret_entry() -> Entry {
    mock::Store::new().unwrap().build("s3cr3t", "s3cr3t", None).unwrap()
}

/// The Credential Manager of Windows keeps 2,560 bytes.
#[tokio::test]
async fn a_login_with_all_scopes_fits_and_what_is_too_long_says_so() {
    let (directory, key) = (Directory::new(), TokenKey::new("app"));
    let store = store(Scripted::new(Rule::Keeps(2_560)), &directory);
    let usual = entry(400);

    store.save(&key, &usual, None).await.unwrap();
    let error = store.save(&key, &entry(2_000), Some(usual.revision())).await.unwrap_err();

    let is_told = matches!(
        error,
        StoreError::Keyring(KeyringError::TooLong { limit: 2_560, length }) if length > 2_560
    );
    assert!(is_told && !error.is_transient(), "{error:?}");
    let kept = store.load(&key).await.unwrap().unwrap();
    assert_eq!(kept.revision(), usual.revision());
}

/// Somebody else's, or cut off.
#[tokio::test]
async fn an_entry_that_cannot_be_understood_is_never_overwritten() {
    let (directory, key) = (Directory::new(), TokenKey::new("app"));
    let (store, keyring) = in_mock(&directory);
    store.save(&key, &entry(9), None).await.unwrap();
    let item = keyring.search(&HashMap::new()).unwrap().remove(0);

    for content in [&b"\xff\xfe s3cr3t"[..], b"", b"s3cr3t", b"{\"version\":9}"] {
        item.set_secret(content).unwrap();
        let loaded = store.load(&key).await.unwrap_err();
        let saved = store.save(&key, &entry(9), None).await.unwrap_err();
        for error in [loaded, saved] {
            assert!(matches!(error, StoreError::Unreadable { .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
        }
        assert_eq!(item.get_secret().unwrap(), content);
    }

    store.remove(&key).await.unwrap();
    assert!(store.load(&key).await.unwrap().is_none());
}

/// Its user may be asked for a password, and be away.
#[tokio::test(start_paused = true)]
async fn a_keyring_that_hangs_keeps_neither_the_runtime_nor_other_keys() {
    let directory = Directory::new();
    let (ends, ended) = mpsc::channel();
    let keyring = Scripted::new(Rule::FirstReadHangs(Mutex::new(Some(ended))));
    let store = store(Arc::clone(&keyring), &directory);
    let (anna, bert) = (TokenKey::new("app").with_user("anna"), TokenKey::new("app"));

    let hangs = tokio::time::timeout(Duration::from_secs(5), store.load(&anna)).await;
    assert!(hangs.is_err(), "it hangs");
    asked(&keyring).await;
    store.save(&bert, &entry(9), None).await.unwrap();
    // More calls for the same key cost no thread each: they wait for the first.
    for _ in 0..8 {
        let waits = tokio::time::timeout(Duration::from_secs(5), store.load(&anna)).await;
        assert!(waits.is_err());
    }
    assert!(store.load(&bert).await.unwrap().is_some(), "threads are left");
    // One of the first key, and two of the second.
    assert_eq!(keyring.0.reads.load(Ordering::SeqCst), 3, "two used an entry at once");

    ends.send(()).unwrap();
    assert!(store.load(&anna).await.unwrap().is_none());
}

/// Its backends promise nothing to threads that use one entry at once.
#[tokio::test(start_paused = true)]
async fn who_writes_keeps_those_who_read_the_same_entry_waiting() {
    let directory = Directory::new();
    let (ends, ended) = mpsc::channel();
    let keyring = Scripted::new(Rule::FirstReadHangs(Mutex::new(Some(ended))));
    let (store, key) = (store(Arc::clone(&keyring), &directory), TokenKey::new("app"));
    let (reader, of_reader) = (store.clone(), key.clone());

    let writes = tokio::spawn(async move { store.save(&key, &entry(9), None).await });
    asked(&keyring).await;
    let reads = tokio::spawn(async move { reader.load(&of_reader).await });
    real_time(Duration::from_millis(100)).await;
    assert_eq!(keyring.0.reads.load(Ordering::SeqCst), 1, "two used an entry at once");

    ends.send(()).unwrap();
    writes.await.unwrap().unwrap();
    assert!(reads.await.unwrap().unwrap().is_some(), "what was written meanwhile");
}

#[tokio::test]
async fn a_keyring_that_panics_is_an_error_of_one_call() {
    let (directory, key) = (Directory::new(), TokenKey::new("app"));
    let store = store(Scripted::new(Rule::FirstReadPanics(Mutex::new(true))), &directory);

    let error = store.load(&key).await.unwrap_err();

    assert!(error.is_transient() && !format!("{error:?}").contains("s3cr3t"), "{error:?}");
    store.save(&key, &entry(9), None).await.unwrap();
}

/// By their lock files; a lock of this process's own would be no proof.
#[tokio::test(start_paused = true)]
async fn refreshes_and_writes_of_other_processes_are_waited_for() {
    let (directory, key) = (Directory::new(), TokenKey::new("app"));
    let (store, _) = in_mock(&directory);
    drop(store.lock(&key).await.unwrap());
    store.save(&key, &entry(9), None).await.unwrap();

    let elsewhere = held(&directory, ".refreshes.locks");
    assert!(tokio::time::timeout(WHILE, store.lock(&key)).await.is_err());
    let other = key.clone().with_user("bert");
    drop(store.lock(&other).await.unwrap());
    store.load(&key).await.unwrap();
    drop(elsewhere);
    let lock = store.lock(&key).await.unwrap();

    let elsewhere = held(&directory, ".writes.locks");
    assert!(tokio::time::timeout(WHILE, store.remove(&key)).await.is_err());
    let (mut waits, mut reads) = (store.remove(&key), store.load(&key));
    let read = tokio::select! {
        biased;
        _ = &mut waits => panic!("it did not wait"),
        read = &mut reads => read,
        () = real_time(Duration::from_secs(30)) => panic!("who waits to write keeps a reader waiting"),
    };
    assert!(read.unwrap().is_some());
    drop(waits);
    drop(elsewhere);
    // A cache saves while it holds the lock of its refresh.
    store.remove(&key).await.unwrap();
    drop(lock);
}

/// The only lock of `kind`, as another process holds it.
fn held(directory: &Directory, kind: &str) -> std::fs::File {
    let mut directories = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let locks = directories.find(|path| path.to_str().unwrap().ends_with(kind)).unwrap();
    let file = std::fs::File::open(locks.read_dir().unwrap().next().unwrap().unwrap().path());
    let file = file.unwrap();
    file.try_lock().unwrap();
    file
}

#[tokio::test]
async fn lock_files_that_cannot_be_made_fail_the_writes_and_not_the_reads() {
    let (directory, key) = (Directory::new(), TokenKey::new("app"));
    let store = in_mock(&directory).0.with_lock_directory(directory.path().join("gone"));

    assert!(matches!(store.lock(&key).await, Err(StoreError::Io { .. })));
    assert!(matches!(store.save(&key, &entry(9), None).await, Err(StoreError::Io { .. })));
    assert!(store.load(&key).await.unwrap().is_none());
}

/// As in a job of cron. Does the work where it is started by the next test.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_without_a_runtime_directory() {
    if std::env::var_os("TEST_WITHOUT_RUNTIME_DIRECTORY").is_none() {
        return;
    }
    let key = TokenKey::new("app");
    let stores = [0, 1].map(|_| KeyringTokenStore::new("tests"));
    let keyring = mock::Store::new().unwrap();
    let [one, other] = stores.map(|store| store.with_keyring(Arc::clone(&keyring) as Arc<_>));

    let lock = one.lock(&key).await.unwrap();
    let waits = tokio::time::timeout(WHILE, other.lock(&key)).await;
    assert!(waits.is_err(), "stores of one process are kept apart");
    drop(lock);
    drop(other.lock(&key).await.unwrap());
    one.save(&key, &entry(9), None).await.unwrap();
    assert!(other.load(&key).await.unwrap().is_some());

    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let options = TokenCacheOptions::default()
        .with_listener(move |event| sink.lock().push(format!("{:?}", event.kind)));
    let cache = cache_with(options).0.with_store(one, key.with_user("other"));
    cache.header().await.unwrap();
    cache.settle().await.unwrap();
    let told = told.lock().join("\n");
    assert!(told.contains("`XDG_RUNTIME_DIR` names no directory"), "{told}");
    println!("done as it should be");
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_runtime_directory_the_locks_are_those_of_the_process_and_the_listener_is_told() {
    for value in [None, Some("not/absolute"), Some("/of/a/session/that/has/ended")] {
        let mut process = this_test("keyring::a_process_without_a_runtime_directory");
        process.env("TEST_WITHOUT_RUNTIME_DIRECTORY", "1").env_remove("XDG_RUNTIME_DIR");
        process.envs(value.map(|value| ("XDG_RUNTIME_DIR", value)));
        let output = process.output().unwrap();

        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("done as it should be"), "{output:?}");
    }
}

/// Does the work where it is started by the next test, in a session of its own.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_with_a_secret_service() {
    use dbus_secret_service_keyring_store::Store;

    if std::env::var_os("TEST_SECRET_SERVICE").is_none() {
        return;
    }
    let key = TokenKey::new("app").with_user("anna");
    keyring_core::set_default_store(Store::new().unwrap());
    let store = KeyringTokenStore::new("spotify-web tests");
    let first = entry(400);

    check_token_store(store.clone()).await.unwrap();
    store.save(&key, &first, None).await.unwrap();
    // As another program connects to it.
    let other = KeyringTokenStore::new("spotify-web tests").with_keyring(Store::new().unwrap());
    let loaded = other.load(&key).await.unwrap().unwrap();

    assert_eq!(loaded.revision(), first.revision());
    println!("done as it should be");
    keyring_core::unset_default_store();
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_secret_service_keeps_every_promise() {
    if !["dbus-run-session", "gnome-keyring-daemon"].into_iter().all(is_there) {
        return;
    }
    let home = Directory::new();
    let process = this_test("keyring::a_process_with_a_secret_service");
    let mut session = std::process::Command::new("dbus-run-session");
    session.args(["--", "sh", "-c", SESSION, "sh"]).arg(process.get_program());
    session.args(process.get_args()).env("TEST_SECRET_SERVICE", "1");
    for variable in ["HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"] {
        session.env(variable, home.path());
    }

    let output = session.output().unwrap();

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("done as it should be"), "{output:?}");
}

/// A keyring that is unlocked by its password, as by a login, and then the test.
#[cfg(target_os = "linux")]
const SESSION: &str =
    "echo password | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";

#[cfg(target_os = "linux")]
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|place| place.join(program).exists());
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
        eprintln!("skipped: {program} is not installed");
    }
    is_there
}

/// The store whose locks are in `directory`, and its keyring.
fn in_mock(directory: &Directory) -> (KeyringTokenStore, Arc<mock::Store>) {
    let keyring = mock::Store::new().unwrap();
    (store(Arc::clone(&keyring), directory), keyring)
}

fn store<K: CredentialStoreApi + Send + Sync + 'static>(
    keyring: Arc<K>,
    directory: &Directory,
) -> KeyringTokenStore {
    // A service of its own: another test's keyring that hangs is none of this one's business.
    KeyringTokenStore::new(directory.path().to_str().unwrap())
        .with_keyring(keyring)
        .with_lock_directory(directory.path())
}

/// With tokens of this many characters, and all scopes that there are.
fn entry(length: usize) -> StoredToken {
    let hour = Duration::from_secs(3600);
    let scopes = spotify_web::oauth::Scope::ALL.iter().map(|scope| scope.as_str().to_owned());
    let token = Token::new(format!("s3cr3t-{}", "a".repeat(length)), hour)
        .with_refresh_token(format!("s3cr3t-{}", "r".repeat(length)))
        .with_scopes(scopes);
    StoredToken::new(token, SystemTime::now() + hour)
}

/// How long one is watched that waits.
const WHILE: Duration = Duration::from_millis(500);

/// For what threads do, of which the paused clock knows nothing.
async fn real_time(duration: Duration) {
    let begin = std::time::Instant::now();
    while begin.elapsed() < duration {
        tokio::task::yield_now().await;
    }
}

/// Until a thread reads.
async fn asked(keyring: &Scripted) {
    let begin = std::time::Instant::now();
    while keyring.0.reads.load(Ordering::SeqCst) == 0 {
        assert!(begin.elapsed() < Duration::from_secs(30), "it was never read");
        tokio::task::yield_now().await;
    }
}

/// A keyring in memory with one peculiarity.
struct Scripted(Arc<Inner>);

struct Inner {
    kept: Mutex<HashMap<String, Vec<u8>>>,
    rule: Rule,
    reads: AtomicUsize,
}

enum Rule {
    NamesLikeWindows,
    /// A number of bytes.
    Keeps(usize),
    FirstReadHangs(Mutex<Option<mpsc::Receiver<()>>>),
    FirstReadPanics(Mutex<bool>),
    FailsToWrite(MakesError),
}

impl Scripted {
    fn new(rule: Rule) -> Arc<Self> {
        let reads = AtomicUsize::new(0);
        Arc::new(Self(Arc::new(Inner { kept: Mutex::default(), rule, reads })))
    }
}

impl Rule {
    /// The name under which the keyring keeps it.
    fn name(&self, service: &str, user: &str) -> Result<String, Error> {
        if !matches!(self, Self::NamesLikeWindows) {
            return Ok(format!("{service} {user}"));
        }
        if user.is_empty() || user.len() > 512 || user.chars().any(char::is_control) {
            return Err(Error::Invalid("user".into(), "is not a name".into()));
        }
        Ok(format!("{service} {user}").to_lowercase())
    }

    fn before_read(&self) {
        match self {
            Self::FirstReadHangs(ends) => {
                let ends = ends.lock().take();
                ends.inspect(|ends| ends.recv().unwrap());
            }
            Self::FirstReadPanics(panics) => {
                assert!(!std::mem::take(&mut *panics.lock()), "s3cr3t: a keyring may panic");
            }
            _ => {}
        }
    }
}

impl CredentialStoreApi for Scripted {
    fn vendor(&self) -> String {
        "tests".to_owned()
    }

    fn id(&self) -> String {
        "scripted".to_owned()
    }

    fn build(
        &self,
        service: &str,
        user: &str,
        _: Option<&HashMap<&str, &str>>,
    ) -> Result<Entry, Error> {
        let name = self.0.rule.name(service, user)?;
        let item = Item { name, keyring: Arc::clone(&self.0) };
        Ok(Entry::new_with_credential(Arc::new(item)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    /// The worst that a keyring could show.
    fn debug_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept = self.0.kept.lock();
        kept.values().try_for_each(|secret| f.write_str(&String::from_utf8_lossy(secret)))
    }
}

struct Item {
    name: String,
    keyring: Arc<Inner>,
}

impl CredentialApi for Item {
    fn set_secret(&self, secret: &[u8]) -> Result<(), Error> {
        if let Rule::Keeps(limit) = self.keyring.rule
            && secret.len() > limit
        {
            return Err(Error::TooLong("secret".to_owned(), u32::try_from(limit).unwrap()));
        }
        if let Rule::FailsToWrite(error) = self.keyring.rule {
            return Err(error());
        }
        self.keyring.kept.lock().insert(self.name.clone(), secret.to_vec());
        Ok(())
    }

    fn get_secret(&self) -> Result<Vec<u8>, Error> {
        self.keyring.reads.fetch_add(1, Ordering::SeqCst);
        self.keyring.rule.before_read();
        self.keyring.kept.lock().get(&self.name).cloned().ok_or(Error::NoEntry)
    }

    fn delete_credential(&self) -> Result<(), Error> {
        self.keyring.kept.lock().remove(&self.name).map(|_| ()).ok_or(Error::NoEntry)
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>, Error> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        None
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn debug_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}
