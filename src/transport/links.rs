//! The connections that one runtime drives.
//!
//! What a runtime has made is read and written by its tasks. Once it ends, what others have under way on
//! it fails, and while nobody drives it, as between two `block_on` of one thread, they wait. So a
//! connection is used by the runtime that made it, and by no other.

use std::sync::Arc;

use arc_swap::ArcSwap;
use reqwest::Url;
use tokio::runtime::{Handle, Id};
use tokio::sync::watch;

use super::clients::{Clients, Traffic};
use super::lane::Lane;
use super::listening::Listening;

/// The connections of all runtimes.
pub(super) struct AllLinks {
    clients: Arc<Clients>,
    /// One for each runtime that has not ended.
    of_runtimes: ArcSwap<Vec<Arc<Links>>>,
}

/// The connections of one runtime.
pub(super) struct Links {
    runtime: Option<Runtime>,
    clients: Arc<Clients>,
    /// One for each server and traffic; a few.
    lanes: ArcSwap<Vec<Arc<Lane>>>,
    listening: Listening,
}

/// A runtime, until it ends: another may get its ID then.
struct Runtime {
    id: Id,
    /// The sender is a task's of the runtime, and goes with it.
    end: watch::Receiver<()>,
}

impl Runtime {
    fn of(handle: &Handle) -> Self {
        let (sender, end) = watch::channel(());
        handle.spawn(async move { sender.closed().await });
        Self { id: handle.id(), end }
    }

    fn has_ended(&self) -> bool {
        self.end.has_changed().is_err()
    }
}

impl AllLinks {
    pub(super) fn new(clients: Clients) -> Self {
        Self { clients: Arc::new(clients), of_runtimes: ArcSwap::default() }
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Those of the runtime that this is called on.
    pub(super) fn of_this_runtime(&self) -> Arc<Links> {
        let handle = Handle::try_current().ok();
        let id = handle.as_ref().map(Handle::id);
        let known = |all: &Vec<Arc<Links>>| {
            all.iter().find(|links| links.runtime_id() == id && !links.are_over()).cloned()
        };
        if let Some(links) = known(&self.of_runtimes.load()) {
            return links;
        }
        let new = Arc::new(Links {
            runtime: handle.as_ref().map(Runtime::of),
            clients: Arc::clone(&self.clients),
            lanes: ArcSwap::default(),
            listening: Listening::new(),
        });
        self.of_runtimes.rcu(|all| match known(all) {
            Some(_) => Vec::clone(all),
            None => all.iter().filter(|links| !links.are_over()).chain([&new]).cloned().collect(),
        });
        // Another thread of the runtime may have come first.
        known(&self.of_runtimes.load()).unwrap_or(new)
    }
}

impl Links {
    fn runtime_id(&self) -> Option<Id> {
        self.runtime.as_ref().map(|runtime| runtime.id)
    }

    fn are_over(&self) -> bool {
        self.runtime.as_ref().is_some_and(Runtime::has_ended)
    }

    /// After a pause, returns when the runtime has heard which connections were closed meanwhile.
    pub(super) async fn listen(&self) {
        if self.listening.note() {
            self.lanes.load().iter().for_each(|lane| lane.replace_all());
        }
        self.listening.listen().await;
    }

    /// Where each request has a connection of its own, writes need none apart.
    pub(super) fn lane(&self, url: &Url, traffic: Traffic) -> Arc<Lane> {
        match traffic {
            Traffic::Reads | Traffic::TokenRequests => self.lane_of(url, traffic),
            Traffic::Writes => {
                let of_reads = self.lane_of(url, Traffic::Reads);
                if of_reads.may_share() { self.lane_of(url, traffic) } else { of_reads }
            }
        }
    }

    fn lane_of(&self, url: &Url, traffic: Traffic) -> Arc<Lane> {
        let leads = |lane: &&Arc<Lane>| lane.leads_to(url, traffic);
        let known = |lanes: &Vec<Arc<Lane>>| lanes.iter().find(leads).cloned();
        if let Some(lane) = known(&self.lanes.load()) {
            return lane;
        }
        let clients = Arc::clone(&self.clients);
        let lane = Arc::new(Lane::to(url, traffic, self.runtime_id(), clients));
        self.lanes.rcu(|lanes| match known(lanes) {
            Some(_) => Vec::clone(lanes),
            None => lanes.iter().chain([&lane]).cloned().collect(),
        });
        // Another may have come first.
        known(&self.lanes.load()).unwrap_or(lane)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use reqwest::Client;
    use tokio::runtime;

    use super::*;

    fn links() -> AllLinks {
        AllLinks::new(Clients::made_by(Box::new(|_, _| Client::builder().build())).unwrap())
    }

    fn runtime() -> runtime::Runtime {
        runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn each_runtime_has_connections_of_its_own() {
        let links = links();
        let of = |runtime: &runtime::Runtime| runtime.block_on(async { links.of_this_runtime() });
        let (one, other) = (runtime(), runtime());
        let (of_one, of_other) = (of(&one), of(&other));
        assert!(!Arc::ptr_eq(&of_one, &of_other));
        for _ in 0..3 {
            assert!(Arc::ptr_eq(&of_one, &of(&one)));
            assert!(Arc::ptr_eq(&of_other, &of(&other)));
        }
        let _guard = one.enter();
        assert!(Arc::ptr_eq(&of_one, &links.of_this_runtime()));
    }

    #[test]
    fn what_a_runtime_had_goes_with_it() {
        let links = links();
        let lasting = runtime();
        let of_lasting = lasting.block_on(async { links.of_this_runtime() });
        for _ in 0..1000 {
            runtime().block_on(async { links.of_this_runtime() });
            assert!(links.of_runtimes.load().len() <= 2);
        }
        assert!(Arc::ptr_eq(&of_lasting, &lasting.block_on(async { links.of_this_runtime() })));
    }

    #[test]
    fn a_client_leaves_no_task_behind() {
        let runtime = runtime();
        let tasks = || runtime.handle().metrics().num_alive_tasks();
        let links = links();
        runtime.block_on(async { links.of_this_runtime() });
        assert_eq!(tasks(), 1);

        drop(links);

        runtime.block_on(tokio::task::yield_now());
        assert_eq!(tasks(), 0);
    }
}
