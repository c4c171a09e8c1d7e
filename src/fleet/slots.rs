//! Which master of a cluster has which slot.

use std::collections::HashMap;
use std::sync::Arc;

use redis::cluster_routing::Slot;
use redis::{Pipeline, Value};

use super::live::To;
use super::returned::read_plain;
use super::server::Server;

/// Of each slot the first one that its master has; of none where the cluster does not tell.
pub(super) async fn owners(server: &Arc<Server>) -> HashMap<Slot, Slot> {
    let mut commands = Pipeline::new();
    commands.cmd("CLUSTER").arg("SLOTS");
    let values = server.pipeline(&commands, To::Any).await.unwrap_or_default();
    values.into_iter().next().map(owners_in).unwrap_or_default()
}

/// From what a cluster says of its slots: first, last, and the master with its port and its id.
fn owners_in(slots: Value) -> HashMap<Slot, Slot> {
    let mut owners = HashMap::new();
    let mut first_slots = HashMap::new();
    let Value::Array(ranges) = slots else { return owners };
    for range in ranges {
        let Value::Array(mut parts) = range else { continue };
        parts.truncate(3);
        let Ok([first, last, master]) = <[Value; 3]>::try_from(parts) else { continue };
        let (Ok(first), Ok(last)) = (read_plain::<u16>(first), read_plain::<u16>(last)) else {
            continue;
        };
        let Some(start) = Slot::new(first) else { continue };
        let owner = *first_slots.entry(format!("{master:?}")).or_insert(start);
        owners.extend((first..=last).filter_map(Slot::new).map(|slot| (slot, owner)));
    }
    owners
}
