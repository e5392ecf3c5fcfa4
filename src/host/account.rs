//! The user who runs bryo, as the account files know them.
//!
//! A static binary must not ask the C library (its NSS modules are loaded with dlopen and crash,
//! rust-lang/rust#100711): /etc/passwd is read here, and where a site keeps its accounts
//! elsewhere, `getent` is asked.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::{HostPath, Text};
use crate::sys::{file, process};

use super::{answer, programs};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub name: String,
    pub group_name: String,
    /// Where HOME says, else where the account file says.
    pub home: HostPath,
    /// Where the account file says, whatever HOME is set to: keys are there all the same.
    pub account_home: Option<HostPath>,
    pub shell: Text,
}

/// One line of a passwd file, as far as it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
struct PasswdLine {
    name: String,
    home: Text,
    shell: Text,
}

const FILE_LIMIT: usize = 4 << 20;

impl Account {
    pub(super) fn of_this_user(environment: &[(Text, Text)]) -> Self {
        let (uid, gid) = (process::uid(), process::gid());
        let passwd = file::read_path(Path::new("/etc/passwd"), FILE_LIMIT).unwrap_or_default();
        let line = passwd_line(&passwd, uid).or_else(|| passwd_line(&asked("passwd", uid)?, uid));
        let group = file::read_path(Path::new("/etc/group"), FILE_LIMIT).unwrap_or_default();
        let group_name = group_name(&group, gid)
            .or_else(|| group_name(&asked("group", gid)?, gid))
            .unwrap_or_else(|| format!("group{gid}"));
        let home_variable = environment
            .iter()
            .find(|(key, value)| key.as_bytes() == b"HOME" && value.as_bytes().starts_with(b"/"))
            .map(|(_, value)| value.clone());
        let home = home_variable.or_else(|| line.as_ref().map(|l| l.home.clone()));
        Self {
            uid,
            gid,
            groups: process::groups().unwrap_or_default(),
            name: line.as_ref().map_or_else(|| format!("user{uid}"), |l| l.name.clone()),
            group_name,
            home: HostPath::absolute(home.map_or_else(|| "/".into(), |h| h.as_os_str().to_owned())),
            account_home: line.as_ref().map(|l| HostPath::absolute(l.home.as_os_str())),
            shell: line
                .map(|l| l.shell)
                .filter(|shell| !shell.as_bytes().is_empty())
                .unwrap_or_else(|| "/bin/sh".into()),
        }
    }
}

/// The account's home and name in a passwd file of somebody else's making, such as a rootfs's.
#[must_use]
pub fn account_in(passwd: &[u8], uid: u32) -> Option<(String, Text)> {
    passwd_line(passwd, uid).map(|line| (line.name, line.home))
}

/// Whether a group file of somebody else's making knows the group.
#[must_use]
pub fn knows_group(group: &[u8], gid: u32) -> bool {
    group_name(group, gid).is_some()
}

fn passwd_line(passwd: &[u8], uid: u32) -> Option<PasswdLine> {
    passwd.split(|b| *b == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
        let [name, _, number, _, _, home, shell] = fields[..] else { return None };
        (number_of(number)? == uid).then(|| PasswdLine {
            name: String::from_utf8_lossy(name).into_owned(),
            home: OsStr::from_bytes(home).into(),
            shell: OsStr::from_bytes(shell).into(),
        })
    })
}

fn group_name(group: &[u8], gid: u32) -> Option<String> {
    group.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next()?;
        let number = fields.nth(1)?;
        (number_of(number)? == gid).then(|| String::from_utf8_lossy(name).into_owned())
    })
}

fn number_of(field: &[u8]) -> Option<u32> {
    str::from_utf8(field).ok()?.parse().ok()
}

/// What `getent DATABASE ID` answers, where there is a getent.
fn asked(database: &str, id: u32) -> Option<Vec<u8>> {
    let getent = programs::find_program("getent")?;
    answer::of_program(&getent, &[database, &id.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_found_by_number() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nbad\nada:x:3000000000:1:A,B:/home/ada:\n";
        assert_eq!(
            account_in(passwd, 3_000_000_000),
            Some(("ada".to_owned(), Text::from("/home/ada")))
        );
        assert_eq!(group_name(b"wheel:x:10:a,b\nada:x:7:\n", 7), Some("ada".to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
            let _ = passwd_line(&bytes, 0);
            let _ = group_name(&bytes, 0);
        }
    }
}
