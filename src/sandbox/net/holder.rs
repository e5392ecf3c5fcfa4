//! Who holds a port that could not be had: looked up for the error message alone, so it answers
//! with what it can find and never fails.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::base::Text;
use crate::sys::socket::Transport;
use crate::sys::{file, process};

/// In words: ``held by `nginx` (pid 12)``.
pub(super) fn of(address: SocketAddr, transport: Transport) -> String {
    let holders = sockets_at(address, transport);
    match holders.iter().find_map(|holder| process_with(&holder.inode)) {
        Some((pid, name)) => format!("held by `{name}` (pid {pid})"),
        None if holders.is_empty() => "held by a program that cannot be seen from here".to_owned(),
        None if holders.iter().any(|holder| holder.uid == process::uid().to_string()) => {
            "held by a program of yours that does not let itself be looked into, such as another bryo"
                .to_owned()
        }
        None => "held by another user's program".to_owned(),
    }
}

/// A socket that stands in the way.
#[derive(PartialEq, Debug)]
struct Holder {
    uid: String,
    inode: String,
}

/// Those of the same port and transport.
fn sockets_at(address: SocketAddr, transport: Transport) -> Vec<Holder> {
    let table = match transport {
        Transport::Stream => "tcp",
        Transport::Datagrams => "udp",
    };
    let mut holders = Vec::new();
    for family in ["", "6"] {
        let path = format!("/proc/net/{table}{family}");
        let content = file::read_path(Path::new(&path), 16 << 20).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        let holder = |line| holder_if_bound(line, address.port(), transport);
        holders.extend(content.lines().filter_map(holder));
    }
    holders
}

/// proc_pid_net(5): `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`.
fn holder_if_bound(line: &str, port: u16, transport: Transport) -> Option<Holder> {
    const LISTENING: &str = "0A";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let local = u16::from_str_radix(words.get(1)?.rsplit_once(':')?.1, 16).ok()?;
    let listens = transport == Transport::Datagrams || *words.get(3)? == LISTENING;
    let (uid, inode) = ((*words.get(7)?).to_owned(), (*words.get(9)?).to_owned());
    (local == port && listens && inode != "0").then_some(Holder { uid, inode })
}

/// The first process of ours that has the socket open.
fn process_with(inode: &str) -> Option<(String, Text)> {
    let wanted = PathBuf::from(format!("socket:[{inode}]"));
    let processes = std::fs::read_dir("/proc").ok()?;
    for process in processes.flatten() {
        let pid = process.file_name().to_string_lossy().into_owned();
        if !pid.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let Ok(open) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = |entry: std::fs::DirEntry| {
            file::link_target(&entry.path()).is_ok_and(|target| target == wanted)
        };
        if open.flatten().any(holds) {
            let name = file::read_path(&process.path().join("comm"), 64).unwrap_or_default();
            let name = String::from_utf8_lossy(&name).trim_end().to_owned();
            return Some((pid, Text::from(name)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listener_holds_a_tcp_port() {
        let line = |state: &str| {
            format!(
                "   0: 0100007F:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1001        0 77 1 0"
            )
        };
        let stream = Transport::Stream;
        let holder = || Some(Holder { uid: "1001".to_owned(), inode: "77".to_owned() });
        assert_eq!(holder_if_bound(&line("0A"), 8080, stream), holder());
        assert_eq!(holder_if_bound(&line("01"), 8080, stream), None);
        assert_eq!(holder_if_bound(&line("0A"), 8081, stream), None);
        assert_eq!(holder_if_bound(&line("07"), 8080, Transport::Datagrams), holder());
        assert_eq!(holder_if_bound("sl local_address", 1, stream), None);
    }
}
