//! Lists that are longer than an endpoint takes.

use std::future::IntoFuture;

use crate::error::Error;
use crate::model::IdError;

/// Sends as many requests as it takes, one after the other, and joins what they answer.
///
/// All elements are looked at first: when one is wrong, nothing is sent.
pub(crate) async fn in_batches<E, R, A>(
    list: impl IntoIterator<Item = impl TryInto<E, Error: Into<IdError>>>,
    size: usize,
    request: impl Fn(Vec<E>) -> R,
) -> Result<Vec<A>, Error>
where
    E: Clone,
    R: IntoFuture<Output = Result<A, Error>>,
{
    let list = list.into_iter().map(|each| each.try_into().map_err(|it| Error::Id(it.into())));
    let list = list.collect::<Result<Vec<E>, Error>>()?;
    let mut answers = Vec::new();
    for batch in list.chunks(size) {
        answers.push(request(batch.to_vec()).await?);
    }
    Ok(answers)
}
