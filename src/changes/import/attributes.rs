//! Extended attributes that a tar asks for: those a user may set, and none by which an overlay
//! driver would take a file for something else.

use std::os::fd::BorrowedFd;

use crate::base::Result;
use crate::changes::apply::transfer::own_attributes;
use crate::changes::dialect::Dialect;
use crate::store::outsider;
use crate::sys::{Errno, entry};

pub(super) type Attributes = Vec<(String, Vec<u8>)>;

const ACCESS_LIST: &str = "system.posix_acl_access";
const DEFAULT_LIST: &str = "system.posix_acl_default";

/// Those that are kept.
pub(super) fn kept(
    asked: &[(Vec<u8>, Vec<u8>)],
    is_directory: bool,
    remark: &mut dyn FnMut(&'static str),
) -> Attributes {
    let mut kept = Attributes::new();
    for (name, value) in asked {
        if Dialect::is_note(name) {
            remark("an attribute of it is one of an overlay driver, and is left out");
            continue;
        }
        let name = std::str::from_utf8(name).ok().filter(|name| !name.contains('\0'));
        let is_own = |name: &&str| {
            name.strip_prefix("user.").is_some_and(|rest| !rest.is_empty())
                || *name == ACCESS_LIST
                || (*name == DEFAULT_LIST && is_directory)
        };
        match name.filter(is_own) {
            Some(name) => kept.push((name.to_owned(), value.clone())),
            None => remark("an attribute of it is none that a user may set, and is left out"),
        }
    }
    kept
}

/// Makes them those of an open file, and all of those it has.
pub(super) fn give(
    fd: BorrowedFd<'_>,
    wanted: &Attributes,
    remark: &mut dyn FnMut(&'static str),
) -> Result<()> {
    // Its directory may have lent it a default access list.
    for (name, _) in own_attributes(fd)? {
        if !wanted.iter().any(|(other, _)| *other == name) {
            entry::remove_attribute(fd, &name)?;
        }
    }
    for (name, value) in wanted {
        match outsider::set_attribute(fd, name, value) {
            Ok(()) => {}
            Err(e) if e.errno() == Some(Errno::EOPNOTSUPP) => {
                remark("an attribute of it cannot be kept here, and is left out");
            }
            Err(e) if e.errno() == Some(Errno::EINVAL) && name.starts_with("system.") => {
                remark("its access list names nobody, and is left out");
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
