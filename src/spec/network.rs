//! What the command may reach.

use std::net::IpAddr;
use std::str::FromStr;

use serde::Serialize;

use crate::base::wording::any_of;

/// `--net`: none unless asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkMode {
    None,
    /// Not even its own loopback.
    Closed,
    /// User-mode networking by whichever program is there.
    User,
    Slirp4netns,
    Pasta,
    Host,
}

impl NetworkMode {
    pub const WORDS: [&str; 6] = ["none", "closed", "user", "host", "slirp4netns", "pasta"];
}

impl FromStr for NetworkMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "closed" => Ok(Self::Closed),
            "user" => Ok(Self::User),
            "host" => Ok(Self::Host),
            "slirp4netns" => Ok(Self::Slirp4netns),
            "pasta" => Ok(Self::Pasta),
            _ => Err(format!("`{text}` is not {}", any_of(&Self::WORDS))),
        }
    }
}

/// `--add-host NAME:IP`: a line of /etc/hosts inside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HostEntry {
    pub name: String,
    pub address: IpAddr,
}

impl FromStr for HostEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, address) =
            text.split_once(':').ok_or_else(|| format!("`{text}` is not of the form NAME:IP"))?;
        check_host_name(name)?;
        let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
        let address =
            bare.parse().map_err(|_| format!("`{address}` in `{text}` is not an IP address"))?;
        Ok(Self { name: name.to_owned(), address })
    }
}

/// A name that may stand in /etc/hosts, in resolv.conf or be a host name (hostname(7)): letters,
/// digits, `-`, `.` and `_`, at most 253; a line break in it would write lines of its own.
pub(super) fn check_host_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if name.is_empty() || name.len() > 253 || name.starts_with('-') || !name.chars().all(fits) {
        return Err(format!("`{}` is not a host name", name.escape_debug()));
    }
    Ok(())
}
