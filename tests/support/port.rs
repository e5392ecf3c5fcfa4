//! Ports for the runs of a test. Never of those that the kernel gives away by itself: another
//! test's connection might have one in the moment that it is needed.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below `ip_local_port_range` as kernels have it (ip(7)), and above the well-known ones.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody has just now, for either transport, and that no other test of this program is
/// given.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() % u32::from(COUNT);
    let mut ports = (0..COUNT).map(|_| {
        let place = start + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        FIRST + (place % u32::from(COUNT)) as u16
    });
    ports.find(|port| is_free(*port)).expect("no port is free")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_ok()
        && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
