//! One entry: what is loaded, what may replace it, and its end.

use std::time::{Duration, SystemTime};

use super::{Check, Checked, SECRET, StorePromise, entry, in_an_hour};
use crate::auth::{Revision, StoreError, StoredToken, TokenKey};
use crate::oauth::Token;

pub(super) async fn check(check: &Check) -> Checked {
    stale_writers(check).await?;
    ended_mark(check).await?;
    log_out(check).await?;
    removal(check).await
}

pub(super) async fn check_fields(check: &Check) -> Checked {
    let key = check.key("all fields");
    let nothing = check.load(&key).await?;
    StorePromise::KeepsAllFields
        .holds(nothing.is_none(), "`load` found an entry where none was saved")?;
    let mut there = None;
    for (name, entry) in entries() {
        check.save(&key, &entry, there, StorePromise::KeepsAllFields).await?;
        is_there(check, &key, &entry, StorePromise::KeepsAllFields, name).await?;
        there = Some(entry.revision());
    }
    Ok(())
}

/// Of every kind that there is.
fn entries() -> [(&'static str, StoredToken); 5] {
    let printable: String = (' '..='~').collect();
    let big = |name: &str| format!("{SECRET}-{name}-{}", "x".repeat(BIG));
    let stored = |token: Token| StoredToken::new(token, in_an_hour());
    let hour = Duration::from_secs(3600);
    let usual = entry("usual");
    let refreshed = usual.followed_by(
        Token::new(format!("{SECRET}-refreshed"), hour).with_refresh_token(SECRET),
        in_an_hour(),
    );
    [
        ("a usual one", usual),
        ("one of the same login", refreshed),
        ("one without refresh token and scopes", stored(Token::new(SECRET, Duration::ZERO))),
        (
            "one with every printable character",
            stored(
                Token::new(SECRET, hour)
                    .with_refresh_token(format!("{SECRET}{printable}"))
                    .with_scopes([printable.as_str(), "\u{e9}\u{1f3b5}"]),
            ),
        ),
        (
            "one with tokens of 16 KiB",
            stored(Token::new(big("access"), hour).with_refresh_token(big("refresh"))),
        ),
    ]
}

/// In all the ways in which a writer can be late.
async fn stale_writers(check: &Check) -> Checked {
    let key = check.key("stale writers");
    let other = check.key("another of them");
    let old = entry("old");
    let new = entry("new");
    let late = entry("late");
    let promise = StorePromise::RefusesStaleWriters;
    refused(check, &key, &late, Some(old.revision())).await?;
    let absent = check.load(&key).await?.is_none();
    promise.holds(absent, "an entry was saved that was to replace one where there is none")?;

    check.save(&key, &old, None, promise).await?;
    check.save(&other, &late, None, promise).await?;
    check.save(&key, &new, Some(old.revision()), promise).await?;
    for replaces in [None, Some(old.revision()), Some(late.revision())] {
        refused(check, &key, &late, replaces).await?;
        is_there(check, &key, &new, promise, "what a stale writer was to leave").await?;
    }
    // Also one that has the right revision in the wrong place.
    refused(check, &key, &new, None).await
}

async fn refused(
    check: &Check,
    key: &TokenKey,
    token: &StoredToken,
    replaces: Option<Revision>,
) -> Checked {
    let promise = StorePromise::RefusesStaleWriters;
    let as_what = match replaces {
        None => "as the first entry, over one that was there",
        Some(_) => "over a revision that was not there",
    };
    match check.try_save(key, token, replaces).await? {
        Err(StoreError::Stale) => Ok(()),
        Ok(()) => Err(promise.broken(format!("`save` succeeded {as_what}"))),
        Err(error) => Err(promise.broken_by(error, format!("`save` failed otherwise, {as_what}"))),
    }
}

/// Marked with the revision that it has.
async fn ended_mark(check: &Check) -> Checked {
    let key = check.key("ended");
    let promise = StorePromise::ReplacesSameRevision;
    let login = entry("ended");
    check.save(&key, &login, None, promise).await?;
    let ended = login.clone().ended();
    check.save(&key, &ended, Some(login.revision()), promise).await?;
    is_there(check, &key, &ended, promise, "the mark that a login has ended").await
}

/// The mark of it is not an absence.
async fn log_out(check: &Check) -> Checked {
    let key = check.key("log-out");
    let promise = StorePromise::KeepsLogOuts;
    let login = entry("logged out");
    check.save(&key, &login, None, promise).await?;
    let mark = login.logged_out();
    check.save(&key, &mark, Some(login.revision()), promise).await?;
    is_there(check, &key, &mark, promise, "the mark of a log-out").await?;
    for replaces in [None, Some(login.revision())] {
        refused(check, &key, &login, replaces).await?;
    }
    let next = entry("next login");
    check.save(&key, &next, Some(mark.revision()), promise).await?;
    is_there(check, &key, &next, promise, "the login after a log-out").await
}

async fn removal(check: &Check) -> Checked {
    let key = check.key("removed");
    let other = check.key("not removed");
    let removed = entry("removed");
    let stays = entry("stays");
    let promise = StorePromise::Removes;
    check.remove_nothing(&key).await?;
    check.save(&key, &removed, None, promise).await?;
    check.save(&other, &stays, None, promise).await?;

    check.remove(&key).await?;

    let is_gone = check.load(&key).await?.is_none();
    promise.holds(is_gone, "`load` still finds it")?;
    is_there(check, &other, &stays, promise, "the entry of another key").await?;
    refused(check, &key, &entry("late"), Some(removed.revision())).await?;
    check.remove_nothing(&key).await?;
    check.save(&key, &entry("first again"), None, promise).await
}

/// Whether this very entry is loaded.
pub(super) async fn is_there(
    check: &Check,
    key: &TokenKey,
    saved: &StoredToken,
    promise: StorePromise,
    name: &str,
) -> Checked {
    let Some(loaded) = check.load(key).await? else {
        return Err(promise.broken(format!("`load` does not find {name} for {key}")));
    };
    match differing_field(saved, &loaded) {
        None => Ok(()),
        Some(field) => {
            Err(promise.broken(format!("of {name}, `load` brings another {field} for {key}")))
        }
    }
}

fn differing_field(saved: &StoredToken, loaded: &StoredToken) -> Option<&'static str> {
    let token = |stored: &StoredToken| stored.token().cloned();
    let access = |entry| token(entry).map(|token| token.access_token.expose().to_owned());
    let refresh = |entry| {
        let secret = token(entry).and_then(|token| token.refresh_token);
        secret.map(|secret| secret.expose().to_owned())
    };
    let scopes = |entry| token(entry).and_then(|token| token.scopes);
    let lifetime = |entry| token(entry).map(|token| token.expires_in);
    let fields = [
        ("login", saved.login() == loaded.login()),
        ("revision", saved.revision() == loaded.revision()),
        ("access token", access(saved) == access(loaded)),
        ("refresh token", refresh(saved) == refresh(loaded)),
        ("list of scopes", scopes(saved) == scopes(loaded)),
        ("lifetime", lifetime(saved) == lifetime(loaded)),
        ("expiry", is_same_end(saved.expires_at(), loaded.expires_at())),
        ("mark of an end", saved.has_ended() == loaded.has_ended()),
        ("mark of a log-out", saved.is_logged_out() == loaded.is_logged_out()),
    ];
    fields.into_iter().find(|(_, is_same)| !is_same).map(|(name, _)| name)
}

/// A store that measures time by its server's clock is off by what two calls take; and what has
/// expired has.
fn is_same_end(saved: Option<SystemTime>, loaded: Option<SystemTime>) -> bool {
    let now = SystemTime::now();
    match (saved, loaded) {
        (Some(saved), Some(loaded)) if saved <= now && loaded <= now => true,
        (Some(saved), Some(loaded)) => {
            let apart = saved.duration_since(loaded).or_else(|_| loaded.duration_since(saved));
            apart.is_ok_and(|apart| apart <= LATENCY)
        }
        (saved, loaded) => saved == loaded,
    }
}

const LATENCY: Duration = Duration::from_secs(2);

const BIG: usize = 16 * 1024;
