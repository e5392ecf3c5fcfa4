//! A published port, as docker users type it: `[IP:]HOST:SANDBOX[/udp]`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// One port of the host that leads to one port of the sandbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publish {
    /// `None`: the loopback addresses, 127.0.0.1 and ::1.
    pub address: Option<IpAddr>,
    pub host: u16,
    pub sandbox: u16,
    pub protocol: Protocol,
}

impl Publish {
    /// The addresses to bind: never more than the loopback unless one was named.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self.address {
            Some(address) => vec![address],
            None => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        }
    }
}

fn port(text: &str, whole: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(0) | Err(_) => Err(format!("`{text}` in `{whole}` is not a port from 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ports, protocol) = match text.rsplit_once('/') {
            None => (text, Protocol::Tcp),
            Some((ports, "tcp")) => (ports, Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some((_, other)) => {
                return Err(format!("`{other}` in `{text}` is neither `tcp` nor `udp`"));
            }
        };
        let (rest, sandbox) = ports.rsplit_once(':').unwrap_or((ports, ports));
        let (address, host) = match rest.rsplit_once(':') {
            None => (None, rest),
            Some((address, host)) => (Some(ip_address(address, text)?), host),
        };
        Ok(Self { address, host: port(host, text)?, sandbox: port(sandbox, text)?, protocol })
    }
}

fn ip_address(text: &str, whole: &str) -> Result<IpAddr, String> {
    if let Some(six) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return six
            .parse::<Ipv6Addr>()
            .map(IpAddr::from)
            .map_err(|_| format!("`{six}` in `{whole}` is not an IPv6 address"));
    }
    text.parse::<Ipv4Addr>().map(IpAddr::from).map_err(|_| {
        format!("`{text}` in `{whole}` is not an IPv4 address (IPv6 goes in brackets: `[::1]`)")
    })
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            None => {}
            Some(IpAddr::V4(four)) => write!(f, "{four}:")?,
            Some(IpAddr::V6(six)) => write!(f, "[{six}]:")?,
        }
        write!(f, "{}:{}", self.host, self.sandbox)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

impl Serialize for Publish {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_docker_users_type() {
        for text in ["8080:80", "53:53/udp", "0.0.0.0:80:8080", "[::1]:8080:80", "[::]:1:2/udp"] {
            assert_eq!(text.parse::<Publish>().map(|p| p.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("80".parse::<Publish>().map(|p| p.to_string()), Ok("80:80".to_owned()));
    }

    #[test]
    fn what_is_no_port_is_named() {
        for (text, word) in [
            ("0:80", "`0`"),
            ("80:65536", "`65536`"),
            ("x:80", "`x`"),
            ("::1:80:80", "brackets"),
            ("1.2.3:1:2", "IPv4"),
            ("80:80/sctp", "`sctp`"),
            ("", "``"),
        ] {
            let error = text.parse::<Publish>().unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = text.parse::<Publish>();
        }

        #[test]
        fn near_misses_are_answered(text in "[\\[\\]0-9a-f:./udp]{0,24}") {
            let _ = text.parse::<Publish>();
        }
    }
}
