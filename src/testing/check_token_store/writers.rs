//! Writers at the same time.

use std::sync::Arc;

use tokio::sync::Barrier;

use super::entries::is_there;
use super::{Check, Checked, StorePromise, entry};
use crate::auth::{Revision, StoreError, StoredToken, TokenKey};

pub(super) async fn check(check: &Check) -> Checked {
    let key = check.key("writers");
    let mut there = None;
    for round in 0..ROUNDS {
        there = Some(one_wins(check, &key, there, round).await?);
    }
    of_other_keys(check).await
}

/// All of them have seen the same entry. Says the revision of the one that won.
async fn one_wins(
    check: &Check,
    key: &TokenKey,
    there: Option<Revision>,
    round: usize,
) -> Checked<Revision> {
    let promise = StorePromise::OneWriterWins;
    let entries: Vec<_> =
        (0..WRITERS).map(|writer| entry(&format!("writer-{round}-{writer}"))).collect();
    let keys = std::iter::repeat_n(key.clone(), WRITERS);
    let mut winners = Vec::new();
    for (entry, saved) in entries.iter().zip(at_once(check, keys, &entries, there).await?) {
        match saved {
            Ok(()) => winners.push(entry),
            Err(StoreError::Stale) => {}
            Err(error) => return Err(promise.broken_by(error, "a writer failed otherwise")),
        }
    }
    let [winner] = winners[..] else {
        return Err(promise.broken(format!("{} of {WRITERS} won", winners.len())));
    };
    is_there(check, key, winner, promise, "what the winner saved").await?;
    Ok(winner.revision())
}

/// None is lost, as they are where all entries are written by everybody.
async fn of_other_keys(check: &Check) -> Checked {
    let promise = StorePromise::KeepsKeysApart;
    let keys: Vec<_> = (0..WRITERS).map(|writer| check.key(&format!("writer {writer}"))).collect();
    let entries: Vec<_> = (0..WRITERS).map(|writer| entry(&format!("own-{writer}"))).collect();
    for saved in at_once(check, keys.iter().cloned(), &entries, None).await? {
        saved.map_err(|error| promise.broken_by(error, "a writer of another key failed"))?;
    }
    for (key, entry) in keys.iter().zip(&entries) {
        is_there(check, key, entry, promise, "what was saved beside others").await?;
    }
    Ok(())
}

/// Saves all entries, each in a task of its own.
async fn at_once(
    check: &Check,
    keys: impl Iterator<Item = TokenKey>,
    entries: &[StoredToken],
    replaces: Option<Revision>,
) -> Checked<Vec<Result<(), StoreError>>> {
    let start = Arc::new(Barrier::new(entries.len()));
    let tasks: Vec<_> = keys
        .zip(entries.iter().cloned())
        .map(|(key, entry)| {
            let store = Arc::clone(&check.store);
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                store.save(&key, &entry, replaces).await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        // That it ends, and shows nothing, is looked at as with every call.
        let panicked = |_| StoreError::custom("a task panicked");
        let ended = async move { task.await.map_err(panicked) };
        results.push(check.call("save", ended).await?.and_then(|saved| saved));
    }
    Ok(results)
}

/// How many writers there are at once, and how often.
const WRITERS: usize = 16;
const ROUNDS: usize = 5;
