//! What finds the shared limits that break a promise, and lets pass those that keep all.

use std::time::Duration;

use async_trait::async_trait;
use spotify_web::middleware::{Granted, SharedLimit, SharedLimitError, Told};
use spotify_web::testing::{FakeSharedLimit, SharedLimitPromise, check_shared_limit};

#[tokio::test(start_paused = true)]
async fn the_shared_limit_of_this_crate_keeps_every_promise() {
    check_shared_limit(FakeSharedLimit::new()).await.unwrap();
    let used = FakeSharedLimit::new();
    check_shared_limit(used.clone()).await.unwrap();
    check_shared_limit(used).await.unwrap();
}

/// One mistake of a store that is right otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Hangs,
    Panics,
    Fails,
    DoesNotClose,
    KeepsTheEpoch,
    ClosesOneProcess,
    TellsOthersAnotherEpoch,
    OneStateForAllApps,
    NeverOpens,
    ForgetsTheRate,
    TooManyStarts,
    StartsForEachProcess,
    RateOfNothing,
    RateWithoutEnd,
    RateOfNoNumber,
    NoStarts,
    CountsOne,
    /// The first process alone is told so.
    CountsNone,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    sound: FakeSharedLimit,
}

#[async_trait]
impl SharedLimit for Faulty {
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        let app = match self.fault {
            Fault::Hangs => std::future::pending().await,
            Fault::Panics => panic!("a bug in the store"),
            Fault::Fails => return Err(SharedLimitError::new("down")),
            Fault::OneStateForAllApps => Some("one".to_owned()),
            Fault::ClosesOneProcess => Some(format!("{app:?} {}", told.member)),
            Fault::StartsForEachProcess if app.is_some_and(|app| app.ends_with("paced")) => {
                Some(format!("{app:?} {}", told.member))
            }
            _ => app.map(str::to_owned),
        };
        let mut told = *told;
        match self.fault {
            Fault::DoesNotClose => told.refused_for = None,
            Fault::ForgetsTheRate => told.last_rate = None,
            // Each has the rate for itself.
            Fault::StartsForEachProcess => told.last_rate = Some(20.0),
            _ => {}
        }
        let mut granted = self.sound.exchange(app.as_deref(), &told).await?;
        match self.fault {
            Fault::KeepsTheEpoch => granted.epoch = 0,
            Fault::NeverOpens if granted.epoch > 0 => granted.closed_for = Duration::from_secs(1),
            Fault::TooManyStarts => granted.starts += 1,
            Fault::TellsOthersAnotherEpoch if granted.epoch > 0 => granted.epoch += told.member,
            Fault::RateOfNothing => granted.rate = Some(0.0),
            Fault::RateWithoutEnd => granted.rate = Some(f64::INFINITY),
            Fault::RateOfNoNumber => granted.rate = Some(f64::NAN),
            Fault::NoStarts => granted.starts = 0,
            Fault::CountsOne => granted.active = 1,
            Fault::CountsNone if told.member == 1 => granted.active = 0,
            _ => {}
        }
        Ok(granted)
    }
}

#[tokio::test(start_paused = true)]
async fn each_mistake_of_a_shared_limit_is_named() {
    for (fault, promise) in [
        (Fault::Hangs, SharedLimitPromise::Responds),
        (Fault::Panics, SharedLimitPromise::Responds),
        (Fault::Fails, SharedLimitPromise::Responds),
        (Fault::DoesNotClose, SharedLimitPromise::ClosesForAll),
        (Fault::KeepsTheEpoch, SharedLimitPromise::ClosesForAll),
        (Fault::ClosesOneProcess, SharedLimitPromise::ClosesForAll),
        (Fault::TellsOthersAnotherEpoch, SharedLimitPromise::ClosesForAll),
        (Fault::OneStateForAllApps, SharedLimitPromise::KeepsAppsApart),
        (Fault::NeverOpens, SharedLimitPromise::OpensAgain),
        (Fault::ForgetsTheRate, SharedLimitPromise::TakesOverTheRate),
        (Fault::TooManyStarts, SharedLimitPromise::GrantsWhatIsWanted),
        (Fault::StartsForEachProcess, SharedLimitPromise::KeepsToTheRate),
        (Fault::RateOfNothing, SharedLimitPromise::KeepsToTheRate),
        (Fault::RateWithoutEnd, SharedLimitPromise::KeepsToTheRate),
        (Fault::RateOfNoNumber, SharedLimitPromise::KeepsToTheRate),
        (Fault::NoStarts, SharedLimitPromise::GrantsStarts),
        (Fault::CountsOne, SharedLimitPromise::CountsProcesses),
        (Fault::CountsNone, SharedLimitPromise::CountsProcesses),
    ] {
        let faulty = Faulty { fault, sound: FakeSharedLimit::new() };
        let error = check_shared_limit(faulty).await.unwrap_err();
        assert_eq!(error.promise, promise, "{fault:?}: {error}");
        assert!(error.to_string().starts_with(&promise.to_string()), "{error}");
    }
}
