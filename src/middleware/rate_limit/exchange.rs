//! Exchanges with the store through which processes share a limit: one after the other, each in a task.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::membership::PATIENCE;
use super::shared::{Granted, SharedLimit, Told};

/// Tells and asks until there is nothing more to tell: `hear` takes what came of it, and says what is next.
/// Without a runtime nothing is told, and the limiter goes on as when there is no response.
pub(super) fn spawn(
    shared: Arc<dyn SharedLimit>,
    client_id: Option<String>,
    told: Told,
    hear: impl Fn(Option<Granted>) -> Option<Told> + Send + 'static,
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

async fn exchange(shared: &dyn SharedLimit, app: Option<&str>, told: &Told) -> Option<Granted> {
    let patience = Duration::from_secs_f64(PATIENCE);
    match tokio::time::timeout(patience, shared.exchange(app, told)).await {
        Ok(Ok(granted)) => Some(granted),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no shared limit");
            None
        }
        Err(_) => None,
    }
}
