//! Where things lie: the directories of the XDG base directory specification, and the `BRYO_*`
//! variables that override them.

use std::ffi::OsString;
use std::path::Path;

use crate::base::{Error, HostPath, Result, Text};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directories {
    /// The user's own policies.
    pub config: HostPath,
    /// What lasts.
    pub data: HostPath,
}

impl Directories {
    /// As the environment says, else below `home`.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>, home: &HostPath) -> Result<Self> {
        let one = |own: &str, xdg: &str, below_home: &str| match variable(own) {
            Some(path) if Path::new(&path).is_absolute() => Ok(HostPath::absolute(path)),
            Some(path) => Err(Error::new(format!(
                "cannot use the directory `{}` of `{own}`: it is not an absolute path",
                Text::from(path)
            ))),
            // The specification has relative paths ignored.
            None => Ok(variable(xdg)
                .filter(|path| Path::new(path).is_absolute())
                .map_or_else(|| home.join(below_home), HostPath::absolute)
                .join("bryo")),
        };
        Ok(Self {
            config: one("BRYO_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")?,
            data: one("BRYO_DATA_DIR", "XDG_DATA_HOME", ".local/share")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(variables: &[(&str, &str)]) -> Result<Directories> {
        let find = |name: &str| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        };
        Directories::of(find, &HostPath::absolute("/home/ada"))
    }

    #[test]
    fn own_variables_win_over_those_of_xdg_over_the_home() {
        let data = |variables| directories(variables).unwrap().data.to_string();
        assert_eq!(data(&[]), "/home/ada/.local/share/bryo");
        assert_eq!(data(&[("XDG_DATA_HOME", "/d")]), "/d/bryo");
        assert_eq!(data(&[("XDG_DATA_HOME", "d")]), "/home/ada/.local/share/bryo");
        assert_eq!(data(&[("XDG_DATA_HOME", "/d"), ("BRYO_DATA_DIR", "/b")]), "/b");
        assert_eq!(directories(&[]).unwrap().config.to_string(), "/home/ada/.config/bryo");
    }

    #[test]
    fn a_relative_directory_is_refused() {
        assert_eq!(
            directories(&[("BRYO_DATA_DIR", "x")]).unwrap_err().to_string(),
            "cannot use the directory `x` of `BRYO_DATA_DIR`: it is not an absolute path"
        );
    }
}
