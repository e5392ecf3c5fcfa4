//! The files of /etc that bryo writes itself: accounts, hosts, resolver.

use std::fmt::Write;
use std::net::IpAddr;

use crate::base::{BoxPath, Text};
use crate::host::{Host, account_in, knows_group};
use crate::plan::{Identity, Layer, Link, Network, Step};
use crate::spec::Spec;

/// The written files, and in a rootfs only those that its own must give way to.
pub(super) fn write(
    spec: &Spec,
    host: &Host,
    identity: &Identity,
    network: &Network,
    hostname: &str,
) -> Vec<Step> {
    let mut files = vec![
        ("/etc/hosts", hosts(spec, hostname)),
        ("/etc/hostname", format!("{hostname}\n")),
        ("/etc/resolv.conf", resolv_conf(spec, host, network)),
    ];
    if spec.rootfs.is_none() {
        files.push(("/etc/passwd", passwd(host, identity)));
        files.push(("/etc/group", group(host, identity)));
        files.push(("/etc/nsswitch.conf", NSSWITCH.to_owned()));
    } else {
        files.extend(extended_passwd(host, identity).map(|passwd| ("/etc/passwd", passwd)));
        files.extend(extended_group(host, identity).map(|group| ("/etc/group", group)));
    }
    files.into_iter().map(step).collect()
}

fn step((path, content): (&'static str, String)) -> Step {
    Step {
        at: BoxPath::fixed(path),
        layer: Layer::Written { content: Text::from(content) },
        origin: "default".to_owned(),
    }
}

/// Accounts come from the files here: a site's own sources are not reachable from inside.
const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\nethers: files\nrpc: files\n";

fn passwd(host: &Host, identity: &Identity) -> String {
    let mut text = String::new();
    let mut line = |name: &str, uid: u32, gid: u32, home: &dyn std::fmt::Display, shell: &str| {
        let _ = writeln!(text, "{name}:x:{uid}:{gid}:{name}:{home}:{shell}");
    };
    let shell = Text::to_string(&host.account.shell);
    if identity.uid != 0 {
        line("root", 0, 0, &"/root", "/bin/sh");
    }
    line(&identity.name, identity.uid, identity.gid, &identity.home, &shell);
    if identity.uid != host.account.uid && identity.uid != 0 {
        line(&host.account.name, host.account.uid, host.account.gid, &identity.home, &shell);
    }
    line("nobody", 65_534, 65_534, &"/nonexistent", "/usr/sbin/nologin");
    text
}

fn group(host: &Host, identity: &Identity) -> String {
    let mut text = String::new();
    if identity.gid != 0 {
        text.push_str("root:x:0:\n");
    }
    let _ = writeln!(text, "{}:x:{}:", group_of(host, identity), identity.gid);
    if identity.gid != 5 {
        text.push_str("tty:x:5:\n");
    }
    text.push_str("nogroup:x:65534:\n");
    text
}

/// A rootfs's own accounts and the user, if it does not know them.
fn extended_passwd(host: &Host, identity: &Identity) -> Option<String> {
    let own = host.rootfs_passwd.as_deref().unwrap_or_default();
    if account_in(own, identity.uid).is_some() {
        return None;
    }
    let mut text = with_last_line_ended(own);
    let Identity { name, uid, gid, home, .. } = identity;
    let _ = writeln!(text, "{name}:x:{uid}:{gid}:{name}:{home}:/bin/sh");
    Some(text)
}

/// A rootfs's own groups and the user's, if it does not know it.
fn extended_group(host: &Host, identity: &Identity) -> Option<String> {
    let own = host.rootfs_group.as_deref().unwrap_or_default();
    if knows_group(own, identity.gid) {
        return None;
    }
    let mut text = with_last_line_ended(own);
    let _ = writeln!(text, "{}:x:{}:", group_of(host, identity), identity.gid);
    Some(text)
}

fn with_last_line_ended(content: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(content).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// What the user's group is called.
fn group_of(host: &Host, identity: &Identity) -> String {
    match identity.gid {
        0 => "root".to_owned(),
        gid if gid == host.account.gid => host.account.group_name.clone(),
        _ => identity.name.clone(),
    }
}

fn hosts(spec: &Spec, hostname: &str) -> String {
    let mut text = format!(
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 {hostname}\n"
    );
    for entry in &spec.add_host {
        let _ = writeln!(text, "{} {}", entry.value.address, entry.value.name);
    }
    text
}

/// Name servers that can be reached from inside: those asked for; in user mode the driver's own,
/// which asks the host's (also one on the host's loopback, such as systemd-resolved's 127.0.0.53,
/// that the sandbox itself could never reach); with the host's network the host's own.
fn resolv_conf(spec: &Spec, host: &Host, network: &Network) -> String {
    let asked: Vec<IpAddr> = spec.dns.iter().map(|dns| dns.value).collect();
    let servers = match &network.link {
        Link::None | Link::Closed => Vec::new(),
        _ if !asked.is_empty() => asked,
        Link::User { driver, .. } => vec![driver.name_server(&host.resolver.servers)],
        Link::Host => host.resolver.servers.clone(),
    };
    let search: Vec<String> = match &network.link {
        Link::None | Link::Closed => Vec::new(),
        _ if !spec.dns_search.is_empty() => {
            spec.dns_search.iter().map(|domain| domain.value.clone()).collect()
        }
        _ => host.resolver.search.clone(),
    };
    let mut text = String::new();
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !search.is_empty() {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::plan::NetworkDriver;

    #[test]
    fn a_host_that_asks_by_ipv6_only_is_asked_at_the_address_for_it() {
        let six: IpAddr = "2001:db8::53".parse().unwrap();
        let four: IpAddr = "127.0.0.53".parse().unwrap();
        let server =
            |of_host: &[IpAddr]| NetworkDriver::Slirp4netns.name_server(of_host).to_string();
        assert_eq!(server(&[six]), "fd00::3");
        assert_eq!(server(&[six, four]), "10.0.2.3");
        assert_eq!(server(&[]), "10.0.2.3");
    }
}
