//! What loopback is: this machine, which is reached by no proxy, and in the clear.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether a URL leads to this machine, however that is spelled.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_loopback_v4(address),
        Some(Host::Ipv6(address)) => is_loopback_v6(address),
        Some(Host::Domain(name)) => name.strip_suffix('.').unwrap_or(name) == "localhost",
        None => false,
    }
}

/// The unspecified address is, as a destination, this machine.
fn is_loopback_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

fn is_loopback_v6(address: Ipv6Addr) -> bool {
    let is_own = address.is_loopback() || address.is_unspecified();
    is_own || address.to_ipv4_mapped().is_some_and(is_loopback_v4)
}

/// The same as exceptions from a proxy, for the HTTP client, and the names below `localhost`: a
/// resolver should take them for this machine too, but some ask others, so that nothing is sent to
/// them in the clear.
pub(super) const WITHOUT_PROXY: &str =
    "localhost,localhost.,127.0.0.0/8,0.0.0.0,::1,::,::ffff:7f00:0/104,::ffff:0:0";
