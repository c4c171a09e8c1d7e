//! What finds the shared limits that break a promise, and lets pass those that keep all.

mod faulty;
mod unusual;

use std::collections::HashSet;

use spotify_web::testing::{FakeSharedLimit, check_shared_limit};

use faulty::{FAULTS, Faulty};
use unusual::{Book, HABITS, MANNERS, Unusual};

#[tokio::test(start_paused = true)]
async fn the_shared_limit_of_this_crate_keeps_every_promise() {
    check_shared_limit(FakeSharedLimit::new()).await.unwrap();
    let used = FakeSharedLimit::new();
    check_shared_limit(used.clone()).await.unwrap();
    check_shared_limit(used).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn unusual_shared_limits_that_keep_every_promise_pass() {
    let mut wrong = Vec::new();
    for manner in MANNERS {
        let checked = check_shared_limit(Unusual::new(*manner)).await;
        wrong.extend(checked.err().map(|error| format!("{manner:?}: {error}")));
    }
    for habit in HABITS {
        let checked = check_shared_limit(Book::new(*habit)).await;
        wrong.extend(checked.err().map(|error| format!("{habit:?}: {error}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn each_mistake_of_a_shared_limit_is_named() {
    let mut wrong = Vec::new();
    for (fault, promise, seen) in FAULTS {
        match check_shared_limit(Faulty::new(*fault)).await {
            Ok(()) => wrong.push(format!("{fault:?} passes")),
            Err(error) => {
                let text = error.to_string();
                let is_said = text.starts_with(&promise.to_string()) && text.contains(seen);
                if error.promise != *promise || !is_said {
                    wrong.push(format!("{fault:?} is found by {:?}: {text}", error.promise));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let faults: HashSet<_> = FAULTS.iter().map(|(fault, ..)| format!("{fault:?}")).collect();
    assert_eq!(faults.len(), FAULTS.len());
}
