//! Lists that are longer than an endpoint takes.

use std::future::IntoFuture;

use super::into_id::IntoIds;
use crate::error::Error;
use crate::model::Snapshot;

/// Sends as many requests as it takes, one after the other, and joins their responses.
///
/// All elements are looked at first: when one is wrong, nothing is sent.
pub(crate) async fn in_batches<T: Clone, R, B>(
    list: impl IntoIds<T>,
    size: usize,
    request: impl Fn(Vec<T>) -> R,
) -> Result<Vec<B>, Error>
where
    R: IntoFuture<Output = Result<B, Error>>,
{
    let list = list.into_ids()?;
    sent(&list, size, request).await.map_err(|(_, error)| error)
}

/// As [`in_batches`], for requests that change something: an error says what was carried out before
/// it.
pub(crate) async fn write_in_batches<T: Clone, R, B>(
    list: impl IntoIds<T>,
    size: usize,
    request: impl Fn(Vec<T>) -> R,
    snapshots: fn(Vec<B>) -> Vec<Snapshot>,
) -> Result<Vec<B>, Error>
where
    R: IntoFuture<Output = Result<B, Error>>,
{
    write_all(&list.into_ids()?, size, request, snapshots).await
}

/// The same for a list that is right.
pub(crate) async fn write_all<T: Clone, R, B>(
    list: &[T],
    size: usize,
    request: impl Fn(Vec<T>) -> R,
    snapshots: fn(Vec<B>) -> Vec<Snapshot>,
) -> Result<Vec<B>, Error>
where
    R: IntoFuture<Output = Result<B, Error>>,
{
    sent(list, size, request).await.map_err(|(responses, source)| match responses.len() * size {
        0 => source,
        carried_out => {
            let snapshots = snapshots(responses);
            let source = Box::new(source);
            Error::PartlyCarriedOut { carried_out, snapshots, source }
        }
    })
}

/// The responses; with an error, those before it.
async fn sent<T: Clone, R, B>(
    list: &[T],
    size: usize,
    request: impl Fn(Vec<T>) -> R,
) -> Result<Vec<B>, (Vec<B>, Error)>
where
    R: IntoFuture<Output = Result<B, Error>>,
{
    let mut responses = Vec::new();
    for batch in list.chunks(size) {
        match request(batch.to_vec()).await {
            Ok(response) => responses.push(response),
            Err(error) => return Err((responses, error)),
        }
    }
    Ok(responses)
}
