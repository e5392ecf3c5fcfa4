//! The mounts of this mount namespace, as /proc/self/mountinfo tells (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::base::HostPath;
use crate::sys::file;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MountPoint {
    pub path: HostPath,
    pub filesystem: String,
}

pub(super) fn read() -> Vec<MountPoint> {
    let content = file::read_path(Path::new("/proc/self/mountinfo"), 64 << 20).unwrap_or_default();
    parse_mountinfo(&content)
}

/// Lines of `36 35 98:0 /root /mount/point rw - type source options`; others are passed over.
fn parse_mountinfo(content: &[u8]) -> Vec<MountPoint> {
    content
        .split(|b| *b == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|b| *b == b' ');
            let path = unescaped(fields.nth(4)?);
            let filesystem = fields.skip_while(|f| *f != b"-").nth(1)?;
            Some(MountPoint {
                path: HostPath::absolute(OsString::from_vec(path)),
                filesystem: String::from_utf8_lossy(filesystem).into_owned(),
            })
        })
        .collect()
}

/// Space, tab, line feed and backslash stand as `\ooo`.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = (byte == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(value) => {
                result.push(value);
                rest = &tail[3..];
            }
            None => {
                result.push(byte);
                rest = tail;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_with_optional_fields_and_escapes() {
        let line = b"36 35 98:0 / /mnt/a\\040b rw,noatime master:1 - ext4 /dev/root rw\nshort\n";
        let mounts = parse_mountinfo(line);
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].path, HostPath::absolute("/mnt/a b"));
        assert_eq!(mounts[0].filesystem, "ext4");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
            let _ = parse_mountinfo(&bytes);
        }

        #[test]
        fn near_misses_are_answered(text in "([0-9: /\\\\a-z-]|\\\\[0-9]{0,4}){0,80}") {
            let _ = parse_mountinfo(text.as_bytes());
        }
    }
}
