//! Every state that the machine can reach, and every event in each of them.
//!
//! All that threads share is [`State`], and each of its methods runs under one lock: whatever they
//! do at once is some order of such calls. So it is enough to look at all orders, which is done here
//! to the end, not to a depth: states that differ in nothing that the machine can see are one. What
//! is left outside is the token that is published for readers without the lock, in the same critical
//! section; and the tasks around the machine, which the schedules in `tests/` play.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderValue;

use super::state::{Arrival, Decision, Rules, State};
use super::token::Age;
use super::{Backoff, Now};
use crate::auth::{AuthError, Replay};
use crate::oauth::{OAuthError, OAuthErrorCode, Token};

#[test]
fn no_reachable_state_breaks_a_promise() {
    let mut seen = HashSet::new();
    let mut cells = BTreeSet::new();
    let mut queue = VecDeque::from([World::new()]);
    while let Some(world) = queue.pop_front() {
        if !seen.insert(world.key()) {
            continue;
        }
        world.clone().recovers();
        cells.insert(world.cell());
        for event in Event::ALL {
            let mut next = world.clone();
            next.happen(event);
            queue.push_back(next);
        }
    }
    assert!(seen.len() > 100_000, "only {} states were reached", seen.len());
    // A back-off while a fetch is under way is only there after a refusal, which leaves no token.
    let rows = [FRESH, AGEING, NONE]
        .map(|age| [(age, false, false), (age, false, true), (age, true, false)]);
    let rows = rows.into_iter().flatten().chain([(NONE, true, true)]);
    assert_eq!(cells, rows.collect(), "the rows of the table that are reached");
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Ask,
    Token,
    SameTokenAgain,
    TransientError,
    PermanentError,
    LoginEnded,
    Interrupted,
    RefuseCurrent,
    RefuseOther,
    TenSeconds,
    WallForth,
    WallBack,
    Reset,
    LoginBegins,
    LoginEnds,
    LoginCancelled,
}

impl Event {
    const ALL: [Self; 16] = [
        Self::Ask,
        Self::Token,
        Self::SameTokenAgain,
        Self::TransientError,
        Self::PermanentError,
        Self::LoginEnded,
        Self::Interrupted,
        Self::RefuseCurrent,
        Self::RefuseOther,
        Self::TenSeconds,
        Self::WallForth,
        Self::WallBack,
        Self::Reset,
        Self::LoginBegins,
        Self::LoginEnds,
        Self::LoginCancelled,
    ];
}

/// The machine, and beside it what an observer knows who never looks inside.
#[derive(Clone)]
struct World {
    state: State,
    now: Now,
    /// By how much the wall clock is off, in jumps.
    wall_off: i32,
    tokens: u32,
    /// The good token with its ends by both clocks, unless it was refused.
    current: Option<(HeaderValue, Now)>,
    refused: Option<HeaderValue>,
    /// When the fetch under way began, and after which login.
    flight: Option<(Now, u64)>,
    logins: u64,
    logging_in: bool,
    /// Before when nothing may be asked, or `None` for "not before a login".
    quiet_until: Option<Option<Instant>>,
    failures: u32,
}

impl World {
    fn new() -> Self {
        let now = Now {
            monotonic: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
        };
        Self {
            state: State::default(),
            now,
            wall_off: 0,
            tokens: 0,
            current: None,
            refused: None,
            flight: None,
            logins: 0,
            logging_in: false,
            quiet_until: None,
            failures: 0,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Ask => drop(self.ask()),
            Event::Token => {
                self.tokens += 1;
                self.land(Ok(format!("token-{}", self.tokens)));
            }
            Event::SameTokenAgain => {
                if let Some(refused) = self.refused.clone() {
                    let token = refused.to_str().unwrap().replace("Bearer ", "");
                    self.land(Ok(token));
                }
            }
            Event::TransientError => self.land(Err(AuthError::SourcePanicked)),
            Event::PermanentError => self.land(Err(AuthError::permanent("wrong"))),
            Event::LoginEnded => self.land(Err(invalid_grant())),
            Event::Interrupted => {
                self.state.interrupted();
                self.flight = None;
            }
            Event::RefuseCurrent => self.refuse_current(),
            Event::RefuseOther => self.refuse_other(),
            // A fetch has a time limit, after which it lands.
            Event::TenSeconds if self.flight_age() < TIME_LIMIT => self.pass(10),
            Event::TenSeconds => {}
            Event::WallForth if self.wall_off < 1 => self.jump(1),
            // A token that came after a jump forth sees this as a jump back.
            Event::WallBack if self.wall_off > 0 => self.jump(-1),
            Event::WallForth | Event::WallBack => {}
            Event::Reset => {
                self.state.reset();
                (self.quiet_until, self.failures) = (None, 0);
            }
            Event::LoginBegins => self.begin_login(),
            Event::LoginEnds => self.end_login(),
            Event::LoginCancelled => {
                self.state.cancel_login();
                self.logging_in = false;
            }
        }
    }

    fn ask(&mut self) -> Decision {
        let (good, quiet) = (self.good(), self.is_quiet());
        let decision = self.state.ask(self.now);
        match &decision {
            Decision::Serve(token) | Decision::ServeAndFetch(token, _) => {
                assert_eq!(Some(token.header()), good.as_ref(), "served what is not good");
            }
            _ => assert!(good.is_none(), "a caller waits or fails although a token is good"),
        }
        match &decision {
            Decision::ServeAndFetch(..) | Decision::Fetch(..) => {
                assert!(self.flight.is_none(), "a second fetch");
                assert!(!self.logging_in, "a fetch while a login is taken over");
                assert!(!quiet, "a fetch before the back-off is over");
                self.flight = Some((self.now, self.logins));
            }
            Decision::Join(_) => {
                assert!(self.flight.is_some() || self.logging_in, "waits for nothing");
            }
            Decision::Fail(_) => assert!(quiet && self.flight.is_none(), "fails for no reason"),
            Decision::Serve(_) => {}
        }
        decision
    }

    fn land(&mut self, result: Result<String, AuthError>) {
        let Some((began, login)) = self.flight.take() else { return };
        let arrival = result.map(|token| Arrival {
            token: Token::new(token, LIFETIME),
            counted_from: began,
            restored: false,
        });
        let header = arrival.as_ref().ok().map(|it| bearer(&it.token));
        let void = login != self.logins;
        let (outcome, event) = self.state.landed(login, self.now, arrival.clone(), rules());
        if void {
            assert!(outcome.is_ok() && event.is_none(), "the old credentials still count");
            return;
        }
        match outcome {
            Ok(()) => {
                assert_ne!(header, self.refused, "a refused token is taken again");
                self.current = header.map(|header| (header, end(began)));
                (self.quiet_until, self.failures) = (None, 0);
            }
            Err(error) => {
                self.failures += 1;
                let pause = match error.is_transient() {
                    true => rules().backoff.pause(self.failures, 0.0),
                    false => Duration::from_secs(60),
                };
                let end = (!error.needs_login()).then(|| self.now.monotonic + pause);
                self.quiet_until = Some(end);
            }
        }
    }

    fn refuse_current(&mut self) {
        let Some((header, _)) = self.current.take() else { return };
        let had_flight = self.flight.is_some() || self.logging_in;
        let replay = self.state.refused(&header, self.now, rules());
        self.refused = Some(header);
        if self.state.stats.refusals > 0 && replay == Replay::No {
            assert!(!had_flight, "the replay could have waited for the fetch");
        }
        // When the next may be asked for is the machine's to say; that it is not at once, each
        // time, is checked by the tests of P29.
        if replay == Replay::No && !self.is_quiet() {
            self.quiet_until = Some(Some(self.now.monotonic + Duration::from_nanos(1)));
        }
        assert!(self.state.current.is_none(), "the refused token is still there");
    }

    fn refuse_other(&mut self) {
        let before = self.state.current.as_ref().map(|it| it.header().clone());
        self.state.refused(&HeaderValue::from_static("Bearer other"), self.now, rules());
        let after = self.state.current.as_ref().map(|it| it.header().clone());
        assert_eq!(before, after, "a late refusal dropped the newer token");
    }

    fn begin_login(&mut self) {
        if !self.logging_in {
            drop(self.state.begin_login());
            self.logging_in = true;
            self.logins += 1;
        }
    }

    fn end_login(&mut self) {
        if !std::mem::take(&mut self.logging_in) {
            return;
        }
        self.tokens += 1;
        let token = Token::new(format!("token-{}", self.tokens), LIFETIME);
        self.current = Some((bearer(&token), end(self.now)));
        self.state.end_login(token, self.now, rules()).unwrap();
        (self.quiet_until, self.failures) = (None, 0);
    }

    fn pass(&mut self, seconds: u64) {
        let span = Duration::from_secs(seconds);
        self.now = Now { monotonic: self.now.monotonic + span, wall: self.now.wall + span };
    }

    fn flight_age(&self) -> Duration {
        self.flight.map_or(Duration::ZERO, |(began, _)| self.now.monotonic - began.monotonic)
    }

    fn jump(&mut self, direction: i32) {
        self.wall_off += direction;
        match direction > 0 {
            true => self.now.wall += JUMP,
            false => self.now.wall -= JUMP,
        }
    }

    fn good(&self) -> Option<HeaderValue> {
        let (header, end) = self.current.as_ref()?;
        let good = self.now.monotonic < end.monotonic && self.now.wall < end.wall;
        good.then(|| header.clone())
    }

    fn is_quiet(&self) -> bool {
        let refused = matches!(self.state.paused(self.now), Some(AuthError::Refused { .. }));
        let quiet =
            self.quiet_until.is_some_and(|end| end.is_none_or(|end| self.now.monotonic < end));
        refused || quiet
    }

    /// From wherever it is: time passes, somebody asks, a token comes.
    fn recovers(mut self) {
        self.state.interrupted();
        self.flight = None;
        self.pass(1000);
        if self.logging_in || self.quiet_until == Some(None) {
            self.begin_login();
            self.end_login();
        }
        assert!(matches!(self.ask(), Decision::Fetch(..) | Decision::Serve(_)), "does not recover");
        self.tokens += 1;
        self.land(Ok(format!("token-{}", self.tokens)));
        assert!(matches!(self.ask(), Decision::Serve(_)), "does not recover");
    }

    /// The row of the table in the module's docs.
    fn cell(&self) -> (u8, bool, bool) {
        let age = match self.state.current.as_ref().map(|it| it.age(self.now)) {
            Some(Age::Fresh) => FRESH,
            Some(Age::Ageing) => AGEING,
            Some(Age::Expired) | None => NONE,
        };
        (age, self.flight.is_some(), self.state.paused(self.now).is_some())
    }

    /// All that the machine can see, with times as distances from now.
    fn key(&self) -> String {
        let distance = |then: Instant| {
            let ahead = then.saturating_duration_since(self.now.monotonic);
            let behind = self.now.monotonic.saturating_duration_since(then);
            // Further behind than all limits is as far as that.
            (ahead.as_secs(), behind.as_secs().min(110))
        };
        let current = self.current.as_ref().map(|(header, end)| {
            let wall = end.wall.duration_since(self.now.wall).unwrap_or_default();
            let same = self.refused.as_ref() == Some(header);
            (distance(end.monotonic), wall.as_secs(), same)
        });
        let flight = self.flight.map(|(began, login)| {
            (distance(began.monotonic), login == self.logins, wall_distance(began, self.now))
        });
        let quiet = self.quiet_until.map(|end| end.map(distance));
        format!(
            "{current:?} {flight:?} {quiet:?} {} {} {} {} {}",
            self.logging_in,
            self.failures.min(2),
            self.refused.is_some(),
            self.wall_off,
            self.state.fingerprint(self.now),
        )
    }
}

fn wall_distance(began: Now, now: Now) -> i64 {
    let ahead = began.wall.duration_since(now.wall).unwrap_or_default().as_secs();
    let behind = now.wall.duration_since(began.wall).unwrap_or_default().as_secs();
    i64::try_from(behind.min(200)).unwrap() - i64::try_from(ahead.min(200)).unwrap()
}

fn end(began: Now) -> Now {
    // Less the leeway of a hundredth.
    let span = LIFETIME - LIFETIME / 100;
    Now { monotonic: began.monotonic + span, wall: began.wall + span }
}

fn bearer(token: &Token) -> HeaderValue {
    super::bearer(&token.access_token).unwrap()
}

fn rules() -> Rules {
    let (first, cap) = (Duration::from_secs(10), Duration::from_secs(20));
    Rules {
        backoff: Backoff::new(first, 2.0, cap).unwrap(),
        window: Duration::from_secs(300),
        jitter: 0.0,
        shared: false,
    }
}

fn invalid_grant() -> AuthError {
    let (status, code) = (StatusCode::BAD_REQUEST, OAuthErrorCode::InvalidGrant);
    OAuthError::Refused { status, code, description: None, retry_after: None }.into()
}

// What the first column of the table says.
const FRESH: u8 = 0;
const AGEING: u8 = 1;
const NONE: u8 = 2;

/// In tens of seconds, so that every time of interest falls on a step: nine steps fresh, one in the
/// window, then expired; a back-off of one and two steps, a permanent error of six.
const LIFETIME: Duration = Duration::from_secs(100);
const TIME_LIMIT: Duration = Duration::from_secs(30);
const JUMP: Duration = Duration::from_secs(90);
