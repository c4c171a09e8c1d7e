//! Whose token it is.

use std::fmt::{self, Write};
use std::str::FromStr;

/// Names a token in a [`TokenStore`](super::TokenStore): the app, the user and what was granted.
///
/// It names all three, so that nobody gets the token of another app or user, nor one that allows
/// something else. The client id must be the authenticator's own; the user and the scopes are names
/// that the program chooses.
///
/// ```
/// use spotify_web::auth::TokenKey;
///
/// let key = TokenKey::new("CLIENT_ID").with_user("anna").with_scopes(["user-top-read"]);
/// assert_ne!(key, TokenKey::new("CLIENT_ID").with_user("bert").with_scopes(["user-top-read"]));
/// ```
///
/// `Display` and `FromStr` are a text, for a column of a database:
///
/// ```
/// use spotify_web::auth::TokenKey;
///
/// let key = TokenKey::new("CLIENT_ID").with_user("anna");
/// assert_eq!(key.to_string(), r#""CLIENT_ID" user "anna""#);
/// assert_eq!(key.to_string().parse(), Ok(key));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey {
    client_id: String,
    user: Option<String>,
    scopes: Vec<String>,
}

impl TokenKey {
    /// The token of an app itself, or of the only user of a program. A program that has both names
    /// the user: two authenticators with one key share one token.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), user: None, scopes: Vec::new() }
    }

    /// The token of one of its users, by whatever name the program knows them.
    #[must_use]
    pub fn with_user(self, user: impl Into<String>) -> Self {
        Self { user: Some(user.into()), ..self }
    }

    /// A token with these scopes; their order does not matter.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().map(Into::into).collect();
        scopes.sort();
        scopes.dedup();
        Self { scopes, ..self }
    }

    /// The client id of the app.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The user, by the name that the program gave, where it gave one.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The scopes that the program gave, in alphabetical order.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }
}

/// A string that no other key has: each part is quoted, so that none can look like two. It names
/// the token in stores, and is the same for every version of Rust.
impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quote(f, &self.client_id)?;
        match &self.user {
            Some(user) => {
                f.write_str(" user ")?;
                quote(f, user)?;
            }
            None => f.write_str(" app")?,
        }
        self.scopes.iter().try_for_each(|scope| {
            f.write_char(' ')?;
            quote(f, scope)
        })
    }
}

/// In quotation marks, with those within and control characters escaped. `Debug` escapes more, and
/// by tables that change with Unicode.
fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    text.chars().try_for_each(|character| match character {
        '"' | '\\' => write!(f, "\\{character}"),
        character if character.is_control() => write!(f, "{}", character.escape_unicode()),
        character => f.write_char(character),
    })?;
    f.write_char('"')
}

/// A text is not one that [`TokenKey`]'s `Display` makes. It shows nothing of the text, which may name
/// a user.
///
/// ```
/// use spotify_web::auth::TokenKey;
///
/// let error = "anna".parse::<TokenKey>().unwrap_err();
/// assert!(error.to_string().starts_with("this is not the text of a token key"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not the text of a token key; expected one that `to_string` of a `TokenKey` has made, such as \
     `\"CLIENT_ID\" user \"anna\"`"
)]
#[non_exhaustive]
pub struct TokenKeyError {}

/// Reads what `Display` makes, and nothing else: two texts are never one key.
impl FromStr for TokenKey {
    type Err = TokenKeyError;

    fn from_str(text: &str) -> Result<Self, TokenKeyError> {
        read(text).filter(|key| key.to_string() == text).ok_or(TokenKeyError {})
    }
}

fn read(text: &str) -> Option<TokenKey> {
    let (client_id, rest) = quoted(text)?;
    let key = TokenKey::new(client_id);
    let (key, mut rest) = match rest.strip_prefix(" user ") {
        Some(rest) => {
            let (user, rest) = quoted(rest)?;
            (key.with_user(user), rest)
        }
        None => (key, rest.strip_prefix(" app")?),
    };
    let mut scopes = Vec::new();
    while !rest.is_empty() {
        let (scope, after) = quoted(rest.strip_prefix(' ')?)?;
        scopes.push(scope);
        rest = after;
    }
    Some(key.with_scopes(scopes))
}

/// What was quoted at the beginning of a text, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut characters = text.strip_prefix('"')?.chars();
    loop {
        match characters.next()? {
            '"' => return Some((part, characters.as_str())),
            '\\' => match characters.next()? {
                'u' => {
                    let (code, after) = characters.as_str().strip_prefix('{')?.split_once('}')?;
                    part.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
                    characters = after.chars();
                }
                escaped => part.push(escaped),
            },
            character => part.push(character),
        }
    }
}

/// No name of a user becomes one of a file or of an entry, whose lengths and characters are limited
/// and some of which ignore case.
pub(super) fn digest(key: &str) -> String {
    let digest = hmac_sha256::Hash::hash(key.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_have_digests_of_their_own_without_their_users() {
        let anna = digest("\"app\" user \"anna\"");
        let bert = digest("\"app\" user \"bert\"");

        assert_ne!(anna, bert);
        assert_eq!(anna.len(), 32);
        assert!(!anna.contains("anna"));
    }

    fn text(user: &str) -> String {
        TokenKey::new("app").with_user(user).to_string()
    }

    #[test]
    fn the_text_of_a_key_does_not_depend_on_what_unicode_says_of_its_characters() {
        assert_eq!(text("anna"), r#""app" user "anna""#);
        assert_eq!(text("\u{301}\u{200b}\u{e000}"), "\"app\" user \"\u{301}\u{200b}\u{e000}\"");
    }

    #[test]
    fn what_is_not_the_text_of_a_key_is_refused_without_being_shown() {
        for text in [
            "",
            "anna",
            r#""app""#,
            r#""app" "#,
            r#""app" app "#,
            r#""app"  app"#,
            r#""app" user anna"#,
            r#""app" user "anna"#,
            r#""app" user "anna""b""#,
            r#""app" user "anna" app"#,
            r#""app" app "b" "a""#,
            r#""app" app "a" "a""#,
            r#""\a" app"#,
            r#""\u{61}" app"#,
            r#""\u{07}" app"#,
            r#""\u{d800}" app"#,
            r#""\u" app"#,
            "\"\u{7}\" app",
            r#" "app" app"#,
        ] {
            let error = text.parse::<TokenKey>().unwrap_err();
            assert!(!error.to_string().contains("\"app"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_read_from_its_text(
            client_id in ".*|[a\"\\\\u{}\n]*",
            user in proptest::option::of(".*|[a\"\\\\u{}\n]*"),
            scopes in proptest::collection::vec("[a\"\\\\ \n]{0,3}", 0..4),
        ) {
            let key = TokenKey::new(client_id).with_scopes(scopes);
            let key = match user { Some(user) => key.with_user(user), None => key };
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn no_two_keys_have_one_text() {
        let texts = ["a\" user \"b", "a\\", "a\\\"", "a\u{7}", r"a\u{7}", "a"].map(text);
        let different: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len());
        assert!(texts.iter().all(|text| !text.contains('\u{7}')));
    }
}
