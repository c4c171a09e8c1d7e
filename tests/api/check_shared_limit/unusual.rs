//! Stores that keep every promise, each in a way of its own.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use spotify_web::middleware::{Granted, SharedLimit, SharedLimitError, Told};
use spotify_web::testing::FakeSharedLimit;
use tokio::time::{Instant, sleep};

/// How a store differs from the one of this crate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Manner {
    EpochsInDisorder,
    EpochsDownwards,
    OneStartAtATime,
    StepsOfNothing,
    NothingUrgent,
    RoundsClosingsUp,
    ShortestClosingIsFiveSeconds,
    TakesAHundredMilliseconds,
    OneConnection,
    LateNowAndThen,
    AsksToComeBackLater,
    CountsForTwentySeconds,
    KeepsAMargin,
    BeginsWithARate,
    NoRateWhileClosed,
}

pub(super) const MANNERS: &[Manner] = &[
    Manner::EpochsInDisorder,
    Manner::EpochsDownwards,
    Manner::OneStartAtATime,
    Manner::StepsOfNothing,
    Manner::NothingUrgent,
    Manner::RoundsClosingsUp,
    Manner::ShortestClosingIsFiveSeconds,
    Manner::TakesAHundredMilliseconds,
    Manner::OneConnection,
    Manner::LateNowAndThen,
    Manner::AsksToComeBackLater,
    Manner::CountsForTwentySeconds,
    Manner::KeepsAMargin,
    Manner::BeginsWithARate,
    Manner::NoRateWhileClosed,
];

#[derive(Debug)]
pub(super) struct Unusual {
    manner: Manner,
    sound: FakeSharedLimit,
    connection: tokio::sync::Mutex<u32>,
    /// When each process of an app was last there.
    members: Mutex<HashMap<(Option<String>, u64), Instant>>,
}

impl Unusual {
    pub(super) fn new(manner: Manner) -> Self {
        let sound = FakeSharedLimit::new();
        Self { manner, sound, connection: Default::default(), members: Mutex::default() }
    }

    /// Of the store's own epochs those that are told, and of those that are told its own.
    fn epoch(&self, epoch: u64) -> u64 {
        match self.manner {
            Manner::EpochsInDisorder if epoch > 0 => epoch ^ 0x5a5a_0f0f_3c3c_9696,
            Manner::EpochsDownwards if epoch > 0 => u64::MAX - epoch,
            _ => epoch,
        }
    }

    async fn wait(&self) {
        let number = {
            let mut number = self.connection.lock().await;
            *number += 1;
            if self.manner == Manner::OneConnection {
                sleep(Duration::from_millis(10)).await;
            }
            *number
        };
        match self.manner {
            Manner::TakesAHundredMilliseconds => sleep(Duration::from_millis(100)).await,
            Manner::LateNowAndThen if number % 20 == 0 => sleep(Duration::from_millis(900)).await,
            _ => {}
        }
    }

    fn count(&self, app: Option<&str>, member: u64) -> u32 {
        let mut members = self.members.lock().unwrap();
        members.insert((app.map(str::to_owned), member), Instant::now());
        members.retain(|_, at| at.elapsed() < Duration::from_secs(20));
        let of_app = members.keys().filter(|(other, _)| other.as_deref() == app);
        u32::try_from(of_app.count()).unwrap()
    }
}

#[async_trait]
impl SharedLimit for Unusual {
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        self.wait().await;
        let mut told = *told;
        (told.epoch, told.refused_in) = (self.epoch(told.epoch), self.epoch(told.refused_in));
        let shortest = Duration::from_secs(5);
        match self.manner {
            Manner::NothingUrgent => told.is_urgent = false,
            Manner::ShortestClosingIsFiveSeconds => {
                told.refused_for = told.refused_for.map(|pause| pause.max(shortest));
            }
            Manner::KeepsAMargin if told.last_rate <= Some(10_000.0) => {
                told.last_rate = told.last_rate.map(|rate| 0.9 * rate);
            }
            Manner::BeginsWithARate => told.last_rate = Some(7.0),
            _ => {}
        }
        let mut granted = self.sound.exchange(app, &told).await?;
        granted.epoch = self.epoch(granted.epoch);
        let is_closed = !granted.closed_for.is_zero();
        match self.manner {
            Manner::OneStartAtATime => granted.starts = granted.starts.min(1),
            Manner::StepsOfNothing => granted.step = Duration::ZERO,
            Manner::RoundsClosingsUp => {
                let seconds = granted.closed_for.as_secs_f64().ceil();
                granted.closed_for = Duration::from_secs_f64(seconds);
            }
            Manner::AsksToComeBackLater if granted.starts == 0 => {
                granted.come_back_in = granted.come_back_in.max(Duration::from_millis(300));
            }
            Manner::CountsForTwentySeconds => granted.active = self.count(app, told.member),
            Manner::NoRateWhileClosed if is_closed => {
                (granted.rate, granted.starts) = (None, 0);
            }
            _ => {}
        }
        Ok(granted)
    }
}

/// How a store grants starts that has little in common with the one of this crate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Habit {
    TwoAtATime,
    /// Each process has its part of the rate.
    StrictShares,
    /// All starts of half a second at once.
    Rounds,
    /// All that is wanted, however far ahead that is.
    FarAhead,
    /// What nobody wanted for a second is granted afterwards.
    SavesUp,
    NothingWhileClosed,
    /// Nobody starts in the first three seconds of a rate that was brought along.
    KeepsBack,
}

pub(super) const HABITS: &[Habit] = &[
    Habit::TwoAtATime,
    Habit::StrictShares,
    Habit::Rounds,
    Habit::FarAhead,
    Habit::SavesUp,
    Habit::NothingWhileClosed,
    Habit::KeepsBack,
];

/// A store that knows a rate only if it was brought along, and lowers it with each 429.
#[derive(Debug)]
pub(super) struct Book {
    habit: Habit,
    begin: Instant,
    apps: Mutex<HashMap<Option<String>, Page>>,
}

/// What it keeps of an app. Times are seconds.
#[derive(Debug, Default)]
struct Page {
    epoch: u64,
    closed_until: f64,
    rate: Option<f64>,
    next: f64,
    /// Until when each process counts, and its own next start.
    members: HashMap<u64, (f64, f64)>,
}

impl Book {
    pub(super) fn new(habit: Habit) -> Self {
        Self { habit, begin: Instant::now(), apps: Mutex::default() }
    }
}

#[async_trait]
impl SharedLimit for Book {
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        let now = self.begin.elapsed().as_secs_f64();
        let mut apps = self.apps.lock().unwrap();
        let page = apps.entry(app.map(str::to_owned)).or_default();
        page.hear(told, self.habit, now);
        let closed_for = seconds(page.closed_until - now);
        let granted = Granted::default().with_closing(page.epoch, closed_for);
        let Some(rate) = page.rate else { return Ok(granted) };
        let granted = granted.with_rate(rate, u32::try_from(page.members.len()).unwrap());
        Ok(page.grant(granted, rate, told, self.habit, now))
    }
}

impl Page {
    fn hear(&mut self, told: &Told, habit: Habit, now: f64) {
        self.members.retain(|_, (until, _)| *until > now);
        self.members.entry(told.member).or_insert((0.0, now)).0 = now + 2.0;
        if let (None, Some(rate)) = (self.rate, told.last_rate.filter(|rate| *rate <= 10_000.0)) {
            self.rate = Some(rate);
            self.next = if habit == Habit::KeepsBack { now + 3.0 } else { now };
        }
        let Some(pause) = told.refused_for else { return };
        self.closed_until = self.closed_until.max(now + pause.as_secs_f64().min(30.0));
        if told.refused_in == self.epoch {
            self.epoch += 1;
            self.rate = self.rate.map(|rate| 0.8 * rate);
        }
        self.next = self.next.max(self.closed_until);
    }

    fn grant(
        &mut self,
        granted: Granted,
        rate: f64,
        told: &Told,
        habit: Habit,
        now: f64,
    ) -> Granted {
        let opens = self.closed_until.max(now);
        let closed = opens - now;
        let own = self.members.get_mut(&told.member).map(|(_, next)| next).unwrap();
        let two = told.starts.min(2);
        let (next, starts, rate, base) = match habit {
            _ if told.starts == 0 => return granted,
            Habit::NothingWhileClosed if closed > 0.0 => {
                return granted.with_come_back_in(seconds(closed));
            }
            Habit::StrictShares => (own, two, rate / f64::from(granted.active), opens),
            Habit::FarAhead => (&mut self.next, told.starts, rate, opens),
            Habit::SavesUp => (&mut self.next, two, rate, opens - 1.0),
            Habit::Rounds => {
                let round = (opens / 0.5).floor() * 0.5;
                self.next = self.next.max(round);
                // `as` saturates.
                let left = ((round + 0.5 - self.next) * rate).floor() as u32;
                if left == 0 || closed > 0.0 {
                    return granted.with_come_back_in(seconds(round + 0.5 - now));
                }
                self.next += f64::from(told.starts.min(left)) / rate;
                return granted.with_starts(told.starts.min(left), Duration::ZERO, Duration::ZERO);
            }
            _ => (&mut self.next, two, rate, opens - 0.02),
        };
        let first = next.max(base);
        *next = first + f64::from(starts) / rate;
        granted.with_starts(starts, seconds(first.max(opens) - now), seconds(1.0 / rate))
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}
