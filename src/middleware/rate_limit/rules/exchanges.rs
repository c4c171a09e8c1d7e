//! What is told in an exchange, what is taken of its response, and when a process goes on alone.

use std::time::Duration;

use super::super::bucket::{Blocked, Bucket};
use super::super::membership::{Exchange, Membership};
use super::super::rate::SLOWEST;
use super::super::shared::{Granted, Told};
use super::Seconds;

/// One that shares a limit.
struct Member {
    membership: Membership,
    bucket: Bucket,
}

impl Member {
    fn new() -> Self {
        Self { membership: Membership::new(1, 30.0), bucket: Bucket::new(30.0) }
    }

    fn begins(&mut self, wanted: u32, now: Seconds) -> Exchange {
        self.membership.due(wanted, false, &self.bucket, now).unwrap()
    }

    fn sends(&mut self, exchange: Exchange, wanted: u32, now: Seconds) -> Option<Told> {
        self.membership.send(exchange, wanted, false, now)
    }

    /// Says whether it goes on alone from then on.
    fn hears(&mut self, exchange: Exchange, granted: Option<Granted>, now: Seconds) -> bool {
        self.membership.heard(exchange, granted, &mut self.bucket, 0.5, now)
    }

    fn exchanges(&mut self, granted: Granted, now: Seconds) {
        let exchange = self.begins(9, now);
        self.sends(exchange, 9, now).unwrap();
        assert!(!self.hears(exchange, Some(granted), now));
    }

    /// One that says nothing new: what was granted still holds.
    fn is_confirmed(&mut self, epoch: u64, now: Seconds) {
        let granted = Granted::default().with_rate(1.0, 1).with_closing(epoch, Duration::ZERO);
        self.exchanges(granted, now);
    }

    fn gives_up(&mut self, now: Seconds) {
        assert!(self.membership.is_lost(now));
        self.membership.give_up(&mut self.bucket, 0.5, now);
    }

    fn check(&self, now: Seconds) -> Result<(), Blocked> {
        self.membership.check(&self.bucket, now)
    }

    fn is_alone(&self, now: Seconds) -> bool {
        self.membership.sharing(&self.bucket, now) == super::super::shared::Sharing::Alone
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Few processes each send far less than their share; or a store is wrong about their number.
#[test]
fn a_process_that_goes_on_alone_is_never_slower_than_the_slowest_rate() {
    for (rate, active) in [(2.0, 200), (2.0, u32::MAX), (0.2, 1000)] {
        for jitter in [0.0, 0.5, 1.0] {
            let mut member = Member::new();
            member.exchanges(Granted::default().with_rate(rate, active), 1.0);
            let exchange = member.begins(9, 2.0);

            assert!(member.membership.heard(exchange, None, &mut member.bucket, jitter, 2.0));

            let wait = member.membership.wait(&member.bucket, 0, false, 2.0);
            assert!(wait <= 1.0 / SLOWEST, "{wait} s at {rate} over {active}");
        }
    }
}

#[test]
fn a_pause_is_told_as_what_is_left_of_it() {
    for (pause, age, told) in [
        (20.0, 0.0, Some(seconds(20.0))),
        (20.0, 5.0, Some(seconds(15.0))),
        (20.0, 20.0, None),
        (20.0, 3600.0, None),
        (f64::INFINITY, 5.0, Some(Duration::MAX - seconds(5.0))),
    ] {
        let mut member = Member::new();
        member.membership.refused(0, pause, true, 100.0);
        let exchange = member.begins(0, 100.0);

        let sent = member.sends(exchange, 0, 100.0 + age).unwrap();

        assert_eq!(sent.refused_for, told, "{pause} s, {age} s later");
        assert!(sent.others_wait);
    }
}

/// A store counts them as of when they are told.
#[test]
fn of_what_succeeded_before_the_window_one_is_told() {
    for (age, told) in [(0.0, 9), (29.0, 9), (31.0, 1), (3600.0, 1)] {
        let mut member = Member::new();
        (0..9).for_each(|_| member.membership.succeeded(0, 100.0));
        let exchange = member.begins(0, 100.0 + age);

        let sent = member.sends(exchange, 0, 100.0 + age).unwrap();

        assert_eq!((sent.succeeded, sent.is_open), (told, true), "{age} s later");
    }
}

/// Within the patience nobody knows when the store said it.
#[test]
fn a_closing_counts_from_its_response_and_what_is_open_from_what_was_asked() {
    let mut member = Member::new();
    let exchange = member.begins(0, 100.0);
    member.sends(exchange, 0, 100.05).unwrap();
    member.hears(exchange, Some(Granted::default()), 100.2);
    assert_eq!(member.check(101.04), Ok(()));
    assert!(member.check(101.06).is_err(), "a closing of others holds within a second");

    let exchange = member.begins(0, 102.0);
    member.sends(exchange, 0, 102.0).unwrap();
    member.hears(exchange, Some(Granted::default().with_closing(1, seconds(5.0))), 102.15);
    assert_eq!(member.check(107.14), Err(Blocked::Until(107.15)));
}

#[test]
fn nothing_is_taken_of_an_exchange_that_was_given_up() {
    let closing = Granted::default().with_rate(0.1, 1).with_closing(7, seconds(15.0));
    for late in [Some(closing), Some(Granted::default()), None] {
        let mut member = Member::new();
        member.exchanges(Granted::default(), 100.0);
        let first = member.begins(0, 101.0);
        member.sends(first, 0, 101.0).unwrap();
        member.gives_up(106.0);
        assert_eq!(member.sends(first, 0, 106.0), None);

        assert!(!member.hears(first, late, 106.0));
        let second = member.begins(0, 106.0);
        assert_ne!(first, second);
        member.sends(second, 0, 106.0).unwrap();
        assert!(!member.hears(first, late, 106.0), "nor beside another");

        assert!(member.check(106.0).is_err() && !member.is_alone(106.0));
        assert_eq!((member.membership.epoch(), member.membership.rate()), (0, None));
        member.hears(second, Some(Granted::default()), 106.0);
        assert_eq!(member.check(106.0), Ok(()));
    }
}

#[test]
fn a_response_after_the_patience_is_not_taken_and_the_second_in_a_row_is_none() {
    let closing = Granted::default().with_closing(7, seconds(15.0));
    for late in [0.21, 0.9, 12.0] {
        let mut member = Member::new();
        let first = member.begins(0, 100.0);
        member.sends(first, 0, 100.0).unwrap();

        assert!(!member.hears(first, Some(closing), 100.0 + late));
        assert!(!member.is_alone(100.0 + late));
        assert_eq!(member.membership.epoch(), 0);

        let second = member.begins(0, 120.0);
        member.sends(second, 0, 120.0).unwrap();
        assert!(member.hears(second, Some(closing), 120.0 + late));
        assert_eq!(member.membership.epoch(), 0);
    }
}

/// A runtime that ended, or that nobody drives.
#[test]
fn a_loss_that_is_noticed_late_is_no_silence_of_the_store_unless_it_comes_again() {
    for noticed in [0.4, 0.9, 1.1, 3600.0] {
        let mut member = Member::new();
        member.begins(0, 100.0);
        assert!(!member.membership.is_lost(100.39));

        member.gives_up(100.0 + noticed);

        assert!(!member.is_alone(100.0 + noticed), "after {noticed} s");
    }
    for (noticed, is_alone) in [(0.001, true), (0.2, true), (0.3, false), (3600.0, false)] {
        let mut member = Member::new();
        let first = member.begins(0, 100.0);
        member.sends(first, 0, 100.0).unwrap();

        let went_alone = member.hears(first, None, 100.0 + noticed);

        assert_eq!(went_alone, is_alone, "after {noticed} s");
    }
    let mut member = Member::new();
    member.begins(0, 100.0);
    member.gives_up(110.0);
    member.begins(0, 110.0);
    member.gives_up(120.0);
    assert!(member.is_alone(120.0));
}

/// What happened until then is told by the next one.
#[test]
fn what_was_not_told_is_told_by_the_next_exchange() {
    let mut member = Member::new();
    member.membership.succeeded(0, 100.0);
    member.membership.refused(0, 20.0, false, 100.0);
    let first = member.begins(0, 100.0);
    member.gives_up(105.0);

    let second = member.begins(0, 105.0);
    let told = member.sends(second, 0, 105.0).unwrap();

    assert_eq!((told.succeeded, told.refused_for), (1, Some(seconds(15.0))));
    assert_eq!(member.sends(first, 0, 105.0), None);
}

/// The starts of the batch are far away, and the request that asked for one at once has gone.
#[test]
fn an_urgent_start_that_nobody_came_for_is_void() {
    let mut member = Member::new();
    let granted = Granted::default().with_rate(1.0, 1);
    member.exchanges(granted.with_starts(3, seconds(8.0), seconds(1.0)), 100.0);
    let urgent = member.membership.due(9, true, &member.bucket, 100.1).unwrap();
    member.membership.send(urgent, 9, true, 100.1).unwrap();
    let at_once = granted.with_starts(1, Duration::ZERO, seconds(1.0));
    member.hears(urgent, Some(at_once), 100.1);
    assert_eq!(member.check(100.3), Ok(()));

    assert_eq!(member.check(100.5), Err(Blocked::Until(108.0)));
    let again = member.membership.due(9, true, &member.bucket, 100.5).unwrap();
    member.membership.send(again, 9, true, 100.5).unwrap();
    member.hears(again, Some(at_once), 100.5);
    member.membership.start(100.5);
    assert_eq!(member.check(100.6), Err(Blocked::Until(108.0)), "one start is one");
}

/// The starts are used up by then, and the next ones are free.
#[test]
fn when_an_urgent_request_is_to_come_back_holds_up_no_others() {
    let mut member = Member::new();
    let granted = Granted::default().with_rate(1.0, 1);
    member.exchanges(granted.with_starts(1, seconds(0.2), seconds(1.0)), 100.0);
    let urgent = member.membership.due(9, true, &member.bucket, 100.0).unwrap();
    member.membership.send(urgent, 9, true, 100.0).unwrap();
    member.hears(urgent, Some(granted.with_come_back_in(seconds(5.0))), 100.0);
    assert_eq!(member.check(100.25), Ok(()));
    member.membership.start(100.25);

    let exchange = member.membership.due(9, true, &member.bucket, 100.25).unwrap();

    let told = member.membership.send(exchange, 9, true, 100.25).unwrap();
    assert_eq!((told.starts, told.is_urgent), (9, false));
}

/// One that has two starts of a batch left, of which the first is far away, and asks for an urgent
/// one.
fn asks_for_an_urgent_start(first_in: f64) -> Member {
    let mut member = Member::new();
    let granted = Granted::default().with_rate(1.0, 1);
    member.exchanges(granted.with_starts(2, seconds(8.0), seconds(1.0)), 100.0);
    let urgent = member.membership.due(9, true, &member.bucket, 100.0).unwrap();
    member.membership.send(urgent, 9, true, 100.0).unwrap();
    member.hears(urgent, Some(granted.with_starts(1, seconds(first_in), seconds(1.0))), 100.0);
    member
}

#[test]
fn an_urgent_start_goes_not_before_its_moment_and_no_later_than_others() {
    for first_in in [0.05, 0.2, 0.31, 3.0, 7.9] {
        let mut member = asks_for_an_urgent_start(first_in);
        let moment = 100.0 + first_in;
        assert_eq!(member.check(100.0), Err(Blocked::Until(moment)), "{first_in} s");
        assert_eq!(member.check(moment - 0.001), Err(Blocked::Until(moment)), "{first_in} s");
        assert!(member.membership.wait(&member.bucket, 0, false, 100.0) < first_in + 0.001);
        assert_eq!(member.membership.due(9, true, &member.bucket, moment - 0.01), None, "has one");

        if first_in > 0.3 {
            // Others may have been refused since.
            assert!(member.check(moment).is_err(), "{first_in} s");
            let exchange = member.membership.due(9, true, &member.bucket, moment).unwrap();
            let told = member.membership.send(exchange, 9, true, moment).unwrap();
            assert_eq!((told.starts, told.is_urgent), (0, false), "it has starts");
            member.hears(exchange, Some(Granted::default().with_rate(1.0, 1)), moment);
        }
        assert_eq!(member.check(moment), Ok(()), "{first_in} s");
        member.membership.start(moment);
        let later = moment + 0.05;
        assert_eq!(member.check(later), Err(Blocked::Until(108.0)), "one start is one");
    }
}

#[test]
fn a_start_that_is_to_come_for_the_urgent_is_left_by_others() {
    let mut member = asks_for_an_urgent_start(8.5);
    member.is_confirmed(0, 108.0);
    member.membership.start(108.0);
    assert_eq!(member.check(108.2), Err(Blocked::Until(108.5)));
    assert!(member.check(108.5).is_err(), "it was granted long ago");
    member.is_confirmed(0, 108.5);
    assert_eq!(member.check(108.5), Ok(()));
    member.membership.start(108.5);
    assert_eq!(member.check(108.6), Err(Blocked::Until(109.0)));
}

#[test]
fn an_urgent_start_that_is_to_come_is_void_after_a_closing_and_when_nobody_comes() {
    let closed = Granted::default().with_rate(1.0, 1).with_closing(7, seconds(2.0));
    let mut member = asks_for_an_urgent_start(3.0);
    member.membership.refused(0, 2.0, false, 101.0);
    member.exchanges(closed, 101.0);
    member.is_confirmed(7, 103.0);
    assert!(member.check(103.0).is_err());

    let mut member = asks_for_an_urgent_start(3.0);
    assert_eq!(member.check(103.4), Err(Blocked::Until(108.0)), "another's by now");
    assert!(member.membership.due(9, true, &member.bucket, 103.4).is_some());
}

/// The store was asked for more meanwhile.
#[test]
fn starts_are_not_lost_where_another_was_given_back() {
    let mut member = Member::new();
    let granted = Granted::default().with_rate(10.0, 1);
    member.exchanges(granted.with_starts(1, Duration::ZERO, seconds(0.1)), 100.0);
    let epoch = member.membership.start(100.0);
    let exchange = member.begins(9, 100.0);
    member.sends(exchange, 9, 100.0).unwrap();
    member.membership.given_back(epoch, 100.0, 100.05);

    member.hears(exchange, Some(granted.with_starts(5, Duration::ZERO, Duration::ZERO)), 100.1);

    for number in 0..5 {
        assert_eq!(member.check(100.1), Ok(()), "{number}");
        member.membership.start(100.1);
    }
}
