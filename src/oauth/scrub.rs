//! What a server may repeat of what it was sent: nothing that is a secret.
//!
//! Used for the responses to calls as well as for those to token requests.

use super::OAuthErrorCode;
use crate::transport::clipped;

/// The secrets of one token request and its response.
pub(crate) struct Scrubber<'a> {
    secrets: Vec<&'a str>,
}

impl<'a> Scrubber<'a> {
    pub(crate) fn new(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut secrets: Vec<_> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        // A secret that is a part of another one would leave the rest of it to be read.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// An error code. One of the standard is never touched, whatever the secrets look like; one
    /// that repeats a secret is no code.
    pub(super) fn code(&self, text: &str) -> Option<OAuthErrorCode> {
        let code = OAuthErrorCode::from(clipped(text.trim()).as_str());
        match &code {
            OAuthErrorCode::Unknown(text) => {
                let is_secret =
                    |secret: &&str| is_long(secret) && text.contains(*secret) || **text == **secret;
                let is_secret = self.secrets.iter().any(is_secret)
                    || parts(text, LONG_PART).any(|(_, part)| self.is_part_of_secret(part));
                (!text.is_empty() && !is_secret).then_some(code)
            }
            _ => Some(code),
        }
    }

    /// A description. What a long secret has too is cut out of it, wholly or in part: a server may
    /// have truncated what it repeats. A short secret, such as `client`, may be a word that the
    /// server would have used anyway: cutting it out would show which word it is, so that the
    /// description is withheld as a whole.
    pub(crate) fn words(&self, text: &str) -> String {
        // Before the search: a control character within a secret would hide it.
        let text = clipped(text);
        let mut short = self.secrets.iter().filter(|secret| !is_long(secret));
        match short.any(|secret| has_word(&text, secret)) {
            true => REDACTED.to_owned(),
            false => self.without_parts(&text),
        }
    }

    /// Whether `text` repeats a secret or a part of one.
    pub(crate) fn finds_in(&self, text: &str) -> bool {
        let mut short = self.secrets.iter().filter(|secret| !is_long(secret));
        short.any(|secret| has_word(text, secret))
            || parts(text, SHORTEST_LONG).any(|(_, part)| self.is_part_of_secret(part))
    }

    fn without_parts(&self, text: &str) -> String {
        let mut rest = String::new();
        let mut shown = 0;
        for (at, part) in
            parts(text, SHORTEST_LONG).filter(|(_, part)| self.is_part_of_secret(part))
        {
            // Parts overlap: of several in a row, only the first adds a mark.
            if at > shown || shown == 0 {
                rest.push_str(text.get(shown..at).unwrap_or_default());
                rest.push_str(REDACTED);
            }
            shown = at + part.len();
        }
        rest.push_str(text.get(shown..).unwrap_or_default());
        rest
    }

    fn is_part_of_secret(&self, part: &str) -> bool {
        self.secrets.iter().any(|secret| secret.contains(part))
    }
}

/// All parts of `text` with this number of characters, and where they stand.
fn parts(text: &str, length: usize) -> impl Iterator<Item = (usize, &str)> {
    let starts = text.char_indices().map(|(at, _)| at);
    let ends = starts.clone().chain([text.len()]).skip(length);
    starts.zip(ends).map(|(start, end)| (start, text.get(start..end).unwrap_or_default()))
}

fn is_long(secret: &str) -> bool {
    secret.chars().count() >= SHORTEST_LONG
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

/// Spotify's secrets have 32 characters, its codes and tokens over 100. In fewer than this many,
/// words of a sentence are hit by chance.
const SHORTEST_LONG: usize = 8;

/// What a code has in common with a secret by chance, such as a word, is shorter.
const LONG_PART: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AQBx0123456789abcdefghijklmnopqrstuvwxyz";

    fn words(text: &str) -> String {
        Scrubber::new([SECRET]).words(text)
    }

    #[test]
    fn no_part_of_a_secret_is_shown() {
        let cut = &SECRET[..SECRET.len() - 1];
        let tail = &SECRET[1..];
        assert_eq!(
            words(&format!("bad token {cut}... (too long)")),
            "bad token [redacted]... (too long)"
        );
        assert_eq!(words(tail), "[redacted]");
        assert_eq!(words("ends in 789abcde, in 456789ab"), "ends in [redacted], in [redacted]");
        assert_eq!(words(&format!("{}é", &SECRET[3..12])), "[redacted]é");
    }

    #[test]
    fn a_few_characters_that_a_secret_has_too_are_shown() {
        assert_eq!(words("abcdefg is not allowed"), "abcdefg is not allowed");
        assert_eq!(words(""), "");
    }

    #[test]
    fn a_code_that_repeats_a_part_of_a_secret_is_none() {
        let scrubber = Scrubber::new([SECRET]);
        assert_eq!(scrubber.code(&SECRET[..20]), None);
        assert_eq!(scrubber.code("slow_down"), Some("slow_down".into()));
    }
}
