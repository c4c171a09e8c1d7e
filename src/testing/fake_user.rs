//! A user of the fake, from the outside.

use std::fmt;
use std::sync::Arc;

use super::accounts::Holder;
use super::catalogue::Kind;
use super::fake_playlist::FakePlaylist;
use super::player::Heard;
use super::state::Shared;
use super::user::User;
use super::world::World;
use crate::oauth::{AccessToken, Scope, Scopes};

/// A user of a [`FakeSpotify`](super::FakeSpotify), to set up and to act for.
///
/// Each has a library, playlists, people whom they follow, a history and a player of their own. A
/// new one has nothing but the playlist that is there for everybody, and two devices that are on
/// and play nothing. What is set up takes effect at once.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use spotify_web::SpotifyClient;
/// use spotify_web::oauth::Scope;
/// use spotify_web::testing::FakeSpotify;
///
/// let fake = FakeSpotify::start().await?;
/// let track = "spotify:track:11dFghVXANMlKmJXsNCbNl";
/// let anna = fake.user("anna").with_saved([track]);
/// let spotify = SpotifyClient::new(fake.config().with_token(anna.token()))?;
/// assert_eq!(spotify.library().contains([track]).await?, [Some(true)]);
///
/// // A login that asked for too little.
/// let token = anna.token_for([Scope::UserReadEmail]);
/// let spotify = SpotifyClient::new(fake.config().with_token(token))?;
/// let error = spotify.library().contains([track]).await.unwrap_err();
/// assert!(error.to_line().contains("Insufficient client scope"));
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct FakeUser {
    pub(super) shared: Arc<Shared>,
    pub(super) name: String,
}

impl FakeUser {
    /// A token that allows everything, without a login.
    pub fn token(&self) -> AccessToken {
        self.token_for(Scope::ALL)
    }

    /// A token that allows this.
    pub fn token_for(&self, scopes: impl Into<Scopes>) -> AccessToken {
        let holder = Holder::User { name: self.name.clone(), scopes: scopes.into() };
        self.shared.state.lock().accounts.issue(holder).into()
    }

    /// Opens the URL of a login and agrees, as [`FakeSpotify::agree`](super::FakeSpotify::agree)
    /// does.
    pub fn agree(&self, login_url: &str) -> String {
        self.shared.decide(login_url, Some(&self.name), "agree")
    }

    /// Ends every login of theirs, as if they had revoked them.
    pub fn end_logins(&self) {
        self.shared.state.lock().accounts.end_logins(Some(&self.name));
    }

    /// A playlist of theirs: the one of this name, or a new one.
    pub fn playlist(&self, name: &str) -> FakePlaylist {
        FakePlaylist::called(&self.shared, name, &self.name)
    }

    /// Saves these, or follows them: URIs of any kind, the first being the oldest. A track that is
    /// not in the catalogue is added to it.
    pub fn with_saved<U: AsRef<str>>(self, uris: impl IntoIterator<Item = U>) -> Self {
        self.set(|world, name| {
            let now = world.now();
            for uri in uris {
                let thing = world.catalogue.named(uri.as_ref());
                let uri = thing.map_or_else(|| uri.as_ref().to_owned(), |thing| thing.uri.clone());
                world.user(name).library.add(&uri, now);
            }
        })
    }

    /// They have heard these tracks just now, the first of them first. One that is not in the
    /// catalogue is added to it; what is no track is passed over.
    pub fn with_played<U: AsRef<str>>(self, uris: impl IntoIterator<Item = U>) -> Self {
        self.set(|world, name| {
            let things = uris.into_iter().filter_map(|uri| world.catalogue.named(uri.as_ref()));
            let tracks: Vec<_> = things.filter(|it| it.kind == Kind::Track).collect();
            let now = world.now();
            let heard = tracks.into_iter().enumerate().map(|(place, track)| Heard {
                track,
                context: None,
                played_at: now + chrono::TimeDelta::milliseconds(i64::try_from(place).unwrap_or(0)),
            });
            world.user(name).history.extend(heard);
        })
    }

    /// A device more, with this id and name.
    pub fn with_device(self, id: &str, device: &str) -> Self {
        self.set(|world, name| world.user(name).player.add_device(id, device))
    }

    /// The catalogue is playing, one track after the other, on their first device.
    pub fn with_playback(self) -> Self {
        self.set(|world, name| {
            let tracks = world.catalogue.all(Kind::Track).cloned().collect();
            world.user(name).player.begin(tracks);
        })
    }

    /// Nothing is playing, and no device is active.
    pub fn without_playback(self) -> Self {
        self.set(|world, name| world.user(name).player.stop())
    }

    /// They pay nothing: commands to their player are refused with `PREMIUM_REQUIRED`.
    pub fn without_premium(self) -> Self {
        self.set(|world, name| world.user(name).has_premium = false)
    }

    /// The URIs of what they have saved and whom they follow, the latest first.
    pub fn saved(&self) -> Vec<String> {
        let state = self.shared.state.lock();
        let user: Option<&User> = state.world.users.known(&self.name);
        let saved = user.into_iter().flat_map(|user| user.library.all());
        saved.map(|saved| saved.uri.clone()).collect()
    }

    fn set(self, change: impl FnOnce(&mut World, &str)) -> Self {
        change(&mut self.shared.state.lock().world, &self.name);
        self
    }
}

/// Without what the fake holds.
impl fmt::Debug for FakeUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeUser").field("name", &self.name).finish_non_exhaustive()
    }
}
