//! What the sandbox may use up.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::base::size::Size;
use crate::base::wording::any_of;

/// `--cpus`: processor time, in thousandths of a processor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Cpus(pub u32);

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a number of processors, such as `2` or `1.5`");
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || part.len() > 3 {
            return Err(wrong());
        }
        let whole: u32 = whole.parse().map_err(|_| wrong())?;
        let part: u32 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
        match whole.checked_mul(1000).and_then(|whole| whole.checked_add(part)) {
            // The kernel takes no quota under a millisecond of its period of 100 (cgroups(7)).
            Some(thousandths) if thousandths < 10 => {
                Err(format!("`{text}` is less than the kernel can hold: 0.01"))
            }
            Some(thousandths) => Ok(Self(thousandths)),
            None => Err(wrong()),
        }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1000, self.0 % 1000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{part:03}").trim_end_matches('0'))
    }
}

/// `--cpu-weight` and `--io-weight`: a share, 100 being that of all others (cgroups(7)).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Weight(pub u32);

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(weight @ 1..=10_000) => Ok(Self(weight)),
            _ => Err(format!("`{text}` is not a weight from 1 to 10000")),
        }
    }
}

/// `--pids`: processes and threads together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Pids(pub u32);

impl FromStr for Pids {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(0) | Err(_) => Err(format!("`{text}` is not a number of processes")),
            Ok(number) => Ok(Self(number)),
        }
    }
}

/// `--io-max PATH:rbps=10M,wiops=100`: bounds of the disk that holds PATH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IoMax {
    pub path: crate::base::Text,
    pub bounds: Vec<(IoBound, u64)>,
}

/// One bound of io.max, as the kernel spells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IoBound {
    /// Bytes read in a second.
    Rbps,
    /// Bytes written in a second.
    Wbps,
    /// Reads in a second.
    Riops,
    /// Writes in a second.
    Wiops,
}

impl IoBound {
    pub const ALL: [(Self, &str); 4] = [
        (Self::Rbps, "rbps"),
        (Self::Wbps, "wbps"),
        (Self::Riops, "riops"),
        (Self::Wiops, "wiops"),
    ];
}

impl FromStr for IoMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not PATH:rbps=SIZE,wbps=SIZE,riops=N,wiops=N");
        let (path, bounds) = text.rsplit_once(':').ok_or_else(wrong)?;
        if path.is_empty() || bounds.is_empty() {
            return Err(wrong());
        }
        let bound = |text: &str| {
            let (name, value) = text.split_once('=').ok_or_else(wrong)?;
            let (bound, _) =
                IoBound::ALL.into_iter().find(|(_, known)| *known == name).ok_or_else(|| {
                    format!("`{name}` is not {}", any_of(&IoBound::ALL.map(|(_, name)| name)))
                })?;
            let value = match bound {
                IoBound::Rbps | IoBound::Wbps => value.parse::<Size>()?.0,
                IoBound::Riops | IoBound::Wiops => value.parse().map_err(|_| wrong())?,
            };
            if value == 0 {
                return Err(format!("`{name}=0` would let nothing through"));
            }
            Ok((bound, value))
        };
        let bounds = bounds.split(',').map(bound).collect::<Result<_, _>>()?;
        Ok(Self { path: path.into(), bounds })
    }
}

/// `--rlimit NAME=SOFT[:HARD]`: a resource limit (getrlimit(2)); `None` is no bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Rlimit {
    pub resource: &'static str,
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

impl Rlimit {
    /// The names of getrlimit(2), in small letters. Of `nproc` there is `--pids`, of `as` and
    /// `data` there is `--memory`; they may be set all the same.
    pub const RESOURCES: [&str; 16] = [
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
}

impl FromStr for Rlimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not NAME=SOFT[:HARD], such as `nofile=1024`"))?;
        let small = name.to_ascii_lowercase();
        let resource = Self::RESOURCES
            .into_iter()
            .find(|known| *known == small)
            .ok_or_else(|| format!("`{name}` is not {}", any_of(&Self::RESOURCES)))?;
        let bound = |text: &str| match text {
            "unlimited" | "infinity" => Ok(None),
            _ => text.parse::<Size>().map(|size| Some(size.0)).map_err(|_| {
                format!("`{text}` in `{name}={value}` is neither a number nor `unlimited`")
            }),
        };
        let (soft, hard) = match value.split_once(':') {
            Some((soft, hard)) => (bound(soft)?, bound(hard)?),
            None => (bound(value)?, bound(value)?),
        };
        if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
            return Err(format!("in `{text}` the soft limit is above the hard one"));
        }
        Ok(Self { resource, soft, hard })
    }
}

/// `--require`: what must be had in full, or the run fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requirement {
    /// Limits that the kernel holds.
    Limits,
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "limits" => Ok(Self::Limits),
            _ => Err(format!("`{text}` is not `limits`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn processors_may_be_parts_of_one() {
        assert_eq!("1.5".parse(), Ok(Cpus(1500)));
        assert_eq!("2".parse(), Ok(Cpus(2000)));
        assert_eq!("0.01".parse(), Ok(Cpus(10)));
        for text in ["", "0", "0.001", "1.", ".5", "-1", "1e3", "1.2345", "99999999"] {
            assert!(text.parse::<Cpus>().is_err(), "{text}");
        }
        assert_eq!(Cpus(1500).to_string(), "1.5");
    }

    #[test]
    fn bounds_of_a_disk_have_names() {
        let wish: IoMax = "/home:rbps=10M,wiops=100".parse().unwrap();
        assert_eq!(wish.bounds, [(IoBound::Rbps, 10 << 20), (IoBound::Wiops, 100)]);
        for text in ["/home", "/home:", ":rbps=1", "/home:rbps", "/home:speed=1", "/home:rbps=0"] {
            assert!(text.parse::<IoMax>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_resource_limit_is_soft_and_hard() {
        let both = Rlimit { resource: "nofile", soft: Some(1024), hard: Some(1024) };
        assert_eq!("nofile=1024".parse(), Ok(both));
        assert_eq!("NOFILE=1024:4k".parse(), Ok(Rlimit { hard: Some(4096), ..both }));
        assert_eq!(
            "core=unlimited".parse(),
            Ok(Rlimit { resource: "core", soft: None, hard: None })
        );
        for text in ["nofile", "files=3", "nofile=", "nofile=9:3", "nofile=unlimited:3"] {
            assert!(text.parse::<Rlimit>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = (text.parse::<Cpus>(), text.parse::<IoMax>(), text.parse::<Rlimit>());
        }
    }
}
