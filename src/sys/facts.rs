//! What an inode is, whole, and its extended attributes: for comparing two trees.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{self, AtFlags};

use super::call::{Errno, Named, Result};
use super::clock::Moment;
use super::file::Inode;

/// The type of an inode (inode(7)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    Regular,
    Directory,
    Symlink,
    Fifo,
    Socket,
    CharacterDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
}

/// What `fstatat(2)` tells of a name, which is not followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    pub kind: Type,
    pub inode: Inode,
    /// The permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// Bytes it takes on the disk.
    pub allocated: u64,
    /// How many names it has.
    pub links: u64,
    pub modified: Moment,
    /// The last change of content or attributes, which nobody can set (ctime).
    pub changed: Moment,
}

impl Facts {
    fn of(stat: &fs::Stat) -> Self {
        let device = || (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
        let kind = match fs::FileType::from_raw_mode(stat.st_mode) {
            fs::FileType::Directory => Type::Directory,
            fs::FileType::Symlink => Type::Symlink,
            fs::FileType::Fifo => Type::Fifo,
            fs::FileType::Socket => Type::Socket,
            fs::FileType::CharacterDevice => {
                let (major, minor) = device();
                Type::CharacterDevice { major, minor }
            }
            fs::FileType::BlockDevice => {
                let (major, minor) = device();
                Type::BlockDevice { major, minor }
            }
            _ => Type::Regular,
        };
        let moment = |seconds: i64, nanoseconds: u64| Moment {
            seconds,
            nanoseconds: u32::try_from(nanoseconds).unwrap_or(0),
        };
        Self {
            kind,
            inode: Inode { device: stat.st_dev, number: stat.st_ino },
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0) * 512,
            #[allow(clippy::useless_conversion)] // 32 bits wide on aarch64
            links: u64::from(stat.st_nlink),
            modified: moment(stat.st_mtime, stat.st_mtime_nsec),
            changed: moment(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.kind == Type::Directory
    }
}

pub fn facts(fd: BorrowedFd<'_>) -> Result<Facts> {
    fs::fstat(fd).map(|stat| Facts::of(&stat)).named(|| format!("fstat({})", fd.as_raw_fd()))
}

/// `None`: nothing bears that name.
pub fn facts_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<Facts>> {
    match fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Facts::of(&stat))),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(e) => Err(e).named(|| format!("fstatat({name:?})")),
    }
}

/// Whether a name stays whatever its directory allows: `immutable` or `append-only` (chattr(1)), as
/// statx(2) tells it, and nothing where the filesystem tells none.
pub fn locked_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<&'static str>> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let found = fs::statx(directory, name, flags, fs::StatxFlags::MODE)
        .named(|| format!("statx({name:?})"))?;
    let has = |attribute| found.stx_attributes.contains(attribute);
    Ok(match () {
        () if has(fs::StatxAttributes::IMMUTABLE) => Some("immutable"),
        () if has(fs::StatxAttributes::APPEND) => Some("append-only"),
        () => None,
    })
}

/// Whether something is mounted on a name (statx(2), Linux 5.8; older ones tell nothing).
pub fn is_mounted_on(directory: BorrowedFd<'_>, name: &OsStr) -> Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let found = fs::statx(directory, name, flags, fs::StatxFlags::MODE)
        .named(|| format!("statx({name:?})"))?;
    Ok(found.stx_attributes.contains(fs::StatxAttributes::MOUNT_ROOT))
}

/// When a name's inode was made (statx(2), `STATX_BTIME`); `None` where the filesystem does not
/// note it, or nothing bears that name.
pub fn born_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<Moment>> {
    let (flags, wanted) = (AtFlags::SYMLINK_NOFOLLOW, fs::StatxFlags::BTIME);
    match fs::statx(directory, name, flags, wanted) {
        Ok(told) if told.stx_mask & wanted.bits() == 0 => Ok(None),
        Ok(told) => {
            Ok(Some(Moment { seconds: told.stx_btime.tv_sec, nanoseconds: told.stx_btime.tv_nsec }))
        }
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(e) => Err(e).named(|| format!("statx({name:?})")),
    }
}

/// The value of an extended attribute; `None` where there is none, or none can be.
pub fn attribute(fd: BorrowedFd<'_>, name: &str) -> Result<Option<Vec<u8>>> {
    let mut value = vec![0; 256];
    loop {
        match fs::fgetxattr(fd, name, &mut value) {
            Ok(length) => {
                value.truncate(length);
                return Ok(Some(value));
            }
            Err(rustix::io::Errno::RANGE) if value.len() < 1 << 16 => {
                value.resize(1 << 16, 0);
            }
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => return Ok(None),
            Err(e) => return Err(e).named(|| format!("fgetxattr({name})")),
        }
    }
}

/// The names of all extended attributes of an open file.
pub fn attribute_names(fd: BorrowedFd<'_>) -> Result<Vec<CString>> {
    let mut list = vec![0; 1024];
    let length = loop {
        match fs::flistxattr(fd, &mut list) {
            Ok(length) => break length,
            Err(rustix::io::Errno::RANGE) if list.len() < 1 << 16 => list.resize(1 << 16, 0),
            Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
            Err(e) => return Err(e).named(|| "flistxattr".to_owned()),
        }
    };
    let names = list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.filter_map(|name| CString::new(name).ok()).collect())
}

/// Whether the failure says that the name is gone or is no directory any more.
#[must_use]
pub fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)
}
