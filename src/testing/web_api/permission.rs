//! Who may ask for what: apps with their quota, and users by the scopes of their tokens.

use super::super::accounts::Holder;
use super::super::response::FakeResponse;
use super::{Call, error};
use crate::api::Quota;

impl Call<'_> {
    /// What an endpoint needs whatever is asked of it. What depends on that is with the endpoint.
    pub(super) fn permission(&self, segments: &[&str]) -> Result<(), FakeResponse> {
        let method = self.method();
        if self.world.quota == Quota::Development && is_gone(method, segments) {
            return Err(error(403, "Forbidden: not for apps in development mode"));
        }
        let Some(scopes) = scopes(method, segments) else { return Ok(()) };
        match self.holder {
            Holder::App => Err(error(403, "Insufficient client scope")),
            Holder::User { .. } => self.needs(scopes),
        }
    }

    /// All of these scopes.
    pub(super) fn needs(&self, scopes: &[&str]) -> Result<(), FakeResponse> {
        match scopes.iter().all(|scope| self.holder.allows(scope)) {
            true => Ok(()),
            false => Err(error(403, "Insufficient client scope")),
        }
    }
}

/// What apps in development mode lost in November 2024 and in February 2026.
fn is_gone(method: &str, segments: &[&str]) -> bool {
    match (method, segments) {
        (_, ["me", kind, rest @ ..]) if is_saved(kind) => method != "GET" || !rest.is_empty(),
        (_, ["me", "following", rest @ ..]) => method != "GET" || !rest.is_empty(),
        (_, ["playlists", _, "tracks" | "followers", ..]) => true,
        ("GET", ["artists", _, "top-tracks" | "related-artists"]) => true,
        (_, ["users" | "browse" | "markets" | "recommendations", ..]) => true,
        (_, ["audio-features" | "audio-analysis", ..]) => true,
        ("GET", [kind]) => super::things::is_kind(kind),
        _ => false,
    }
}

/// The scopes that a user's token needs; `None` where an app's token is enough.
fn scopes(method: &str, segments: &[&str]) -> Option<&'static [&'static str]> {
    Some(match (method, segments) {
        ("GET", ["me", kind, ..]) if is_saved(kind) => &["user-library-read"],
        (_, ["me", kind, ..]) if is_saved(kind) => &["user-library-modify"],
        ("GET", ["me", "following", ..]) => &["user-follow-read"],
        (_, ["me", "following"]) => &["user-follow-modify"],
        ("GET", ["me", "top", _]) => &["user-top-read"],
        (_, ["me", "player", command @ ..]) => of_player(method, command),
        ("PUT", ["playlists", _, "images"]) => &["ugc-image-upload"],
        ("GET", ["playlists", _, "followers", _]) | (_, ["me", ..]) => &[],
        ("PUT" | "POST" | "DELETE", ["playlists" | "users", ..]) => &[],
        _ => return None,
    })
}

fn of_player(method: &str, command: &[&str]) -> &'static [&'static str] {
    match (method, command) {
        ("GET", ["currently-playing"]) => &["user-read-currently-playing"],
        ("GET", ["recently-played"]) => &["user-read-recently-played"],
        ("GET", ["queue"]) => &["user-read-currently-playing", "user-read-playback-state"],
        ("GET", _) => &["user-read-playback-state"],
        _ => &["user-modify-playback-state"],
    }
}

fn is_saved(kind: &str) -> bool {
    matches!(kind, "tracks" | "albums" | "shows" | "episodes" | "audiobooks")
}
