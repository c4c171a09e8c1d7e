//! Chapters of audiobooks.

use super::Connection;
use super::request::params::InMarket;
use super::request::{Batches, IntoId, IntoIds, Request, path};
use crate::model::{Chapter, ChapterId};

/// Chapters of audiobooks.
///
/// From [`SpotifyClient::chapters`](crate::SpotifyClient::chapters).
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let chapter = spotify.chapters().get("0D5wENdkdwbqlrHoaJ9g29").await?;
/// println!("{}", chapter.name);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Chapters(pub(crate) Connection);

impl Chapters {
    /// A chapter with its audiobook; in the markets that have them.
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-a-chapter>
    #[doc(alias = "get_a_chapter")]
    pub fn get(&self, id: impl IntoId<ChapterId>) -> Request<Chapter, InMarket> {
        self.0.get(path("chapters").id(id))
    }

    /// Up to 50 chapters at once.
    ///
    /// In the order of the ids; `None` for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// Optional: [`market`](Request::market).
    ///
    /// <https://developer.spotify.com/documentation/web-api/reference/get-several-chapters>
    #[doc(alias = "get_several_chapters")]
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    pub fn several(&self, ids: impl IntoIds<ChapterId>) -> Request<Vec<Option<Chapter>>, InMarket> {
        self.0
            .get(path("chapters"))
            .ids("ids", ids, 50)
            .or_in_batches("several_in_batches")
            .several("chapters")
    }

    /// Any number of chapters, with as many requests as it takes, in the order of their ids; `None`
    /// for an id that Spotify does not know.
    ///
    /// Only for apps with [extended quota](crate::Quota).
    ///
    /// # Errors
    ///
    /// The [`BatchError`](crate::BatchError) of the first request that fails. A wrong id is an
    /// error before anything is sent.
    #[cfg_attr(
        not(feature = "extended-quota"),
        deprecated(note = "gone for apps in development mode since February 2026; `get` does one")
    )]
    #[allow(deprecated, reason = "with the feature `extended-quota` it is not")]
    pub fn several_in_batches(
        &self,
        ids: impl IntoIds<ChapterId>,
    ) -> Batches<Vec<Option<Chapter>>> {
        let group = self.clone();
        Batches::new(ids.into_ids(), 50, move |_, ids| group.several(ids))
    }
}
