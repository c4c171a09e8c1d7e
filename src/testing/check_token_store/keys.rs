//! Many keys: none gets the entry of another, however alike they look to a file system or a
//! database.

use super::entries::is_there;
use super::{Check, Checked, StorePromise, entry};
use crate::auth::{StoredToken, TokenKey};

pub(super) async fn check(check: &Check) -> Checked {
    let keys: Vec<_> = keys(&check.client).into_iter().map(|key| check.used(key)).collect();
    let promise = StorePromise::KeepsKeysApart;
    let mut saved = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let is_free = check.load(key).await?.is_none();
        let seen = format!("an entry was there for {key}, which had none");
        promise.holds(is_free, &seen)?;
        let entry = entry(&format!("key-{number}"));
        check.save(key, &entry, None, promise).await?;
        saved.push(entry);
    }
    for (key, entry) in keys.iter().zip(&saved) {
        is_there(check, key, entry, promise, "the entry").await?;
    }
    removal(check, &keys, &saved).await
}

/// One goes, the others stay.
async fn removal(check: &Check, keys: &[TokenKey], saved: &[StoredToken]) -> Checked {
    let Some((first, others)) = keys.split_first() else { return Ok(()) };
    check.remove(first).await?;
    for (key, entry) in others.iter().zip(saved.iter().skip(1)) {
        is_there(check, key, entry, StorePromise::Removes, "the entry of another key").await?;
    }
    Ok(())
}

/// Each differs from another in one way only.
fn keys(client: &str) -> Vec<TokenKey> {
    let app = || TokenKey::new(client);
    let mut keys = vec![
        app(),
        TokenKey::new(format!("{client}-2")),
        TokenKey::new(client.to_uppercase()),
        app().with_scopes(["a"]),
        app().with_scopes(["a", "b"]),
        app().with_scopes(["a b"]),
    ];
    keys.extend(users().into_iter().map(|user| app().with_user(user)));
    let of_anna = |scopes: &[&str]| app().with_user("anna").with_scopes(scopes.iter().copied());
    keys.extend([of_anna(&["a"]), of_anna(&["a", "b"]), of_anna(&["A"])]);
    keys
}

fn users() -> Vec<String> {
    let long = "n".repeat(LONG);
    let users = [
        "",
        " ",
        "anna",
        "Anna",
        "anna ",
        "anna\0",
        "anna\0bert",
        "ann",
        "ann_",
        "ann%",
        "ann*",
        "anna' OR '1'='1",
        "anna\"; DROP TABLE tokens; --",
        "anna\" \"a",
        "anna\\",
        "anna\n",
        "../anna",
        "/anna",
        "C:\\anna",
        "anna.lock",
        "anna:bert",
        "anna%00",
        "\u{e9}",
        "e\u{301}",
        "e",
        "\u{1f3b5}",
        "\u{1f3b6}",
        "null",
        "0",
        "00",
    ];
    let mut users: Vec<_> = users.map(str::to_owned).into();
    users.extend([format!("{long}a"), format!("{long}b"), long]);
    users
}

/// Longer than the name of a file and most columns.
const LONG: usize = 1000;
