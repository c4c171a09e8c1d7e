//! Exchanges with the store through which processes share a limit: one after the other, each in a
//! task.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;

use super::app::App;
use super::membership::{Exchange, PATIENCE};
use super::shared::{Granted, SharedLimit, SharedLimitError, Told};

/// Tells and asks until there is nothing more to tell. What is told is found out when the task
/// runs, which may be much later. Without a runtime nothing is told, and the limiter goes on as
/// when there is no response.
pub(super) fn spawn(app: Arc<App>, shared: Arc<dyn SharedLimit>, first: Exchange) {
    let Ok(runtime) = Handle::try_current() else { return };
    runtime.spawn(async move {
        let mut next = app.send(first);
        while let Some((exchange, told)) = next {
            let granted = tell(&*shared, app.client_id.as_deref(), &told).await;
            next = app.exchanged(exchange, granted);
            app.announce(None);
        }
    });
}

async fn tell(
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
