//! How much of what is put back is under way at a time.
//!
//! All processes of a fleet put back at the same time, and none knows of the others. What they have
//! under way together waits in line in the server, so that too much of it comes too late for all.
//! Each sees the line in how long its own calls take.

use std::time::Duration;

use tokio::task_local;

/// How many looks are taken at a time, by how those before went.
#[derive(Clone)]
pub(super) struct Width {
    at_once: usize,
    /// What one takes where nothing stands in line.
    least: Duration,
    /// After the next that fail at once, and after the next that are too late.
    pauses: [Duration; 2],
}

/// How the looks went that were taken at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Of those that went well.
    pub(super) fastest: Duration,
    pub(super) slowest: Duration,
    pub(super) failure: Option<Failed>,
}

/// What is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failed {
    AtOnce,
    TooLate,
}

impl Default for Width {
    fn default() -> Self {
        Self { at_once: FIRST, least: LONGEST_WAY, pauses: FIRST_PAUSES }
    }
}

impl Width {
    pub(super) const fn at_once(&self) -> usize {
        self.at_once
    }

    /// For how long nothing more is to be looked at, on average.
    pub(super) fn after(&mut self, round: Round) -> Option<Duration> {
        if let Some(failed) = round.failure {
            let [after_failure, after_late] = &mut self.pauses;
            let (at_once, pause, longest) = match failed {
                Failed::AtOnce => (self.at_once / 2, after_failure, LONGEST_PAUSE),
                Failed::TooLate => (1, after_late, LONGEST_LATE_PAUSE),
            };
            self.at_once = at_once.max(1);
            let this = *pause;
            *pause = (this * 2).min(longest);
            return Some(this);
        }
        self.pauses = FIRST_PAUSES;
        self.least = self.least.min(round.fastest);
        let in_line = round.slowest.saturating_sub(self.least);
        self.at_once = match () {
            () if in_line <= SHORT => (self.at_once * 2).min(MOST),
            () if in_line > LONG => (self.at_once / 2).max(1),
            () => self.at_once,
        };
        None
    }
}

task_local! {
    static IS_ONE_OF_MANY: ();
}

/// Of calls of which many are under way at a time, since this process may be the one for whose sake
/// they are late: they do not have its connection replaced.
pub(super) async fn as_one_of_many<T>(calls: impl Future<Output = T>) -> T {
    IS_ONE_OF_MANY.scope((), calls).await
}

/// Whether the call that is under way here is one of these.
pub(super) fn is_one_of_many() -> bool {
    IS_ONE_OF_MANY.try_with(|()| ()).is_ok()
}

/// Of each process: thousands of them may begin at the same time.
const FIRST: usize = 4;

/// On a quick link 65,536 are put back in a few seconds.
const MOST: usize = 64;

/// For which more may be under way. A look is two calls, and one after the other has half a second.
const SHORT: Duration = Duration::from_millis(50);

/// For which there is to be less.
const LONG: Duration = Duration::from_millis(150);

/// That the server is far away is no reason to have less under way; what takes longer than this, is.
const LONGEST_WAY: Duration = Duration::from_millis(100);

/// Those who find what was put back wait three seconds for who knows more; a server that is behind
/// with its work is to get it done first.
const FIRST_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_LATE_PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]
mod tests {
    use std::sync::Arc;

    use super::super::redis_server::RedisServer;
    use super::super::server::Server;
    use super::*;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn took(fastest: u64, slowest: u64) -> Round {
        Round { fastest: ms(fastest), slowest: ms(slowest), failure: None }
    }

    fn failed(failed: Failed) -> Round {
        Round { failure: Some(failed), ..took(1, 1) }
    }

    fn widths(width: &mut Width, rounds: &[Round]) -> Vec<usize> {
        let after = |round: &Round| {
            assert_eq!(width.after(*round).is_some(), round.failure.is_some());
            width.at_once()
        };
        rounds.iter().map(after).collect()
    }

    #[test]
    fn more_is_put_back_at_a_time_while_nothing_is_late_and_less_once_something_is() {
        let width = &mut Width::default();
        assert_eq!(width.at_once(), 4);
        assert_eq!(widths(width, &[took(1, 5); 6]), [8, 16, 32, 64, 64, 64]);
        assert_eq!(widths(width, &[took(1, 100); 2]), [64, 64]);
        assert_eq!(widths(width, &[took(1, 152); 8]), [32, 16, 8, 4, 2, 1, 1, 1]);
        assert_eq!(widths(width, &[took(90, 100), took(1, 51), took(1, 50)]), [1, 2, 4]);
        // A quarter of a second in line, of all others.
        assert_eq!(widths(width, &[took(250, 250); 3]), [2, 1, 1]);
    }

    #[test]
    fn a_server_that_is_far_away_is_no_slow_one() {
        assert_eq!(widths(&mut Width::default(), &[took(90, 130); 4]), [8, 16, 32, 64]);
        assert_eq!(widths(&mut Width::default(), &[took(140, 145); 2]), [8, 16]);
        // Too far to be told from one.
        assert_eq!(widths(&mut Width::default(), &[took(400, 400); 2]), [2, 1]);
        // It was nearer before.
        assert_eq!(widths(&mut Width::default(), &[took(5, 9), took(90, 130)]), [8, 8]);
    }

    #[test]
    fn what_fails_is_tried_again_after_longer_and_longer_pauses() {
        for (kind, pauses) in [
            (Failed::AtOnce, [100, 200, 400, 800, 1_000, 1_000]),
            (Failed::TooLate, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]),
        ] {
            let width = &mut Width::default();
            for _ in 0..2 {
                for pause in pauses {
                    assert_eq!(width.after(failed(kind)), Some(ms(pause)));
                }
                assert_eq!(width.at_once(), 1);
                assert_eq!(width.after(took(1, 1)), None);
                assert_eq!(width.at_once(), 2);
            }
        }
        assert_eq!(widths(&mut Width::default(), &[failed(Failed::AtOnce); 3]), [2, 1, 1]);
        assert_eq!(widths(&mut Width::default(), &[failed(Failed::TooLate); 2]), [1, 1]);
    }

    #[tokio::test]
    async fn calls_that_are_late_for_their_number_do_not_have_the_connection_replaced() {
        let Some(redis) = RedisServer::start(&[]) else { return };
        let server = Arc::new(Server::new(redis.url().parse().unwrap()));
        let ping = redis::cmd("PING");
        server.command_on("", &ping).await.unwrap();
        for (is_one_of_many, connections) in [(true, 1), (false, 2)] {
            redis.signal("-STOP");
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..5 {
                let (server, ping) = (Arc::clone(&server), ping.clone());
                calls.spawn(async move {
                    match is_one_of_many {
                        true => as_one_of_many(server.command_on("", &ping)).await,
                        false => server.command_on("", &ping).await,
                    }
                });
            }
            let ended = calls.join_all().await;
            redis.signal("-CONT");
            assert!(ended.iter().all(Result::is_err));
            server.command_on("", &ping).await.unwrap();
            assert_eq!(server.connections(None), connections);
        }
    }
}
