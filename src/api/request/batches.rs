//! Lists that are longer than an endpoint takes.

use std::future::IntoFuture;

use super::into_id::IntoIds;
use crate::error::Error;

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
    let mut responses = Vec::new();
    for batch in list.chunks(size) {
        responses.push(request(batch.to_vec()).await?);
    }
    Ok(responses)
}
