//! Profiles, and what users like most.

use std::cmp::Reverse;

use super::super::catalogue::Kind;
use super::super::playlist::encoded;
use super::{Call, Reply, error};

impl Call<'_> {
    pub(super) fn users(&self, segments: &[&str]) -> Reply {
        match (self.method(), segments) {
            ("GET", ["me"]) => self.own_profile(),
            ("GET", ["me", "top", kind @ ("tracks" | "artists")]) => self.top(kind),
            ("GET", ["users", name]) => self.profile(name),
            _ => self.unknown(),
        }
    }

    fn own_profile(&self) -> Reply {
        let me = self.me()?;
        let followers = self.followers_of(&me.name);
        self.json(me.own_profile(followers, |scope| self.holder.allows(scope)))
    }

    fn profile(&self, name: &str) -> Reply {
        let user = self.world.users.known(name).ok_or_else(|| error(404, "No such user"))?;
        self.json(user.public_profile(self.followers_of(name)))
    }

    fn followers_of(&self, name: &str) -> usize {
        self.world.users.with(&format!("spotify:user:{}", encoded(name)))
    }

    /// What was heard most and then the rest of the catalogue, which begins at another place for each
    /// time range.
    fn top(&self, kind: &str) -> Reply {
        let begin = match self.parameter("time_range").unwrap_or("medium_term") {
            "short_term" => 0,
            "medium_term" => 1,
            "long_term" => 2,
            _ => return Err(error(400, "Invalid time range")),
        };
        let kind = if kind == "tracks" { Kind::Track } else { Kind::Artist };
        let mut things: Vec<_> = self.world.catalogue.all(kind).collect();
        things.rotate_left(begin);
        let me = self.me()?;
        things.sort_by_key(|thing| Reverse(me.times_heard(thing)));
        self.json(self.page(&things, (20, 50), |thing| thing.full.clone())?)
    }
}
