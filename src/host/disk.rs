//! Which disk holds a path, as the kernel numbers it where it bounds the traffic: the whole disk,
//! never a partition (blkg_conf_open_bdev() in block/blk-cgroup.c).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{HostPath, Text};
use crate::sys::file;

/// By the path as it was typed: `major:minor`, or in words why there is none.
pub type Disks = BTreeMap<Text, Result<String, String>>;

pub(super) fn read(paths: &[Text], home: &HostPath, cwd: Option<&HostPath>) -> Disks {
    let root = HostPath::absolute("/");
    paths
        .iter()
        .map(|typed| {
            let path = HostPath::resolve(typed.as_os_str(), cwd.unwrap_or(&root), home);
            (typed.clone(), disk_of(&path))
        })
        .collect()
}

fn disk_of(path: &HostPath) -> Result<String, String> {
    let (major, minor) = file::device_of(path.as_path()).map_err(|e| e.errno.to_string())?;
    let device = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
    // Filesystems in memory, of the network and of several disks have a number of no device.
    if major == 0 || file::status_of_path(&device).is_err() {
        return Err("its filesystem is on no single disk".to_owned());
    }
    if file::status_of_path(&device.join("partition")).is_err() {
        return Ok(format!("{major}:{minor}"));
    }
    whole_disk(&device).ok_or_else(|| "its partition belongs to no disk".to_owned())
}

/// A partition's directory in sysfs lies in that of its disk.
fn whole_disk(partition: &Path) -> Option<String> {
    let real = file::canonical(partition).ok()?;
    let number = file::read_path(&real.parent()?.join("dev"), 64).ok()?;
    Some(String::from_utf8_lossy(&number).trim().to_owned())
}
