//! Which apps a limiter knows, and what is done to all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::Mutex;

use super::RateLimitOptions;
use super::app::App;
use super::endpoint::EndpointName;
use super::stats::Closing;
use super::untold::Untold;

/// What all apps share.
pub(super) struct Registry {
    pub(super) options: RateLimitOptions,
    /// What was done to all apps by hand, for those that come later. No request passes it.
    all: Arc<App>,
    apps: Mutex<Apps>,
    users: AtomicU64,
}

/// By their client ids.
struct Apps {
    known: HashMap<Option<String>, Arc<App>>,
    /// The number of them at which those are looked for that nobody needs.
    most: usize,
}

impl Registry {
    pub(super) fn new(options: RateLimitOptions) -> Self {
        let all = Arc::new(App::of_all(options.clone()));
        let known = HashMap::from([(None, Arc::new(App::new(None, options.clone())))]);
        let apps = Mutex::new(Apps { known, most: MOST_UNUSED_APPS });
        Self { options, all, apps, users: AtomicU64::new(BY_HAND + 1) }
    }

    /// A number that no user had before.
    pub(super) fn next_user(&self) -> u64 {
        self.users.fetch_add(1, Ordering::Relaxed)
    }

    /// The app with this client id, which is made if it is new.
    pub(super) fn app(&self, client_id: Option<&str>) -> Arc<App> {
        let apps = &mut *self.apps.lock();
        let client_id = client_id.map(str::to_owned);
        if apps.known.len() >= apps.most && !apps.known.contains_key(&client_id) {
            let of_all = self.all.closings();
            apps.known.retain(|_, app| Arc::strong_count(app) > 1 || app.has_learnt(&of_all));
            // Those that are left are looked at again when there are twice as many.
            apps.most = (2 * apps.known.len()).max(MOST_UNUSED_APPS);
        }
        let new = || {
            let app = Arc::new(App::new(client_id.clone(), self.options.clone()));
            self.all.closings().iter().for_each(|closing| {
                // Nobody waits yet.
                drop(app.restore(closing));
                let name = closing.endpoint.as_deref().and_then(EndpointName::of);
                app.keep_quiet(name.map(|name| name.key));
            });
            app
        };
        Arc::clone(apps.known.entry(client_id.clone()).or_insert_with(new))
    }

    pub(super) fn known(&self) -> Vec<Arc<App>> {
        self.apps.lock().known.values().cloned().collect()
    }

    /// What was closed by hand for all apps.
    pub(super) fn closings_of_all(&self) -> Vec<Closing> {
        self.all.closings()
    }

    /// Tells once what was closed for all apps. One that it is not told of by that, since it had
    /// been reopened, is told of by itself.
    pub(super) fn announce(&self, endpoint: Option<u64>) {
        let of_all = self.all.closing_of(endpoint).filter(|_| self.all.announce(endpoint));
        let is_told = |own: &Closing| of_all.as_ref().is_some_and(|of_all| own.covers(of_all));
        for app in self.known() {
            match app.closing_of(endpoint).as_ref().is_some_and(is_told) {
                true => app.keep_quiet(endpoint),
                false => {
                    app.announce(endpoint);
                }
            }
        }
    }

    /// Does something to all apps, and to those that come later.
    pub(super) fn for_all(&self, act: impl Fn(&App) -> Untold) {
        let apps = self.apps.lock();
        let untold: Vec<_> = apps.known.values().chain([&self.all]).map(|app| act(app)).collect();
        drop(apps);
        drop(untold);
    }

    #[cfg(test)]
    pub(super) fn is_locked(&self) -> bool {
        self.apps.is_locked()
    }
}

const MOST_UNUSED_APPS: usize = 256;

/// Stands in place of a user in a limiter that was made by hand.
pub(super) const BY_HAND: u64 = 0;
