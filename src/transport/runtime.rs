//! The runtime that requests are sent from.

use std::cell::Cell;
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::catch_unwind;
use std::time::Duration;

use tokio::runtime::{Handle, Id};

/// Whether requests can be sent from here: from within a tokio runtime with IO and time enabled.
/// Elsewhere the HTTP client panics.
pub(crate) fn can_send() -> bool {
    let Ok(runtime) = Handle::try_current() else { return false };
    let id = Some(runtime.id());
    let is_known = USABLE.get() == id;
    if !is_known && has_drivers() {
        USABLE.set(id);
    }
    USABLE.get() == id
}

/// Tokio tells by a panic alone what a runtime lacks.
fn has_drivers() -> bool {
    let probe = || {
        drop(tokio::time::sleep(Duration::ZERO));
        // Where no socket can be bound, the request itself says what is wrong.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok();
        if let Some(socket) = socket.filter(|socket| socket.set_nonblocking(true).is_ok()) {
            drop(tokio::net::UdpSocket::from_std(socket));
        }
    };
    catch_unwind(probe).is_ok()
}

thread_local! {
    /// The runtime that this thread found usable last, so that only the first call on it probes.
    static USABLE: Cell<Option<Id>> = const { Cell::new(None) };
}
