//! What a server may repeat of what it was sent: nothing that is a secret.

use super::OAuthErrorCode;
use crate::transport::clipped;

/// The secrets of one token request and its response.
pub(super) struct Scrubber<'a> {
    secrets: Vec<&'a str>,
}

impl<'a> Scrubber<'a> {
    pub(super) fn new(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut secrets: Vec<_> = secrets.into_iter().filter(|it| !it.is_empty()).collect();
        // A secret that is a part of another one would leave the rest of it to be read.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// An error code. One of the standard is never touched, whatever the secrets look like; one that
    /// repeats a secret is no code.
    pub(super) fn code(&self, text: &str) -> Option<OAuthErrorCode> {
        let code = OAuthErrorCode::from(clipped(text.trim()).as_str());
        match &code {
            OAuthErrorCode::Unknown(text) => {
                let is_secret =
                    |secret: &&str| is_long(secret) && text.contains(*secret) || **text == **secret;
                (!text.is_empty() && !self.secrets.iter().any(is_secret)).then_some(code)
            }
            _ => Some(code),
        }
    }

    /// A description. A long secret is cut out of it. A short one, such as `client`, may be a word that
    /// the server would have used anyway: cutting it out would show which word it is, so that the
    /// description is withheld as a whole.
    pub(super) fn words(&self, text: &str) -> String {
        // Before the search: a control character within a secret would hide it.
        let text: String = text.chars().filter(|character| !character.is_control()).collect();
        let (long, short): (Vec<&str>, Vec<&str>) =
            self.secrets.iter().partition(|secret| is_long(secret));
        let text = long.iter().fold(text, |text, secret| text.replace(secret, REDACTED));
        match short.iter().any(|secret| has_word(&text, secret)) {
            true => REDACTED.to_owned(),
            false => clipped(&text),
        }
    }
}

fn is_long(secret: &str) -> bool {
    secret.len() >= SHORTEST_LONG
}

/// Whether `word` stands in `text` on its own, rather than inside of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    let joins = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

const REDACTED: &str = "[redacted]";

/// Spotify's secrets have 32 characters, its codes and tokens over 100. In fewer than this many, words
/// of a sentence are hit by chance.
const SHORTEST_LONG: usize = 8;
