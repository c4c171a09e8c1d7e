//! Exchanges with the store through which processes share a limit: one after the other, each in a
//! task.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;

use super::membership::PATIENCE;
use super::shared::{Granted, SharedLimit, SharedLimitError, Told};

/// Tells and asks until there is nothing more to tell: `hear` takes what came of it, and says what
/// is next. Without a runtime nothing is told, and the limiter goes on as when there is no
/// response.
pub(super) fn spawn(
    shared: Arc<dyn SharedLimit>,
    client_id: Option<String>,
    told: Told,
    hear: impl Fn(Result<Granted, SharedLimitError>) -> Option<Told> + Send + 'static,
) {
    let Ok(runtime) = Handle::try_current() else { return };
    runtime.spawn(async move {
        let mut told = Some(told);
        while let Some(news) = told {
            let granted = exchange(&*shared, client_id.as_deref(), &news).await;
            told = hear(granted);
        }
    });
}

async fn exchange(
    shared: &dyn SharedLimit,
    app: Option<&str>,
    told: &Told,
) -> Result<Granted, SharedLimitError> {
    let patience = Duration::from_secs_f64(PATIENCE);
    let exchanged = guarded(async { shared.exchange(app, told).await });
    let exchanged = tokio::time::timeout(patience, exchanged).await;
    exchanged.unwrap_or_else(|_| {
        Err(SharedLimitError::new(format!("no response within {} ms", patience.as_millis())))
    })
}

/// A store is user code: that it panics is its failure, and is told as one.
async fn guarded(
    exchange: impl Future<Output = Result<Granted, SharedLimitError>>,
) -> Result<Granted, SharedLimitError> {
    let mut exchange = pin!(exchange);
    poll_fn(|context| {
        let polled = AssertUnwindSafe(|| exchange.as_mut().poll(context));
        catch_unwind(polled).unwrap_or_else(|panic| {
            // What a panic carries may panic when it is dropped.
            std::mem::forget(panic);
            Poll::Ready(Err(SharedLimitError::new("the exchange panicked")))
        })
    })
    .await
}
