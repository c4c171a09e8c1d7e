//! Lists that are longer than an endpoint takes.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use serde::de::DeserializeOwned;

use super::builder::Request;
use super::params::Parameters;
use crate::error::{BatchError, Error};
use crate::middleware::OneLogin;
use crate::model::Snapshot;

/// A list that is longer than an endpoint takes, sent by as many requests as it takes, one after
/// the other.
///
/// Sent by `.await`, or by [`send`](Self::send) where a future is wanted. All elements are looked
/// at first: when one is wrong, nothing is sent.
///
/// # Errors
///
/// The [`BatchError`] of the first request that fails, with the number of elements that were done
/// before it; `?` makes an [`Error`] of it.
///
/// ```
/// # use spotify_web::testing::{FakeResponse, FakeSpotify};
/// # #[tokio::main] async fn main() -> Result<(), spotify_web::Error> {
/// # let fake = FakeSpotify::start().await.unwrap();
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// # let uris = vec!["spotify:track:11dFghVXANMlKmJXsNCbNl"; 250];
/// # let id = spotify.playlists().create("copy", Default::default()).await?.id;
/// # fake.next_api(FakeResponse::json(201, &serde_json::json!({ "snapshot_id": "first" })));
/// # fake.next_api(FakeResponse::status(501));
/// let playlists = spotify.playlists();
/// let adding = playlists
///     .add_items_in_batches(&id, &uris)
///     .progress(|so_far| println!("{} of {}", so_far.done, so_far.total));
///
/// if let Err(failed) = adding.await {
///     assert_eq!(failed.done, 100);
///     // The batch that failed was not carried out: go on with it.
///     if !failed.source.may_have_been_carried_out() {
///         playlists.add_items_in_batches(&id, &uris[failed.done..]).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before it is awaited"]
pub struct Batches<T> {
    sending: Box<dyn FnOnce(Callback, WhenEmpty) -> Sending<T> + Send>,
    callback: Callback,
    when_empty: WhenEmpty,
}

/// How far [`Batches`] have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchProgress {
    /// Number of elements from the front of the list that were sent, and whose response came.
    pub done: usize,
    /// Number of elements in the list.
    pub total: usize,
}

/// What becomes of a list without elements.
enum WhenEmpty {
    SendNothing,
    /// One request with none of them.
    SendOne,
}

type Callback = Box<dyn FnMut(BatchProgress) + Send>;

type Sending<T> = Pin<Box<dyn Future<Output = Result<T, BatchError>> + Send>>;

impl<T> Batches<T> {
    /// Of a list that may be wrong. The request is made of what is before the batch, by number, and
    /// of the batch.
    pub(crate) fn new<I, B, P>(
        list: Result<Vec<I>, impl Into<Error>>,
        size: usize,
        request: impl Fn(usize, Vec<I>) -> Request<B, P> + Send + 'static,
    ) -> Self
    where
        I: Clone + Send + Sync + 'static,
        B: Batch<Whole = T> + DeserializeOwned,
        P: Parameters + 'static,
    {
        let list = list.map_err(Into::into);
        Self::of(move |callback, when_empty| {
            Box::pin(async move {
                let list = list.map_err(BatchError::before_all)?;
                let batches = match when_empty {
                    WhenEmpty::SendOne if list.is_empty() => vec![list.as_slice()],
                    _ => list.chunks(size).collect(),
                };
                send_all(list.len(), &batches, request, callback).await
            })
        })
    }

    /// What is wrong already, so that nothing is sent.
    pub(crate) fn refused(wrong: Error) -> Self
    where
        T: Send + 'static,
    {
        Self::of(|_, _| Box::pin(std::future::ready(Err(BatchError::before_all(wrong)))))
    }

    fn of(sending: impl FnOnce(Callback, WhenEmpty) -> Sending<T> + Send + 'static) -> Self {
        let callback = Box::new(|_| {});
        Self { sending: Box::new(sending), callback, when_empty: WhenEmpty::SendNothing }
    }

    /// Has an empty list sent as well, by a request with no elements.
    pub(crate) fn also_of_none(self) -> Self {
        Self { when_empty: WhenEmpty::SendOne, ..self }
    }

    /// Has a callback told how far it has come: after every request, and for an empty list once.
    pub fn progress(self, callback: impl FnMut(BatchProgress) + Send + 'static) -> Self {
        Self { callback: Box::new(callback), ..self }
    }

    /// Sends the requests, as `.await` does: a future for `tokio::spawn` and its like.
    ///
    /// # Errors
    ///
    /// See [`BatchError`].
    pub fn send(self) -> impl Future<Output = Result<T, BatchError>> + Send + use<T> {
        (self.sending)(self.callback, self.when_empty)
    }
}

async fn send_all<I: Clone, B, P>(
    total: usize,
    batches: &[&[I]],
    request: impl Fn(usize, Vec<I>) -> Request<B, P>,
    mut callback: Callback,
) -> Result<B::Whole, BatchError>
where
    B: Batch + DeserializeOwned,
    P: Parameters + 'static,
{
    let mut so_far = BatchProgress { done: 0, total };
    let mut responses = Vec::new();
    let login = OneLogin::default();
    for batch in batches {
        let request = request(so_far.done, batch.to_vec());
        let is_write = request.is_write();
        match request.send_for(&login).await {
            Ok(response) => responses.push(response),
            Err(source) => {
                let snapshot = responses.last().and_then(B::snapshot).cloned();
                return Err(BatchError::after(so_far, snapshot, source, is_write));
            }
        }
        so_far.done += batch.len();
        callback(so_far);
    }
    if batches.is_empty() {
        callback(so_far);
    }
    Ok(B::join(responses))
}

/// The response to one batch.
pub(crate) trait Batch: Send + Sized + 'static {
    /// What all of them come to.
    type Whole;

    fn join(batches: Vec<Self>) -> Self::Whole;

    /// The version of the playlist after it, where it is about one.
    fn snapshot(&self) -> Option<&Snapshot> {
        None
    }
}

impl Batch for Snapshot {
    type Whole = Vec<Self>;

    fn join(batches: Vec<Self>) -> Self::Whole {
        batches
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        Some(self)
    }
}

impl Batch for () {
    type Whole = ();

    fn join(_: Vec<Self>) {}
}

impl<V: Send + 'static> Batch for Vec<V> {
    type Whole = Self;

    fn join(batches: Vec<Self>) -> Self {
        batches.into_iter().flatten().collect()
    }
}

impl<T: 'static> IntoFuture for Batches<T> {
    type Output = Result<T, BatchError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        (self.sending)(self.callback, self.when_empty)
    }
}

impl<T> fmt::Debug for Batches<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}
