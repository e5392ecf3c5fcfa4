//! Who the command shall be: which ids exist inside, and which of them it has.

use std::str::FromStr;

use crate::base::wording::any_of;

/// `--ids`: how many ids exist inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdsMode {
    /// Subordinate ranges when they can be used and are of use, else the own id alone.
    Auto,
    Subids,
    Single,
}

impl FromStr for IdsMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "subids" => Ok(Self::Subids),
            "single" => Ok(Self::Single),
            _ => Err(format!("`{text}` is not {}", any_of(&["auto", "subids", "single"]))),
        }
    }
}

/// `--user UID[:GID]`: ids inside the sandbox, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserWish {
    pub uid: u32,
    pub gid: Option<u32>,
}

impl FromStr for UserWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = |id: &str| match id.parse::<u32>() {
            // 2³²−1 is "no change" to setresuid(2), never an id.
            Ok(u32::MAX) | Err(_) => Err(format!("`{id}` in `{text}` is not a numeric id")),
            Ok(id) => Ok(id),
        };
        match text.split_once(':') {
            None => Ok(Self { uid: id(text)?, gid: None }),
            Some((uid, gid)) => Ok(Self { uid: id(uid)?, gid: Some(id(gid)?) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_numbers() {
        assert_eq!("33".parse(), Ok(UserWish { uid: 33, gid: None }));
        assert_eq!("33:44".parse(), Ok(UserWish { uid: 33, gid: Some(44) }));
        for text in ["", "ada", "33:", "-1", "4294967295", "1:2:3"] {
            assert!(text.parse::<UserWish>().is_err(), "{text}");
        }
    }
}
