//! The names of keys. They show neither client ids nor users, and the keys of one user share a slot
//! of a cluster.
//!
//! What a program gives names to is checked here, and nowhere else: [`Name`] has the rules.

use ring::hmac;
use zeroize::Zeroizing;

use super::FleetError;
use crate::auth::TokenKey;

/// What a program gives a name to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Prefix,
    SealingKey,
    ClientId,
    User,
    Scope,
}

impl Name {
    /// Client ids, users and scopes only become hashes and stand in records: any characters will
    /// do, also braces, patterns and spaces, and none at all. A prefix stands before the names in the server, and in
    /// its access list.
    pub(super) fn check(self, name: &str) -> Result<(), FleetError> {
        let (what, longest) = match self {
            Self::Prefix => ("the prefix of a fleet", 128),
            Self::SealingKey => ("the name of a sealing key", 32),
            Self::ClientId => ("the client id of a login", LONGEST_NAME),
            Self::User => ("the user of a login", LONGEST_NAME),
            Self::Scope => ("a scope of a login", LONGEST_NAME),
        };
        let wrong = |reason: String| Err(FleetError::Name { what, reason });
        if name.is_empty() && matches!(self, Self::Prefix | Self::SealingKey) {
            return wrong("is empty".to_owned());
        }
        if name.len() > longest {
            return wrong(format!("has {} bytes; {longest} are allowed", name.len()));
        }
        if self != Self::Prefix {
            return Ok(());
        }
        // Braces would decide where keys are in a cluster.
        let bad = |it: &char| matches!(it, '{' | '}') || it.is_whitespace() || it.is_control();
        match name.chars().find(bad) {
            Some(bad) => wrong(format!("has {bad:?} in it; braces and spaces are not allowed")),
            None => Ok(()),
        }
    }
}

/// Of a key, each of its names.
fn check_key(key: &TokenKey) -> Result<(), FleetError> {
    check_user(key.client_id(), key.user())?;
    key.scopes().iter().try_for_each(|scope| Name::Scope.check(scope))
}

fn check_user(client_id: &str, user: Option<&str>) -> Result<(), FleetError> {
    Name::ClientId.check(client_id)?;
    user.map_or(Ok(()), |user| Name::User.check(user))
}

/// Makes the names of keys.
#[derive(Clone)]
pub(super) struct Names {
    prefix: String,
    /// Without one, names can be guessed by who can guess the user.
    name_key: Zeroizing<Vec<u8>>,
    /// How those of logins end.
    kind: &'static str,
}

/// Where the logins of a user with one app are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// A hash with the logins of this user, one for each set of scopes.
    pub(super) logins: String,
    /// Which of them.
    pub(super) scopes: String,
    /// Who refreshes it.
    pub(super) lease: String,
}

impl Names {
    pub(super) fn new(prefix: String, name_key: Option<&[u8; 32]>) -> Self {
        let name_key = name_key.map_or_else(|| FIXED.to_vec(), |key| key.to_vec());
        Self { prefix, name_key: Zeroizing::new(name_key), kind: "t" }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Names that no walk over all logins finds, for what is no login.
    pub(super) fn of_no_login(self) -> Self {
        Self { kind: "c", ..self }
    }

    pub(super) fn place(&self, key: &TokenKey) -> Result<Place, FleetError> {
        check_key(key)?;
        let scopes = self.scopes(key);
        let owner = self.owner(key.client_id(), key.user());
        let (prefix, lease) = (&self.prefix, format!("{owner}:l:{scopes}"));
        Ok(Place {
            logins: self.of_owner(&owner),
            lease: format!("{prefix}:{LAYOUT}:{lease}"),
            scopes,
        })
    }

    /// Whether the login of `key` stands there.
    pub(super) fn is_at(&self, place: &Place, key: &TokenKey) -> bool {
        let logins = || self.of_owner(&self.owner(key.client_id(), key.user()));
        check_key(key).is_ok() && place.scopes == self.scopes(key) && place.logins == logins()
    }

    /// The hash with all logins of a user.
    pub(super) fn logins(&self, client_id: &str, user: Option<&str>) -> Result<String, FleetError> {
        check_user(client_id, user)?;
        Ok(self.of_owner(&self.owner(client_id, user)))
    }

    /// The state of an app's rate, and who shares it.
    pub(super) fn rate(&self, client_id: Option<&str>) -> Result<[String; 2], FleetError> {
        client_id.map_or(Ok(()), |client_id| Name::ClientId.check(client_id))?;
        let kind = if client_id.is_some() { "rate" } else { "rate of nobody" };
        let app = self.hash(kind, [client_id.unwrap_or_default()], 16);
        Ok(["g", "m"].map(|kind| format!("{}:{LAYOUT}:{{{app}}}:{kind}", self.prefix)))
    }

    /// Says that there are logins that were saved without sealing keys; the name is that of all
    /// fleets of a prefix, whatever their name key is.
    pub(super) fn unsealed_note(&self) -> String {
        format!("{}:{LAYOUT}:{{unsealed}}:u", self.prefix)
    }

    /// Which life of the server this is, as it tells itself, or as the fleet calls it: to some users it
    /// may tell, and not to others. Also for all fleets of a prefix.
    pub(super) fn life(&self, is_told: bool) -> String {
        let kind = if is_told { "told" } else { "own" };
        format!("{}:{LAYOUT}:{{{kind}}}:i", self.prefix)
    }

    /// What all hashes of logins match, for `SCAN`.
    pub(super) fn all_logins(&self) -> String {
        let escaped = pattern_of(&self.prefix);
        format!("{escaped}:{LAYOUT}:{{*}}:t")
    }

    fn of_owner(&self, owner: &str) -> String {
        format!("{}:{LAYOUT}:{owner}:{}", self.prefix, self.kind)
    }

    fn scopes(&self, key: &TokenKey) -> String {
        self.hash("scopes", key.scopes().iter().map(String::as_str), 8)
    }

    /// In braces, which make a cluster look at nothing else.
    fn owner(&self, client_id: &str, user: Option<&str>) -> String {
        let kind = if user.is_some() { "user" } else { "app" };
        format!("{{{}}}", self.hash(kind, [client_id, user.unwrap_or_default()], 16))
    }

    /// Each part with its length, so that none can look like two.
    fn hash<'a>(
        &self,
        kind: &'a str,
        parts: impl IntoIterator<Item = &'a str>,
        length: usize,
    ) -> String {
        let mut text = Vec::new();
        for part in [kind].into_iter().chain(parts) {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.name_key);
        let hash = hmac::sign(&key, &text);
        let halves = hash.as_ref().iter().take(length).flat_map(|byte| [byte >> 4, byte & 15]);
        halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
    }
}

/// What matches a prefix and nothing else.
pub(super) fn pattern_of(prefix: &str) -> String {
    prefix.chars().flat_map(escaped).collect()
}

/// The prefix of one of the fleet's names.
pub(super) fn prefix_of(name: &str) -> Option<&str> {
    let (start, _) = name.split_once('{')?;
    start.strip_suffix(&format!(":{LAYOUT}:"))
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let is_special = matches!(character, '*' | '?' | '[' | ']' | '\\' | '^');
    is_special.then_some('\\').into_iter().chain([character])
}

/// The layout of keys and records. A later one has another number, and shares nothing with this.
const LAYOUT: u32 = 1;

const FIXED: &[u8] = b"spotify-web fleet names";

/// Far more than any id has, and so little that a record has room for its tokens.
const LONGEST_NAME: usize = 1024;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        Names::new("spotify-web".into(), None)
    }

    #[test]
    fn the_keys_of_a_user_share_a_slot_and_show_nothing() {
        let key = TokenKey::new("app").with_user("anna").with_scopes(["b", "a"]);
        let place = names().place(&key).unwrap();

        let tag = |key: &str| key[key.find('{').unwrap()..key.find('}').unwrap()].to_owned();
        assert_eq!(tag(&place.logins), tag(&place.lease));
        assert!(!format!("{place:?}").contains("anna"));
        assert_eq!(place.logins, names().logins("app", Some("anna")).unwrap());
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        let names = Names::new("a*[b]".into(), None);
        assert_eq!(names.all_logins(), "a\\*\\[b\\]:1:{*}:t");
        let names = [names.unsealed_note(), names.logins("app", Some("anna")).unwrap()];
        assert!(names.iter().all(|name| prefix_of(name) == Some("a*[b]")), "{names:?}");
    }

    /// Whatever Spotify has for an id, or a program for a user.
    #[test]
    fn client_ids_and_users_may_have_any_characters() {
        let odd = [
            "",
            "spotify:user:x",
            "{}",
            "{a}:t",
            "*",
            "[^a]?\\",
            "a b",
            " ",
            "\u{0}",
            "\n",
            "é",
            "e\u{301}",
            "\u{202e}",
            "a@b.example",
            "%20",
            "😀",
            &"x".repeat(LONGEST_NAME),
        ];
        let places: std::collections::HashSet<_> = odd
            .iter()
            .flat_map(|name| [TokenKey::new(*name), TokenKey::new("app").with_user(*name)])
            .map(|key| {
                let place = names().place(&key).unwrap();
                assert_eq!(place.logins.len(), "spotify-web:1:{}:t".len() + 32, "{key}");
                place
            })
            .collect();
        assert_eq!(places.len(), odd.len() * 2);
        for name in odd {
            names().rate(Some(name)).unwrap();
            names().logins(name, Some(name)).unwrap();
        }
    }

    #[test]
    fn a_name_that_cannot_be_used_is_refused_with_what_is_wrong_with_it() {
        let long = "é".repeat(LONGEST_NAME);
        for (key, said) in [
            (TokenKey::new(&*long), "the client id of a login has 2048 bytes; 1024 are allowed"),
            (TokenKey::new("app").with_user(&*long), "the user of a login has 2048 bytes"),
            (TokenKey::new("app").with_scopes([&*long]), "a scope of a login has 2048 bytes"),
        ] {
            let error = names().place(&key).unwrap_err();
            assert!(error.to_string().starts_with(said), "{error}");
            assert!(matches!(error, FleetError::Name { .. }) && !error.is_transient());
        }
        names().rate(Some(&long)).unwrap_err();
        names().logins(&long, Some("anna")).unwrap_err();
        names().logins("app", Some(&long)).unwrap_err();
        for bad in ["", "a{b", "a}b", "a b", "a\tb", "a\u{a0}b", "a\0b", &"a".repeat(129)] {
            let error = Name::Prefix.check(bad).unwrap_err().to_string();
            assert!(error.starts_with("the prefix of a fleet "), "{error}");
        }
        for good in ["a", "my-bots", "a:b", "a*[b]?", "é", &"a".repeat(128)] {
            Name::Prefix.check(good).unwrap();
        }
    }

    /// Where the border between two parts is makes another key, and so does which part there is.
    #[test]
    fn parts_that_are_alike_in_a_row_are_different_places() {
        let key = |client_id: &str| TokenKey::new(client_id);
        let keys = [
            key("ab").with_user("c"),
            key("a").with_user("bc"),
            key("abc").with_user(""),
            key("").with_user("abc"),
            key("abc"),
            key("abc").with_scopes(["d", "e"]),
            key("abc").with_scopes(["de"]),
            key("abc").with_user("d").with_scopes(["e"]),
        ];
        let places: std::collections::HashSet<_> =
            keys.iter().map(|key| names().place(key).unwrap()).collect();
        assert_eq!(places.len(), keys.len());
    }

    proptest! {
        /// F27
        #[test]
        fn no_two_keys_have_the_same_place(
            one in ("[ab,:]{0,3}", proptest::option::of("[ab,:]{0,3}"), proptest::collection::vec("[ab ]{0,2}", 0..3)),
            other in ("[ab,:]{0,3}", proptest::option::of("[ab,:]{0,3}"), proptest::collection::vec("[ab ]{0,2}", 0..3)),
        ) {
            let key = |(client_id, user, scopes): (String, Option<String>, Vec<String>)| {
                let key = TokenKey::new(client_id).with_scopes(scopes);
                match user { Some(user) => key.with_user(user), None => key }
            };
            let (one, other) = (key(one), key(other));
            let place = |key| names().place(key).unwrap();
            prop_assert_eq!(one == other, place(&one) == place(&other));
        }
    }
}
