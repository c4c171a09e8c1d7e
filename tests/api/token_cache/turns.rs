//! Requests that wait for their turn: P11, P46 and P57.

use std::cell::Cell;
use std::time::Duration;

use spotify_web::auth::{AuthError, Authenticator, PkceAuthenticator, TokenCacheOptions, TokenKey};
use spotify_web::oauth::{ClientCredentialsRequest, OAuthClient, Token};
use tokio::task::JoinHandle;

use crate::common::{FailingStore, Locks, ManualClock, PausedTime, TokenServer};

const HOUR: Duration = Duration::from_secs(3600);
const TURNS: usize = 32;

/// P46, P50: what waits for its turn is not sent after the log-out that ended its login.
#[tokio::test]
async fn a_request_that_waits_for_its_turn_is_not_sent_after_a_log_out() {
    let busy = Busy::start().await;
    let user = busy.user("old", ManualClock::new(), &FailingStore::default()).await;
    let caller = asking(&user);
    busy.time.settle().await;

    user.log_out().await.unwrap();
    busy.give_turns_to_all(0).await;

    assert_eq!(busy.server.refresh_tokens(), [] as [String; 0]);
    assert!(busy.time.run(caller).await.unwrap());
}

/// P46, P47: nor after another login.
#[tokio::test]
async fn a_request_that_waits_for_its_turn_is_not_sent_after_another_login() {
    let busy = Busy::start().await;
    let user = busy.user("old", ManualClock::new(), &FailingStore::default()).await;
    let caller = asking(&user);
    busy.time.settle().await;

    user.log_in(good("new")).await.unwrap();
    busy.give_turns_to_all(0).await;

    assert_eq!(busy.server.refresh_tokens(), [] as [String; 0]);
    assert!(!busy.time.run(caller).await.unwrap());
}

/// P46: nor while a login is being saved, which may be given up.
#[tokio::test]
async fn a_request_that_waits_for_its_turn_is_not_sent_while_a_login_is_under_way() {
    let busy = Busy::start().await;
    let store = FailingStore::default();
    let user = busy.user("old", ManualClock::new(), &store).await;
    let caller = asking(&user);
    busy.time.settle().await;

    store.hang_loads(1);
    let login = tokio::spawn({
        let user = user.clone();
        async move { user.log_in(good("new")).await }
    });
    busy.time.settle().await;
    busy.give_turns_to_all(0).await;
    assert_eq!(busy.server.refresh_tokens(), [] as [String; 0]);

    busy.time.run(login).await.unwrap();
    assert!(!busy.time.run(caller).await.unwrap());
}

/// P6, P57: after ten minutes in the queue another fetch begins; of the two, one is sent.
#[tokio::test]
async fn a_refresh_token_is_sent_once_however_long_it_waits_for_its_turn() {
    let busy = Busy::start().await;
    let user = busy.user("old", ManualClock::new(), &FailingStore::default()).await;
    let first = asking(&user);
    busy.time.settle().await;
    first.abort();
    // A standstill, so that those whose turn it is have not timed out when the queued request is
    // overdue.
    tokio::time::advance(Duration::from_millis(601_050)).await;
    let second = asking(&user);
    busy.time.settle().await;
    busy.time.advance(Duration::from_millis(1_960)).await;
    busy.time.settle().await;
    assert_eq!(user.stats().requests, 2, "fetches that have begun");

    busy.give_turns_to_all(1).await;

    assert!(!busy.time.run(second).await.unwrap());
    assert_eq!(busy.server.refresh_tokens(), ["old"]);
}

/// P32: who waits for its turn holds no lock; of two caches one sends the refresh token.
#[tokio::test]
async fn of_two_caches_that_wait_for_their_turns_one_sends_the_refresh_token() {
    one_of_two_sends_with(Locks::Right).await;
}

/// The same where locks keep no other process away.
#[tokio::test]
async fn of_two_caches_of_a_process_without_locks_one_sends_the_refresh_token() {
    one_of_two_sends_with(Locks::WithinProcess).await;
}

async fn one_of_two_sends_with(locks: Locks) {
    let busy = Busy::start().await;
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    store.set_locks(locks);
    let first = busy.user("old", clock.clone(), &store).await;
    let second = busy.authenticator(&busy.oauth, clock, &store);
    let callers = [asking(&first), asking(&second)];
    busy.time.settle().await;

    busy.give_turns_to_all(1).await;

    for caller in callers {
        assert!(!busy.time.run(caller).await.unwrap());
    }
    assert_eq!(busy.server.refresh_tokens(), ["old"]);
}

/// P32: while a rotated token could not be saved, it is not given up in the queue, either.
#[tokio::test]
async fn what_an_unsaved_token_replaces_is_not_sent_while_that_waits_for_its_turn() {
    let busy = Busy::start().await;
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let first = busy.user("old", clock.clone(), &store).await;
    let caller = asking(&first);
    busy.time.settle().await;
    store.fail_saves(1_000);
    busy.give_turns_to_all(1).await;
    assert!(!busy.time.run(caller).await.unwrap());

    busy.take_all_turns().await;
    clock.advance(3600.0);
    let rotates = asking(&first);
    busy.time.settle().await;
    // Another process has turns of its own.
    let second = busy.authenticator(&OAuthClient::new(&busy.server.config()), clock, &store);
    let adopts = asking(&second);
    busy.time.settle().await;
    busy.give_turns_to_all(1).await;
    store.fail_saves(0);

    assert!(!busy.time.run(rotates).await.unwrap());
    assert!(!busy.time.run(adopts).await.unwrap());
    let sent = busy.server.refresh_tokens();
    assert_eq!((sent.len(), &*sent[0]), (2, "old"), "{sent:?}");
    assert_ne!(sent[1], "old");
}

/// P11: the lifetime of a token of an hour, sent after an hour in the queue.
#[tokio::test]
async fn a_lifetime_counts_from_when_the_request_was_sent() {
    let busy = Busy::start().await;
    let clock = ManualClock::new();
    let user = busy.user("old", clock.clone(), &FailingStore::default()).await;
    let caller = asking(&user);
    busy.time.settle().await;

    clock.advance(3600.0);
    busy.give_turns_to_all(1).await;

    assert!(!busy.time.run(caller).await.unwrap());
    assert_eq!(user.stats().requests, 1);
}

/// A server all of whose turns are taken, in time that stands still.
struct Busy {
    server: TokenServer,
    oauth: OAuthClient,
    time: PausedTime,
    /// Requests that had arrived when all turns were taken.
    arrived: Cell<usize>,
}

impl Busy {
    async fn start() -> Self {
        let server = TokenServer::start().await;
        let time = PausedTime::pause();
        let oauth = OAuthClient::new(&server.config());
        let busy = Self { server, oauth, time, arrived: Cell::new(0) };
        busy.take_all_turns().await;
        busy
    }

    async fn take_all_turns(&self) {
        let before = self.server.arrived();
        self.server.release(before);
        for _ in 0..TURNS {
            self.send();
        }
        self.arrived.set(before + TURNS);
        self.server.has_got(before + TURNS).await;
    }

    /// Somebody's request.
    fn send(&self) {
        let oauth = self.oauth.clone();
        let request = ClientCredentialsRequest::new("app", "the-secret");
        tokio::spawn(async move { oauth.request_token(request).await });
    }

    /// A user whose access token has expired.
    async fn user(
        &self,
        refresh_token: &str,
        clock: ManualClock,
        store: &FailingStore,
    ) -> PkceAuthenticator {
        let user = self.authenticator(&self.oauth, clock, store);
        let expired = Token::new("expired", Duration::ZERO).with_refresh_token(refresh_token);
        let error = user.log_in(expired).await.unwrap_err();
        assert!(matches!(error, AuthError::ExpiredOnArrival), "{error:?}");
        user
    }

    /// Of the same user, as far as the store has them.
    fn authenticator(
        &self,
        oauth: &OAuthClient,
        clock: ManualClock,
        store: &FailingStore,
    ) -> PkceAuthenticator {
        let options = TokenCacheOptions::default().without_jitter().with_clock(clock);
        let key = TokenKey::new("app").with_user("anna");
        let user =
            PkceAuthenticator::new("app").with_options(options).with_store(store.clone(), key);
        user.connect(oauth).unwrap();
        user
    }

    /// Until one request has been sent after all that waited before, `users` of them of users.
    async fn give_turns_to_all(&self, users: usize) {
        self.send();
        self.server.release(usize::MAX);
        self.server.has_got(self.arrived.get() + users + 1).await;
        self.time.settle().await;
    }
}

fn asking(user: &PkceAuthenticator) -> JoinHandle<Result<bool, AuthError>> {
    let user = user.clone();
    tokio::spawn(async move { user.needs_login().await })
}

fn good(name: &str) -> Token {
    Token::new(format!("access of {name}"), HOUR).with_refresh_token(name)
}
