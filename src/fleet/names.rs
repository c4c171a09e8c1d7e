//! The names of keys. They show neither client ids nor users, and the keys of one user share a slot
//! of a cluster.

use hmac_sha256::HMAC;
use zeroize::Zeroizing;

use crate::auth::TokenKey;

/// Makes the names of keys.
#[derive(Clone)]
pub(super) struct Names {
    prefix: String,
    /// Without one, names can be guessed by who can guess the user.
    name_key: Zeroizing<Vec<u8>>,
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
        Self { prefix, name_key: Zeroizing::new(name_key) }
    }

    pub(super) fn place(&self, key: &TokenKey) -> Place {
        let scopes = self.hash("scopes", key.scopes().iter().map(String::as_str), 8);
        let owner = self.owner(key.client_id(), key.user());
        let (prefix, lease) = (&self.prefix, format!("{owner}:l:{scopes}"));
        Place {
            logins: format!("{prefix}:{LAYOUT}:{owner}:t"),
            lease: format!("{prefix}:{LAYOUT}:{lease}"),
            scopes,
        }
    }

    /// The hash with all logins of a user.
    pub(super) fn logins(&self, client_id: &str, user: Option<&str>) -> String {
        format!("{}:{LAYOUT}:{}:t", self.prefix, self.owner(client_id, user))
    }

    /// The state of an app's rate, and who shares it.
    pub(super) fn rate(&self, client_id: Option<&str>) -> [String; 2] {
        let kind = if client_id.is_some() { "rate" } else { "rate of nobody" };
        let app = self.hash(kind, [client_id.unwrap_or_default()], 16);
        ["g", "m"].map(|kind| format!("{}:{LAYOUT}:{{{app}}}:{kind}", self.prefix))
    }

    /// What all hashes of logins match, for `SCAN`.
    pub(super) fn all_logins(&self) -> String {
        let escaped: String = self.prefix.chars().flat_map(escaped).collect();
        format!("{escaped}:{LAYOUT}:{{*}}:t")
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
        let hash = HMAC::mac(&text, self.name_key.as_slice());
        hash.iter().take(length).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let is_special = matches!(character, '*' | '?' | '[' | ']' | '\\' | '^');
    is_special.then_some('\\').into_iter().chain([character])
}

/// The layout of keys and records. A later one has another number, and shares nothing with this.
const LAYOUT: u32 = 1;

const FIXED: &[u8] = b"spotify-web fleet names";

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
        let place = names().place(&TokenKey::new("app").with_user("anna").with_scopes(["b", "a"]));

        let tag = |key: &str| key[key.find('{').unwrap()..key.find('}').unwrap()].to_owned();
        assert_eq!(tag(&place.logins), tag(&place.lease));
        assert!(!format!("{place:?}").contains("anna"));
        assert_eq!(place.logins, names().logins("app", Some("anna")));
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        let names = Names::new("a*[b]".into(), None);
        assert_eq!(names.all_logins(), "a\\*\\[b\\]:1:{*}:t");
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
            keys.iter().map(|key| names().place(key)).collect();
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
            prop_assert_eq!(one == other, names().place(&one) == names().place(&other));
        }
    }
}
