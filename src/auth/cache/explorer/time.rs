//! Every state that the machine can reach, and every event in each of them.
//!
//! All that threads share is [`State`], and each of its methods runs under one lock: whatever they
//! do at once is some order of such calls. So it is enough to look at all orders, which is done
//! here to the end, not to a depth: states that differ in nothing that the machine can see are one.
//! The token that is published for readers without the lock is stored in the same critical section.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderValue;

use super::super::credentials::Replacement;
use super::super::policy::Policy;
use super::super::state::{self, Arrival, Decision, PendingLogin, State, Ticket, Verdict};
use super::super::token::Age;
use super::super::{Backoff, Now};
use super::without_random_numbers;
use crate::auth::{AuthError, LoginId, RejectionReason, Replay, Revision};
use crate::oauth::{OAuthError, OAuthErrorCode, Token};

#[test]
fn no_reachable_state_breaks_a_promise() {
    let (clocks, logins) = std::thread::scope(|scope| {
        let clocks = scope.spawn(|| explore(&CLOCKS));
        let logins = explore(&LOGINS);
        (clocks.join().unwrap(), logins)
    });
    // A back-off while a fetch is under way is only there after a rejection, or when those who
    // wait for the fetch were told already.
    let all = [FRESH, AGEING, NONE];
    let rows = all.map(|age| {
        [(false, false), (false, true), (true, false), (true, true)].map(|flags| (age, flags))
    });
    let rows: BTreeSet<_> = rows.into_iter().flatten().collect();
    assert_eq!(&clocks | &logins, rows, "the rows of the table that are reached");
}

/// Says which rows of the table in the docs of the cache it has seen.
fn explore(events: &[Event]) -> BTreeSet<(u8, (bool, bool))> {
    let mut seen = HashSet::new();
    let mut rows = BTreeSet::new();
    let mut queue = VecDeque::from([World::new()]);
    while let Some(world) = queue.pop_front() {
        if !seen.insert(world.key()) {
            continue;
        }
        world.copy().recovers();
        rows.insert(world.row());
        for event in events {
            let mut next = world.copy();
            next.happen(*event);
            queue.push_back(next);
        }
    }
    println!("{} states", seen.len());
    assert!(seen.len() > 10_000, "only {} states were reached", seen.len());
    rows
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Ask,
    Token,
    RejectedTokenAgain,
    TransientError,
    PermanentError,
    LoginEnded,
    Interrupted,
    GivenUp,
    Accept,
    RejectCurrent,
    RejectOther,
    TimePasses,
    WallForth,
    WallBack,
    Reset,
    LoginBegins,
    LoginEnds,
    LaterLoginEnds,
    LogOutEnds,
}

const CLOCKS: [Event; 12] = [
    Event::Ask,
    Event::Token,
    Event::RejectedTokenAgain,
    Event::TransientError,
    Event::PermanentError,
    Event::Interrupted,
    Event::GivenUp,
    Event::Accept,
    Event::RejectCurrent,
    Event::TimePasses,
    Event::WallForth,
    Event::WallBack,
];

const LOGINS: [Event; 13] = [
    Event::Ask,
    Event::Token,
    Event::TransientError,
    Event::LoginEnded,
    Event::Accept,
    Event::RejectCurrent,
    Event::RejectOther,
    Event::TimePasses,
    Event::Reset,
    Event::LoginBegins,
    Event::LoginEnds,
    Event::LaterLoginEnds,
    Event::LogOutEnds,
];

/// The machine, and beside it what an observer knows who never looks inside.
struct World {
    state: State,
    seen: Seen,
}

#[derive(Clone)]
struct Seen {
    now: Now,
    is_wall_forth: bool,
    tokens: u64,
    current: Option<Current>,
    /// What is not to be handed out again.
    withdrawn: Option<HeaderValue>,
    flight: Option<Flight>,
    /// Logins under way, with when they began.
    logins: Vec<(u32, Now)>,
    last_login: u32,
    generation: u32,
    quiet: Option<Quiet>,
    failures: u32,
    rejections: Rejections,
}

/// Fetches that rejections made begin, unless that is forgiven.
#[derive(Clone, Copy, Default)]
struct Rejections {
    last: Option<Instant>,
    /// Up to the longest.
    steps: u32,
    /// Whether the last began before its time.
    is_early: bool,
    /// Whether a token came of one that did.
    is_doubt_longer: bool,
}

/// A token with its end by both clocks.
#[derive(Clone)]
struct Current {
    header: HeaderValue,
    end: Now,
    is_accepted: bool,
    is_rejected: bool,
    in_a_row: u8,
    /// When the first of these was.
    row_began: Option<Instant>,
}

#[derive(Clone)]
struct Flight {
    ticket: Ticket,
    began: Now,
    generation: u32,
    is_given_up: bool,
}

/// Before its end nothing may be asked.
#[derive(Clone)]
struct Quiet {
    began: Instant,
    /// `None` until a login.
    end: Option<Instant>,
    is_firm: bool,
}

impl World {
    fn new() -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let seen = Seen {
            now: Now { monotonic: Instant::now(), wall },
            is_wall_forth: false,
            tokens: 0,
            current: None,
            withdrawn: None,
            flight: None,
            logins: Vec::new(),
            last_login: 0,
            generation: 0,
            quiet: None,
            failures: 0,
            rejections: Rejections::default(),
        };
        Self { state: State::default(), seen }
    }

    fn copy(&self) -> Self {
        Self { state: self.state.copy(), seen: self.seen.clone() }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Ask => drop(self.ask()),
            Event::Token => {
                let token = self.seen.next_token();
                self.land(Ok(token));
            }
            Event::RejectedTokenAgain => {
                if let Some(header) = self.seen.withdrawn.clone() {
                    self.land(Ok(header.to_str().unwrap().replace("Bearer ", "")));
                }
            }
            Event::TransientError => self.land(Err(AuthError::SourcePanicked)),
            Event::PermanentError => self.land(Err(AuthError::permanent("wrong"))),
            Event::LoginEnded => self.land(Err(invalid_grant())),
            Event::Interrupted => self.interrupt(),
            Event::GivenUp => self.give_up(),
            Event::Accept => self.accept(),
            Event::RejectCurrent => self.reject_current(),
            Event::RejectOther => self.reject_other(),
            Event::TimePasses => self.seen.pass(),
            Event::WallForth => self.seen.jump(true),
            // A token that came after a jump forth sees this as a jump back.
            Event::WallBack => self.seen.jump(false),
            Event::Reset => {
                self.state.reset();
                (self.seen.quiet, self.seen.failures) = (None, 0);
                self.seen.rejections = Rejections::default();
                if let Some(current) = &mut self.seen.current {
                    current.row_began = None;
                }
            }
            Event::LoginBegins => self.begin_login(),
            Event::LoginEnds => self.end_login(0, true),
            Event::LaterLoginEnds => self.end_login(1, true),
            Event::LogOutEnds => self.end_login(0, false),
        }
    }

    fn ask(&mut self) -> Decision {
        let good = self.seen.good();
        let decision = self.state.ask(self.seen.now);
        match &decision {
            Decision::Serve(token) | Decision::ServeAndFetch(token, _) => {
                assert_eq!(Some(token.header()), good.as_ref(), "P4, P5: served what is not good");
            }
            _ => assert!(good.is_none(), "P17, P45: nothing is served although a token is good"),
        }
        match &decision {
            Decision::ServeAndFetch(_, start) | Decision::Fetch(start) => {
                assert!(!self.seen.is_quiet_for_certain(), "P19: a fetch within the back-off");
                self.begin(start.ticket);
            }
            Decision::Join(_) => assert!(self.seen.is_busy(), "waits for nothing"),
            Decision::Fail(_) => assert!(self.seen.may_be_quiet(), "P59: fails for too long"),
            Decision::Serve(_) => {}
        }
        decision
    }

    fn begin(&mut self, ticket: Ticket) {
        let generation = self.seen.generation;
        let is_other = |flight: &Flight| flight.generation != generation;
        assert!(self.seen.flight.as_ref().is_none_or(is_other), "P6: a second fetch");
        assert!(self.seen.logins.is_empty(), "P46: a fetch while a login is taken over");
        let Seen { now, generation, .. } = self.seen;
        self.seen.flight = Some(Flight { ticket, began: now, generation, is_given_up: false });
    }

    /// The task waits for logins under way.
    fn land(&mut self, result: Result<String, AuthError>) {
        if !self.seen.logins.is_empty() {
            return;
        }
        let Some(flight) = self.seen.flight.take() else { return };
        if flight.is_given_up && result.is_err() {
            let (outcome, event) = self.state.supersede(flight.ticket);
            assert!(outcome.is_ok() && event.is_none());
            return;
        }
        let arrival = result.map(|token| Arrival {
            token: Token::new(token, LIFETIME),
            counted_from: flight.began,
            restored: false,
        });
        let header = arrival.as_ref().ok().map(|arrival| bearer(&arrival.token));
        let (outcome, event) = self.state.complete(flight.ticket, self.seen.now, arrival, policy());
        if flight.generation != self.seen.generation {
            let is_void = outcome.is_ok() && event.is_none();
            assert!(is_void, "P46: the old credentials still count");
            return;
        }
        match (outcome, header) {
            (Ok(()), Some(header)) => self.seen.arrive(header, flight.began),
            (Err(error), _) => self.seen.fail(&error),
            (Ok(()), None) => panic!("an error is no outcome"),
        }
    }

    fn interrupt(&mut self) {
        if let Some(flight) = self.seen.flight.take() {
            self.state.leave(flight.ticket);
        }
    }

    fn give_up(&mut self) {
        let Some(flight) = &mut self.seen.flight else { return };
        if std::mem::replace(&mut flight.is_given_up, true) {
            return;
        }
        let ticket = flight.ticket;
        let generation = flight.generation;
        let error = AuthError::TimedOut { limit: TIME_LIMIT };
        let now = self.seen.now;
        let event = self.state.give_up_waiting(ticket, now, error.clone(), policy());
        assert_eq!(event.is_some(), generation == self.seen.generation, "P46");
        if event.is_some() {
            self.seen.fail(&error);
        }
    }

    fn accept(&mut self) {
        if let (Some(token), Some(current)) = (&self.state.current, &mut self.seen.current) {
            token.note_accepted();
            (current.is_accepted, current.in_a_row) = (true, 0);
        }
    }

    fn reject_current(&mut self) {
        let Some(current) = &mut self.seen.current else { return };
        let header = current.header.clone();
        if current.is_accepted && !current.is_rejected {
            self.seen.rejections.is_doubt_longer = false;
        }
        current.is_rejected = true;
        current.in_a_row = current.in_a_row.saturating_add(1).min(3);
        if current.in_a_row == 1 {
            current.row_began = None;
        }
        let row_began = *current.row_began.get_or_insert(self.seen.now.monotonic);
        let doubted = self.seen.now.monotonic - row_began;
        let doubt =
            if self.seen.rejections.is_doubt_longer { STEP * 2 } else { state::FIRST_DOUBT };
        // What the server had accepted, and now rejects from every caller, has ended.
        let is_dead = current.is_accepted && current.in_a_row == 3 && doubted >= doubt;
        let is_accepted = current.is_accepted;
        let now = self.seen.now;
        let verdict = self.state.reject(&header, RejectionReason::Unknown, now, policy());
        let stays = self.state.current.is_some();
        if !stays {
            self.seen.current = None;
        }
        match &verdict {
            Verdict::Fetch(start) => {
                let is_early = self.seen.rejections.begin(now.monotonic);
                assert!(!is_early || is_dead, "P29: a second fetch within a step of the back-off");
                assert!(!self.seen.is_quiet_for_certain(), "P19: a fetch within the back-off");
                self.begin(start.ticket);
            }
            Verdict::Join(_) => assert!(self.seen.is_busy(), "waits for nothing"),
            Verdict::Replay(Replay::Yes) => panic!("P28: there is no other token"),
            Verdict::Replay(Replay::No) | Verdict::Fail(_) => {}
        }
        // No other token can come: only a login helps, and nothing more is sent.
        let is_end = is_dead && matches!(&verdict, Verdict::Fail(error) if error.needs_login());
        let is_over = self.seen.rejections.last.is_none() && !self.seen.is_busy();
        if is_accepted {
            assert_eq!(stays, !is_end, "P5, P45: an accepted token was taken from all");
        } else if matches!(verdict, Verdict::Fetch(_) | Verdict::Join(_)) {
            assert!(!stays, "P5: it would be handed out while it is replaced");
        } else if stays {
            assert!(!is_over, "P45: a revoked token is replaced at its first rejection");
        } else {
            assert!(self.seen.may_be_quiet(), "P44: the replacement does not stay");
        }
        // An accepted one that is rejected within the back-off may or may not be remembered.
        let is_withdrawn = !matches!(verdict, Verdict::Replay(_)) || !stays;
        if is_withdrawn || is_accepted {
            self.seen.withdrawn = is_withdrawn.then_some(header);
        }
    }

    /// Of a token of before, and of a request that is at fault itself.
    fn reject_other(&mut self) {
        let now = self.seen.now;
        let before = self.state.current.clone();
        if let Some(current) = &before {
            let header = current.header().clone();
            let verdict = self.state.reject(&header, RejectionReason::Request, now, policy());
            assert!(matches!(verdict, Verdict::Replay(Replay::No)), "P44");
        }
        let other = HeaderValue::from_static("Bearer other");
        let verdict = self.state.reject(&other, RejectionReason::Unknown, now, policy());
        match &verdict {
            Verdict::Fetch(start) => {
                assert!(!self.seen.is_quiet_for_certain(), "P19: a fetch within the back-off");
                assert!(self.seen.good().is_none(), "P27: there is a newer one");
                self.begin(start.ticket);
            }
            Verdict::Join(_) => assert!(self.seen.is_busy(), "waits for nothing"),
            Verdict::Replay(Replay::Yes) => assert!(self.seen.good().is_some(), "P27"),
            Verdict::Replay(Replay::No) | Verdict::Fail(_) => {
                assert!(self.seen.may_be_quiet(), "no replay for no reason");
            }
        }
        let [before, after] = [&before, &self.state.current]
            .map(|token| token.as_ref().map(|token| token.header().clone()));
        assert_eq!(before, after, "P26: a late rejection dropped the newer token");
    }

    fn begin_login(&mut self) {
        if self.seen.logins.len() < 2 {
            let latest = self.state.latest_login();
            let now = self.seen.now;
            let new = Replacement {
                login: LoginId::after(now.wall, latest, 0),
                revision: Revision(0),
                token: None,
                expires_at: now.wall,
                replaced: None,
            };
            assert!(latest.is_none_or(|latest| latest < new.login), "P51: it is no later login");
            let start = self.state.begin_login(PendingLogin::new(new, now));
            assert_eq!(start.before.is_some(), !self.seen.logins.is_empty(), "who is waited for");
            self.seen.logins.push((start.id, self.seen.now));
        }
    }

    fn end_login(&mut self, place: usize, is_login: bool) {
        if place >= self.seen.logins.len() {
            return;
        }
        let (id, began) = self.seen.logins.remove(place);
        let token = is_login.then(|| Token::new(self.seen.next_token(), LIFETIME));
        let header = token.as_ref().map(bearer);
        let new = Replacement {
            login: LoginId::after(began.wall, None, id.into()),
            revision: Revision(id.into()),
            token,
            expires_at: began.wall + LIFETIME,
            replaced: None,
        };
        let outcome = self.state.end_login(id, new, began, true, policy());
        if id < self.seen.last_login {
            assert!(outcome.is_ok(), "P47: the earlier login counts");
            return;
        }
        self.seen.last_login = id;
        self.seen.generation += 1;
        (self.seen.quiet, self.seen.failures) = (None, 0);
        self.seen.rejections = Rejections::default();
        self.seen.current = None;
        match (outcome, header) {
            (Ok(()), Some(header)) => self.seen.current = Some(Current::new(header, began)),
            (Ok(()), None) => {
                let began = began.monotonic;
                self.seen.quiet = Some(Quiet { began, end: None, is_firm: true });
            }
            (Err(error), _) => panic!("{error}"),
        }
    }

    /// From wherever it is: time passes, a login where one is needed, somebody asks, a token comes.
    fn recovers(mut self) {
        self.interrupt();
        while !self.seen.logins.is_empty() {
            self.end_login(0, true);
        }
        let span = Duration::from_secs(1000);
        self.seen.now.monotonic += span;
        self.seen.now.wall += span;
        if self.seen.quiet.as_ref().is_some_and(|quiet| quiet.end.is_none()) {
            self.begin_login();
            self.end_login(0, true);
        }
        assert!(matches!(self.ask(), Decision::Fetch(..) | Decision::Serve(_)), "does not recover");
        let token = self.seen.next_token();
        self.land(Ok(token));
        assert!(matches!(self.ask(), Decision::Serve(_)), "does not recover");
    }

    /// The row of the table in the docs of the cache.
    fn row(&self) -> (u8, (bool, bool)) {
        let age = match self.state.current.as_ref().map(|current| current.age(self.seen.now)) {
            Some(Age::Fresh) => FRESH,
            Some(Age::Ageing) => AGEING,
            Some(Age::Expired) | None => NONE,
        };
        let is_paused = self.state.paused(self.seen.now).is_some();
        (age, (self.seen.flight.is_some(), is_paused))
    }

    fn key(&self) -> String {
        let text = format!("{}|{}", self.state.fingerprint(self.seen.now, 1), self.seen.text());
        without_random_numbers(&text)
    }
}

impl Seen {
    fn next_token(&mut self) -> String {
        self.tokens += 1;
        // Of as many digits as a random number.
        format!("token-{:015}", self.tokens)
    }

    fn arrive(&mut self, header: HeaderValue, began: Now) {
        assert_ne!(Some(&header), self.withdrawn.as_ref(), "P5: a rejected token is taken again");
        if self.current.as_ref().is_some_and(|current| !current.is_rejected) {
            self.rejections = Rejections::default();
        }
        let Rejections { is_early, is_doubt_longer, .. } = &mut self.rejections;
        *is_doubt_longer |= std::mem::take(is_early);
        self.current = Some(Current::new(header, began));
        (self.quiet, self.failures) = (None, 0);
    }

    fn fail(&mut self, error: &AuthError) {
        self.failures += 1;
        let pause = match error.is_transient() {
            true => policy().backoff.pause(self.failures, 0.0),
            false => Duration::from_secs(60),
        };
        let began = self.now.monotonic;
        let end = (!error.needs_login()).then_some(began + pause);
        self.quiet = Some(Quiet { began, end, is_firm: !error.is_transient() });
    }

    /// A fetch and a login have a time limit, at which they end.
    fn pass(&mut self) {
        let began = self.logins.iter().map(|(_, began)| began);
        let began = began.chain(self.flight.as_ref().map(|flight| &flight.began));
        let oldest = began.map(|began| began.monotonic).min();
        if oldest.is_none_or(|began| self.now.monotonic - began < TIME_LIMIT) {
            self.now = Now { monotonic: self.now.monotonic + STEP, wall: self.now.wall + STEP };
        }
    }

    fn jump(&mut self, is_forth: bool) {
        if self.is_wall_forth == is_forth {
            return;
        }
        self.is_wall_forth = is_forth;
        match is_forth {
            true => self.now.wall += JUMP,
            false => self.now.wall -= JUMP,
        }
    }

    fn good(&self) -> Option<HeaderValue> {
        let current = self.current.as_ref()?;
        let Now { monotonic, wall } = current.end;
        let is_good = self.now.monotonic < monotonic && self.now.wall < wall;
        is_good.then(|| current.header.clone())
    }

    fn is_busy(&self) -> bool {
        let fetch = self.flight.as_ref();
        fetch.is_some_and(|fetch| fetch.generation == self.generation) || !self.logins.is_empty()
    }

    /// Whether callers may be told that it is too early to ask again.
    fn may_be_quiet(&self) -> bool {
        self.quiet
            .as_ref()
            .is_some_and(|quiet| quiet.end.is_none_or(|end| self.now.monotonic < end))
    }

    /// With nothing to hand out for long, it may be asked earlier.
    fn is_quiet_for_certain(&self) -> bool {
        let quiet = self.quiet.as_ref();
        let is_long = quiet.is_some_and(|quiet| {
            !quiet.is_firm && self.good().is_none() && self.now.monotonic - quiet.began >= MAX_LACK
        });
        self.may_be_quiet() && !is_long
    }

    /// With times as distances from now.
    fn text(&self) -> String {
        let distance = |then: Instant| {
            let ahead = then.saturating_duration_since(self.now.monotonic).as_secs();
            // Further behind than all limits is as far as that.
            (ahead, self.now.monotonic.saturating_duration_since(then).as_secs().min(20))
        };
        let both = |then: Now| (distance(then.monotonic), self.wall_distance(then));
        // Of a token that was never accepted, or has just been, it does not matter.
        let counts = |current: &Current| current.is_accepted && current.in_a_row > 0;
        let row = |current: &Current| {
            Some(distance(current.row_began.filter(|_| counts(current))?).1.min(18))
        };
        let current = self.current.as_ref().map(|current| (both(current.end), row(current)));
        let flight = self.flight.as_ref().map(|fetch| {
            (both(fetch.began), fetch.generation == self.generation, fetch.is_given_up)
        });
        let logins: Vec<_> =
            self.logins.iter().map(|(id, began)| (both(*began), *id < self.last_login)).collect();
        let quiet = self.quiet.as_ref().map(|quiet| {
            (distance(quiet.began).1.min(10), quiet.end.map(|end| distance(end).0), quiet.is_firm)
        });
        let Rejections { last, steps, is_early, is_doubt_longer } = self.rejections;
        let over = STEP.as_secs() * u64::from(steps);
        let last = last.map(|last| distance(last).1.min(over));
        let rejections = (last, steps, is_early, is_doubt_longer);
        format!("{current:?}{flight:?}{logins:?}{quiet:?}{rejections:?}{}", self.is_wall_forth)
    }

    fn wall_distance(&self, then: Now) -> i64 {
        let ahead = then.wall.duration_since(self.now.wall).unwrap_or_default().as_secs();
        let behind = self.now.wall.duration_since(then.wall).unwrap_or_default().as_secs();
        i64::try_from(behind.min(40)).unwrap() - i64::try_from(ahead.min(40)).unwrap()
    }
}

impl Rejections {
    /// Says whether the step before is not over.
    fn begin(&mut self, now: Instant) -> bool {
        let is_early = self.last.is_some_and(|last| now < last + STEP * self.steps);
        *self = Self { last: Some(now), steps: 2.min(self.steps + 1), is_early, ..*self };
        is_early
    }
}

impl Current {
    fn new(header: HeaderValue, began: Now) -> Self {
        // Less the leeway of a hundredth.
        let span = LIFETIME - LIFETIME / 100;
        let end = Now { monotonic: began.monotonic + span, wall: began.wall + span };
        Self { header, end, is_accepted: false, is_rejected: false, in_a_row: 0, row_began: None }
    }
}

fn bearer(token: &Token) -> HeaderValue {
    super::super::bearer(&token.access_token).unwrap()
}

fn policy() -> Policy {
    Policy {
        backoff: Backoff::new(STEP, 2.0, STEP * 2).unwrap(),
        window: Duration::from_secs(300),
        jitter: 0.0,
        shared: false,
        max_retry_after: Duration::from_secs(600),
    }
}

fn invalid_grant() -> AuthError {
    let status = StatusCode::BAD_REQUEST;
    let code = OAuthErrorCode::InvalidGrant;
    OAuthError::Rejected { status, code, description: None, retry_after: None }.into()
}

// What the first column of the table says.
const FRESH: u8 = 0;
const AGEING: u8 = 1;
const NONE: u8 = 2;

/// In steps on which every time of interest falls: three fresh, one in the window, then expired; a
/// back-off of one and two steps, a permanent error of seven.
const STEP: Duration = Duration::from_secs(9);
const LIFETIME: Duration = Duration::from_secs(30);
const TIME_LIMIT: Duration = Duration::from_secs(18);
const JUMP: Duration = Duration::from_secs(27);

/// The longest pause with nothing to hand out.
const MAX_LACK: Duration = Duration::from_secs(10);
