//! The runtime that futures are polled on.

use std::cell::Cell;
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::catch_unwind;
use std::time::Duration;

use tokio::runtime::{Handle, Id};

/// Whether requests can be sent from here: from within a tokio runtime with IO and time enabled.
/// Elsewhere the HTTP client panics.
pub(crate) fn can_send() -> bool {
    is_usable(&CAN_SEND, || has_time() && has_io())
}

/// Whether time limits can be set from here: from within a tokio runtime with time enabled.
pub(crate) fn can_wait() -> bool {
    is_usable(&CAN_WAIT, has_time)
}

/// Whether this is a runtime on which nothing can be connected.
pub(crate) fn lacks_io() -> bool {
    Handle::try_current().is_ok() && !has_io()
}

/// To be waited for where something fails without anything having been waited for, as what is known to fail
/// does: who tries again and again would keep everybody else of its thread from running.
pub(crate) async fn leave_turn() {
    if Handle::try_current().is_ok() {
        tokio::task::yield_now().await;
    }
}

fn is_usable(last: &'static LocalId, probe: impl Fn() -> bool) -> bool {
    let Ok(runtime) = Handle::try_current() else { return false };
    let id = Some(runtime.id());
    let is_known = last.get() == id;
    if !is_known && probe() {
        last.set(id);
    }
    last.get() == id
}

// Tokio tells what a runtime lacks by a panic alone: every way to its drivers ends in an `expect`.
// So where something is missing, the panic hook runs, which prints what to enable, and nothing else
// happens. Where there is no runtime at all, nobody gets so far.

fn has_time() -> bool {
    catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok()
}

fn has_io() -> bool {
    let probe = || {
        // Where no socket can be bound, the request itself says what is wrong.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok();
        if let Some(socket) = socket.filter(|socket| socket.set_nonblocking(true).is_ok()) {
            drop(tokio::net::UdpSocket::from_std(socket));
        }
    };
    catch_unwind(probe).is_ok()
}

type LocalId = std::thread::LocalKey<Cell<Option<Id>>>;

// The runtime that this thread found usable last, so that only the first call on it probes. One
// that was not is probed again: another may get its id.
thread_local! {
    static CAN_SEND: Cell<Option<Id>> = const { Cell::new(None) };
    static CAN_WAIT: Cell<Option<Id>> = const { Cell::new(None) };
}
