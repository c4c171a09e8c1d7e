//! Stores with one mistake each.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use spotify_web::middleware::{Granted, SharedLimit, SharedLimitError, Told};
use spotify_web::testing::{FakeSharedLimit, SharedLimitPromise as Promise};
use tokio::time::{Instant, sleep};

/// One mistake of a store that is right otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Hangs,
    Panics,
    Fails,
    FailsLater,
    PanicsWithoutApp,
    PanicsAtABan,
    TakesHalfASecond,
    TakesThreeSeconds,
    DoesNotClose,
    DoesNotCloseAndIsLateOnce,
    KeepsTheEpoch,
    ClosesOneProcess,
    ClosesAllButOne,
    TellsOthersAnotherEpoch,
    ClosesOnce,
    ClosesOnceUnderARate,
    KeepsTheEpochOfAnExtension,
    EpochsAlternate,
    ClosesForNoShortPause,
    ClosesForNoBan,
    TellsAThird,
    TellsAThirdWithARefusal,
    TellsOthersAThird,
    RoundsDown,
    StartsWhileClosed,
    StartsWithARefusal,
    UrgentWhileClosed,
    EndsAtTheFirstRetryAfter,
    ExtendsForOneProcess,
    LateRefusalsBeginEpochs,
    LateRefusalsAreNews,
    LateRefusalsAddUp,
    LateRefusalsLowerTheRate,
    OneStateForAllApps,
    NoAppIsTheLastApp,
    OneRateForAllApps,
    NeverOpens,
    ForgetsTheRate,
    TakesOverAFiftieth,
    TakesOverAHundredfold,
    BelievesEveryRate,
    ReplacesItsRate,
    AddsRates,
    RateEndsWithAClosing,
    ClosingRaisesTheRate,
    ForgetsAfterSixRefusals,
    NeverLowersTheRate,
    TooManyStarts,
    FourUrgentStarts,
    StartsForEachProcess,
    HalfMoreStarts,
    AllAtOnce,
    UrgentForNothing,
    RateOfNothing,
    RateWithoutEnd,
    RateOfNoNumber,
    NoStarts,
    StartsForOneProcess,
    AThirdOfTheStarts,
    CountsOne,
    CountsOneForTheFirst,
    CountsNewcomersLate,
    CountsTwo,
    /// The first process alone is told so.
    CountsNone,
    CountsExchanges,
    ForgetsNoProcess,
    ForgetsWhoPauses,
}

/// Each with the promise that it breaks, and what the message says of it.
pub(super) const FAULTS: &[(Fault, Promise, &str)] = &[
    (Fault::Hangs, Promise::Responds, "did not end within 10s"),
    (Fault::Panics, Promise::Responds, "panicked"),
    (Fault::Fails, Promise::Responds, "failed"),
    (Fault::FailsLater, Promise::Responds, "failed"),
    (Fault::PanicsWithoutApp, Promise::Responds, "panicked for clients without an app"),
    (Fault::PanicsAtABan, Promise::Responds, "panicked"),
    (Fault::TakesHalfASecond, Promise::Responds, "500ms"),
    (Fault::TakesThreeSeconds, Promise::Responds, "3s, and a limiter goes on alone after 200ms"),
    (Fault::DoesNotClose, Promise::ClosesForAll, "a 429 did not close"),
    (Fault::DoesNotCloseAndIsLateOnce, Promise::ClosesForAll, "took 1.5s, and a limiter"),
    (Fault::KeepsTheEpoch, Promise::ClosesForAll, "the epoch of what was sent before"),
    (Fault::ClosesOneProcess, Promise::ClosesForAll, "the other process was not told"),
    (Fault::ClosesAllButOne, Promise::ClosesForAll, "the other process was not told"),
    (Fault::TellsOthersAnotherEpoch, Promise::ClosesForAll, "the other process was not told"),
    (Fault::ClosesOnce, Promise::ClosesForAll, "a 429 did not close"),
    (Fault::ClosesOnceUnderARate, Promise::ClosesForAll, "a 429 did not close"),
    (Fault::KeepsTheEpochOfAnExtension, Promise::ClosesForAll, "the epoch of what was sent"),
    (Fault::EpochsAlternate, Promise::ClosesForAll, "the epoch of what was sent before"),
    (Fault::ClosesForNoShortPause, Promise::ClosesForAll, "a 429 did not close"),
    (Fault::ClosesForNoBan, Promise::ClosesForAll, "80000s"),
    (Fault::TellsAThird, Promise::StaysClosed, "closed for"),
    (Fault::TellsAThirdWithARefusal, Promise::StaysClosed, "closed for"),
    (Fault::TellsOthersAThird, Promise::StaysClosed, "closed for"),
    (Fault::RoundsDown, Promise::StaysClosed, "closed for"),
    (Fault::StartsWhileClosed, Promise::StaysClosed, "a start was granted"),
    (Fault::StartsWithARefusal, Promise::StaysClosed, "a start was granted"),
    (Fault::UrgentWhileClosed, Promise::StaysClosed, "a start was granted"),
    (Fault::EndsAtTheFirstRetryAfter, Promise::TakesLateRefusals, "2s"),
    (Fault::ExtendsForOneProcess, Promise::TakesLateRefusals, "2s"),
    (Fault::LateRefusalsBeginEpochs, Promise::TakesLateRefusals, "began an epoch"),
    (Fault::LateRefusalsAreNews, Promise::TakesLateRefusals, "longer"),
    (Fault::LateRefusalsAddUp, Promise::TakesLateRefusals, "longer"),
    (Fault::LateRefusalsLowerTheRate, Promise::TakesLateRefusals, "the rate"),
    (Fault::OneStateForAllApps, Promise::KeepsAppsApart, "closed another"),
    (Fault::NoAppIsTheLastApp, Promise::KeepsAppsApart, "closed another"),
    (Fault::OneRateForAllApps, Promise::KeepsAppsApart, "rate of another"),
    (Fault::NeverOpens, Promise::OpensAgain, "35s after"),
    (Fault::ForgetsTheRate, Promise::TakesOverTheRate, "there is no rate"),
    (Fault::TakesOverAFiftieth, Promise::TakesOverTheRate, "0.2"),
    (Fault::TakesOverAHundredfold, Promise::TakesOverTheRate, "1000"),
    (Fault::BelievesEveryRate, Promise::TakesOverTheRate, "20000"),
    (Fault::ReplacesItsRate, Promise::KeepsTheRate, "brought"),
    (Fault::AddsRates, Promise::KeepsTheRate, "brought"),
    (Fault::RateEndsWithAClosing, Promise::KeepsTheRate, "after a 429"),
    (Fault::ClosingRaisesTheRate, Promise::KeepsTheRate, "after a 429"),
    (Fault::ForgetsAfterSixRefusals, Promise::KeepsTheRate, "after a 429"),
    (Fault::NeverLowersTheRate, Promise::LowersTheRate, "10 refusals"),
    (Fault::TooManyStarts, Promise::GrantsWhatIsWanted, "were wanted"),
    (Fault::FourUrgentStarts, Promise::GrantsWhatIsWanted, "were wanted"),
    (Fault::StartsForEachProcess, Promise::KeepsToTheRate, "are the rate"),
    (Fault::HalfMoreStarts, Promise::KeepsToTheRate, "are the rate"),
    (Fault::AllAtOnce, Promise::KeepsToTheRate, "are the rate"),
    (Fault::UrgentForNothing, Promise::KeepsToTheRate, "are the rate"),
    (Fault::RateOfNothing, Promise::KeepsToTheRate, "the rate is 0"),
    (Fault::RateWithoutEnd, Promise::KeepsToTheRate, "the rate is inf"),
    (Fault::RateOfNoNumber, Promise::KeepsToTheRate, "the rate is NaN"),
    (Fault::NoStarts, Promise::GrantsStarts, "are the rate"),
    (Fault::StartsForOneProcess, Promise::GrantsStarts, "one process was granted none"),
    (Fault::AThirdOfTheStarts, Promise::GrantsStarts, "are the rate"),
    (Fault::CountsOne, Promise::CountsProcesses, "two processes"),
    (Fault::CountsOneForTheFirst, Promise::CountsProcesses, "but two processes"),
    (Fault::CountsNewcomersLate, Promise::CountsProcesses, "two processes"),
    (Fault::CountsTwo, Promise::CountsProcesses, "one process"),
    (Fault::CountsNone, Promise::CountsProcesses, "there is none"),
    (Fault::CountsExchanges, Promise::CountsProcesses, "one process"),
    (Fault::ForgetsNoProcess, Promise::CountsProcesses, "30s"),
    (Fault::ForgetsWhoPauses, Promise::CountsProcesses, "paused"),
];

#[derive(Debug)]
pub(super) struct Faulty {
    fault: Fault,
    sound: FakeSharedLimit,
    apps: Mutex<HashMap<String, Seen>>,
}

/// What a faulty store remembers of an app.
#[derive(Debug, Default)]
struct Seen {
    exchanges: u32,
    refusals: u32,
    late_refusals: u32,
    epoch: u64,
    rate: Option<f64>,
    members: HashMap<u64, Instant>,
}

impl Faulty {
    pub(super) fn new(fault: Fault) -> Self {
        Self { fault, sound: FakeSharedLimit::new(), apps: Mutex::default() }
    }

    /// The app whose state is used.
    fn app(&self, app: Option<&str>, told: &Told) -> Option<String> {
        let is_paced = app.is_some_and(|app| app.ends_with("paced"));
        match self.fault {
            Fault::OneStateForAllApps => Some("one".to_owned()),
            Fault::NoAppIsTheLastApp if app.is_none() => {
                let apps = self.apps.lock().unwrap();
                apps.iter().find(|(_, seen)| seen.refusals > 0).map(|(app, _)| app.clone())
            }
            Fault::ClosesOneProcess => Some(format!("{app:?} {}", told.member)),
            Fault::StartsForEachProcess if is_paced => Some(format!("{app:?} {}", told.member)),
            _ => app.map(str::to_owned),
        }
    }

    /// Changes what is told, and says for how long the response is kept back.
    fn before(&self, app: Option<&str>, told: &mut Told) -> Result<Duration, SharedLimitError> {
        let mut apps = self.apps.lock().unwrap();
        let number = apps.values().map(|seen| seen.exchanges).sum::<u32>();
        let seen = apps.entry(app.unwrap_or_default().to_owned()).or_default();
        seen.exchanges += 1;
        let is_late = told.refused_for.is_some() && told.refused_in != seen.epoch;
        seen.refusals += u32::from(told.refused_for.is_some());
        seen.late_refusals += u32::from(is_late);
        let is_second = seen.refusals - seen.late_refusals > 1;
        let ban = Duration::from_secs(3600);
        let rate = told.last_rate.filter(|rate| *rate <= 10_000.0);
        let mut pause = Duration::ZERO;
        match self.fault {
            Fault::Hangs => pause = Duration::from_secs(3600),
            Fault::Panics => panic!("a bug in the store"),
            Fault::Fails => return Err(SharedLimitError::new("down")),
            Fault::FailsLater if number == 40 => return Err(SharedLimitError::new("down")),
            Fault::PanicsWithoutApp => assert!(app.is_some(), "a bug in the store"),
            Fault::PanicsAtABan => {
                let pause = told.refused_for.unwrap_or_default();
                let _ = Instant::now().checked_add(pause).expect("a bug in the store");
            }
            Fault::TakesHalfASecond => pause = Duration::from_millis(500),
            Fault::TakesThreeSeconds => pause = Duration::from_secs(3),
            Fault::DoesNotCloseAndIsLateOnce if number == 6 => pause = Duration::from_millis(1500),
            Fault::ClosesOnce if is_second && seen.rate.is_none() => told.refused_for = None,
            Fault::ClosesOnceUnderARate if is_second && seen.rate.is_some() => {
                told.refused_for = None;
            }
            Fault::DoesNotClose | Fault::DoesNotCloseAndIsLateOnce => told.refused_for = None,
            Fault::ClosesForNoShortPause => {
                told.refused_for = told.refused_for.filter(|pause| *pause > Duration::from_secs(1));
            }
            Fault::ClosesForNoBan => told.refused_for = told.refused_for.filter(|it| *it < ban),
            Fault::EndsAtTheFirstRetryAfter if is_late => told.refused_for = None,
            Fault::LateRefusalsAreNews if is_late => told.refused_in = seen.epoch,
            Fault::LateRefusalsAddUp => {
                told.refused_for = told.refused_for.map(|it| it * (1 + 4 * seen.late_refusals));
            }
            Fault::ForgetsTheRate => told.last_rate = None,
            Fault::TakesOverAFiftieth => told.last_rate = rate.map(|rate| rate / 50.0),
            Fault::TakesOverAHundredfold => told.last_rate = rate.map(|rate| rate * 100.0),
            Fault::BelievesEveryRate => {
                told.last_rate = told.last_rate.map(|rate| rate.min(10_000.0));
            }
            Fault::StartsForOneProcess if told.member == 2 => told.starts = 0,
            // Each has the rate for itself.
            Fault::StartsForEachProcess => told.last_rate = Some(10.0),
            Fault::HalfMoreStarts => told.last_rate = rate.map(|rate| rate * 1.5),
            Fault::AThirdOfTheStarts => told.last_rate = rate.map(|rate| rate / 3.0),
            _ => {}
        }
        Ok(pause)
    }

    fn after(&self, app: Option<&str>, told: &Told, mut granted: Granted) -> Granted {
        let mut apps = self.apps.lock().unwrap();
        let all = apps.values().find_map(|seen| seen.rate);
        let seen = apps.entry(app.unwrap_or_default().to_owned()).or_default();
        seen.epoch = granted.epoch;
        let highest = granted.rate.map(|rate| rate.max(seen.rate.unwrap_or_default()));
        let is_new = seen.members.insert(told.member, Instant::now()).is_none();
        let is_closed = !granted.closed_for.is_zero();
        let is_paced = granted.rate.is_some();
        let is_refused = told.refused_for.is_some();
        let member = told.member;
        match self.fault {
            Fault::KeepsTheEpoch => granted.epoch = 0,
            Fault::TellsOthersAnotherEpoch if granted.epoch > 0 => granted.epoch += member,
            Fault::KeepsTheEpochOfAnExtension => granted.epoch = granted.epoch.min(2),
            Fault::EpochsAlternate => granted.epoch %= 2,
            Fault::ClosesAllButOne if member == 2 => granted.closed_for = Duration::ZERO,
            Fault::TellsAThird => granted.closed_for /= 3,
            Fault::TellsAThirdWithARefusal if is_refused && !is_paced => granted.closed_for /= 3,
            Fault::TellsOthersAThird if member == 2 => granted.closed_for /= 3,
            Fault::RoundsDown => {
                granted.closed_for = Duration::from_secs(granted.closed_for.as_secs());
            }
            Fault::StartsWhileClosed if is_closed && is_paced && !is_refused => {
                granted = granted.with_starts(told.starts.min(3), Duration::ZERO, granted.step);
            }
            Fault::StartsWithARefusal if is_refused && is_paced => {
                granted = granted.with_starts(told.starts.min(3), Duration::ZERO, granted.step);
            }
            Fault::UrgentWhileClosed if is_closed && is_paced && told.is_urgent => {
                granted = granted.with_starts(1, Duration::ZERO, granted.step);
            }
            Fault::ExtendsForOneProcess if member == 1 => {
                granted.closed_for = granted.closed_for.min(Duration::from_secs(1));
            }
            Fault::LateRefusalsBeginEpochs => granted.epoch += u64::from(seen.late_refusals),
            Fault::LateRefusalsLowerTheRate => {
                let times = i32::try_from(seen.late_refusals).unwrap();
                granted.rate = granted.rate.map(|rate| rate * 0.8_f64.powi(times));
            }
            Fault::OneRateForAllApps if !is_paced => {
                granted = all.map_or(granted, |rate| granted.with_rate(rate, 1));
            }
            Fault::NeverOpens if granted.epoch > 0 => {
                granted.closed_for = granted.closed_for.max(Duration::from_secs(1));
            }
            Fault::BelievesEveryRate => {
                granted.rate = granted.rate.map(|rate| if rate > 9000.0 { 20_000.0 } else { rate });
            }
            Fault::ReplacesItsRate => {
                granted.rate = told.last_rate.filter(|_| is_paced).or(seen.rate).or(granted.rate);
            }
            Fault::AddsRates if is_paced => {
                let sum = seen.rate.unwrap_or_default() + told.last_rate.unwrap_or_default();
                granted.rate = Some(sum);
            }
            Fault::RateEndsWithAClosing if seen.refusals > 0 => granted.rate = None,
            Fault::ClosingRaisesTheRate if seen.refusals > 0 => {
                granted.rate = granted.rate.map(|rate| 1.5 * rate);
            }
            Fault::ForgetsAfterSixRefusals if seen.refusals > 6 => granted.rate = None,
            Fault::NeverLowersTheRate => granted.rate = highest,
            Fault::TooManyStarts => granted.starts += 1,
            Fault::FourUrgentStarts if told.is_urgent && is_paced => granted.starts = 4,
            Fault::HalfMoreStarts => granted.rate = granted.rate.map(|rate| rate / 1.5),
            Fault::AThirdOfTheStarts => granted.rate = granted.rate.map(|rate| rate * 3.0),
            Fault::AllAtOnce if is_paced && !is_closed => granted.starts = told.starts,
            Fault::UrgentForNothing if told.is_urgent && is_paced && !is_closed => {
                granted = granted.with_starts(1, Duration::ZERO, Duration::ZERO);
            }
            Fault::RateOfNothing => granted.rate = Some(0.0),
            Fault::RateWithoutEnd => granted.rate = Some(f64::INFINITY),
            Fault::RateOfNoNumber => granted.rate = Some(f64::NAN),
            Fault::NoStarts => granted.starts = 0,
            Fault::CountsOne => granted.active = 1,
            Fault::CountsOneForTheFirst if member == 1 => granted.active = 1,
            Fault::CountsNewcomersLate if is_new => granted.active = granted.active.max(2) - 1,
            Fault::CountsTwo => granted.active = 2,
            Fault::CountsNone if member == 1 => granted.active = 0,
            Fault::CountsExchanges => granted.active = seen.exchanges,
            Fault::ForgetsNoProcess => granted.active = u32::try_from(seen.members.len()).unwrap(),
            Fault::ForgetsWhoPauses => {
                let is_there = |at: &&Instant| at.elapsed() < Duration::from_millis(300);
                let active = seen.members.values().filter(is_there).count();
                granted.active = u32::try_from(active).unwrap();
            }
            _ => {}
        }
        seen.rate = granted.rate;
        granted
    }
}

#[async_trait]
impl SharedLimit for Faulty {
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        let mut changed = *told;
        sleep(self.before(app, &mut changed)?).await;
        let state = self.app(app, told);
        let granted = self.sound.exchange(state.as_deref(), &changed).await?;
        Ok(self.after(app, told, granted))
    }
}
