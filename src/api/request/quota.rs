//! Which quota an app has, and what that allows.

/// Which quota an app has. It decides how large pages may be and which endpoints there are.
///
/// Every app begins in development mode, which lost endpoints and large pages in February 2026;
/// Spotify grants [extended quota] on request, and such an app keeps both.
///
/// The config is told at run time, and limits follow it. The endpoints that development mode lost
/// are `#[deprecated]` unless the feature `extended-quota` is on: whether a method may be called is
/// known when a program is compiled, and a compiler reads no config.
///
/// | | development | extended |
/// |---|---|---|
/// | `limit` of a search | 10 | 50 |
/// | `limit` of an artist's albums | 10 | 50 |
/// | `limit` of a playlist's items | 50 | 100 |
/// | endpoints that say "Only for apps with extended quota" | gone | there |
///
/// ```
/// use spotify_web::{Quota, SpotifyClientConfig};
///
/// let config = SpotifyClientConfig::default().with_quota(Quota::Extended);
/// ```
///
/// [extended quota]: https://developer.spotify.com/documentation/web-api/concepts/quota-modes
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quota {
    /// Development mode: what every app has that has not been granted more.
    #[default]
    Development,
    /// Extended quota, granted by Spotify.
    Extended,
}

/// The greatest `limit` that an endpoint takes, which may depend on the quota of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaxLimit {
    /// In development mode.
    pub development: u32,
    /// With extended quota.
    pub extended: u32,
}

impl MaxLimit {
    pub(super) const fn new(development: u32, extended: u32) -> Self {
        Self { development, extended }
    }

    /// That of an app with this quota.
    pub const fn of(self, quota: Quota) -> u32 {
        match quota {
            Quota::Development => self.development,
            Quota::Extended => self.extended,
        }
    }
}
