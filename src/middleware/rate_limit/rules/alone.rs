//! A process that shares a limit, and goes on alone since the store does not respond.

use super::super::bucket::Bucket;
use super::super::membership::Membership;
use super::super::rate::SLOWEST;
use super::super::shared::Granted;

/// Few processes each send far less than their share; or a store is wrong about their number.
#[test]
fn a_process_that_goes_on_alone_is_never_slower_than_the_slowest_rate() {
    for (rate, active) in [(2.0, 200), (2.0, u32::MAX), (0.2, 1000)] {
        for jitter in [0.0, 0.5, 1.0] {
            let mut membership = Membership::new(1, 30.0);
            let mut bucket = Bucket::new(30.0);
            let granted = Granted::default().with_rate(rate, active);
            membership.heard(granted, &mut bucket, 1.0);

            assert!(membership.silent(&mut bucket, jitter, 2.0));

            let wait = membership.wait(&bucket, 0, 2.0);
            assert!(wait <= 1.0 / SLOWEST, "{wait} s at {rate} over {active}");
        }
    }
}
