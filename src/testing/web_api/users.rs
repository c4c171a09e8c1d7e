//! Profiles, and what users like most.

use super::super::catalogue::Kind;
use super::{Call, Reply, error};

impl Call<'_> {
    pub(super) fn users(&mut self, segments: &[&str]) -> Reply {
        match (self.method(), segments) {
            ("GET", ["me"]) => self.own_profile(),
            ("GET", ["me", "top", kind @ ("tracks" | "artists")]) => self.top(kind),
            ("GET", ["users", name]) => self.profile(name),
            _ => self.unknown(),
        }
    }

    fn own_profile(&mut self) -> Reply {
        let (name, holder) = (self.user()?.to_owned(), self.holder);
        let followers = self.world.users.with(&format!("spotify:user:{name}"));
        let user = self.world.user(&name);
        let profile = user.own_profile(followers, |scope| holder.allows(scope));
        self.json(profile)
    }

    fn profile(&self, name: &str) -> Reply {
        let user = self.world.users.known(name).ok_or_else(|| error(404, "No such user"))?;
        let followers = self.world.users.with(&format!("spotify:user:{name}"));
        self.json(user.public_profile(followers))
    }

    /// The catalogue, from another place for each time range.
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
        self.json(self.page(&things, (20, 50), |thing| thing.full.clone())?)
    }
}
