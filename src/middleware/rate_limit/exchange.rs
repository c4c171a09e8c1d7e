//! Exchanges with the store through which processes share a limit: one after the other, each in a task.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::app::App;
use super::membership::PATIENCE;
use super::shared::{Granted, SharedLimit, Told};

/// Tells and asks until there is nothing more to tell. Without a runtime nothing is told, and the limiter
/// goes on as when there is no response.
pub(super) fn spawn(app: Arc<App>, told: Told) {
    let (Ok(runtime), Some(shared)) = (Handle::try_current(), app.options.shared.clone()) else {
        return;
    };
    runtime.spawn(async move {
        let mut told = Some(told);
        while let Some(news) = told {
            let granted = exchange(&*shared, app.client_id.as_deref(), &news).await;
            told = app.exchanged(granted);
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
