//! The host's name servers and host names: /etc/resolv.conf, read for a network that is to work.

use std::net::IpAddr;
use std::path::Path;

use crate::sys::file;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResolverConfig {
    pub servers: Vec<IpAddr>,
    pub search: Vec<String>,
}

impl ResolverConfig {
    pub(super) fn read() -> Self {
        let content = file::read_path(Path::new("/etc/resolv.conf"), 1 << 20).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&content))
    }

    /// resolv.conf(5): the last `search` or `domain` line counts.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut config = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.split('%').next());
                    config.servers.extend(address.and_then(|a| a.parse::<IpAddr>().ok()));
                }
                Some("search" | "domain") => config.search = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn servers_and_search() {
        let config = ResolverConfig::parse(
            "# c\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nsearch a.test b.test\n",
        );
        assert_eq!(config.servers.len(), 2);
        assert_eq!(config.search, ["a.test", "b.test"]);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = ResolverConfig::parse(&text);
        }
    }
}
