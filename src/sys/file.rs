//! Files and directories by descriptor: `openat2`, `mkdirat`, `fstat` and the small reads.

use std::ffi::{CStr, OsString};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, ResolveFlags};

use super::call::{Errno, Named, Result};
use super::inode::{Flow, each_from_the_first};

/// What kind of thing an inode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    Directory,
    Regular,
    Symlink,
    Other,
}

/// The identity of an inode: device and number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Inode {
    pub device: u64,
    pub number: u64,
}

/// What `fstat(2)` and `fstatat(2)` tell, as far as it is used here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileStatus {
    pub kind: FileKind,
    pub inode: Inode,
    pub mode: u32,
    pub uid: u32,
    pub size: u64,
}

impl From<fs::Stat> for FileStatus {
    fn from(stat: fs::Stat) -> Self {
        let kind = match fs::FileType::from_raw_mode(stat.st_mode) {
            fs::FileType::Directory => FileKind::Directory,
            fs::FileType::RegularFile => FileKind::Regular,
            fs::FileType::Symlink => FileKind::Symlink,
            _ => FileKind::Other,
        };
        Self {
            kind,
            inode: Inode { device: stat.st_dev, number: stat.st_ino },
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
        }
    }
}

pub fn status(fd: BorrowedFd<'_>) -> Result<FileStatus> {
    fs::fstat(fd).map(FileStatus::from).named(|| format!("fstat({})", fd.as_raw_fd()))
}

/// The status of what a path names, without following a link in its last part.
pub fn status_of_path(path: &Path) -> Result<FileStatus> {
    fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
        .map(FileStatus::from)
        .named(|| format!("lstat({path:?})"))
}

/// The device that holds what a path names, every link followed: its major and minor number.
pub fn device_of(path: &Path) -> Result<(u32, u32)> {
    let stat = fs::stat(path).named(|| format!("stat({path:?})"))?;
    Ok((fs::major(stat.st_dev), fs::minor(stat.st_dev)))
}

/// The filesystem type of an open file: the magic number of `statfs(2)`.
pub fn filesystem_magic(fd: BorrowedFd<'_>) -> Result<i64> {
    #[allow(clippy::unnecessary_cast)]
    fs::fstatfs(fd).map(|s| s.f_type as i64).named(|| format!("fstatfs({})", fd.as_raw_fd()))
}

pub fn filesystem_magic_of_path(path: &Path) -> Result<i64> {
    #[allow(clippy::unnecessary_cast)]
    fs::statfs(path).map(|s| s.f_type as i64).named(|| format!("statfs({path:?})"))
}

/// An `O_PATH` descriptor of a host path that holds no symbolic link: a link planted since the
/// path was resolved is an error (ELOOP), not a detour.
pub fn open_without_links(path: &Path) -> Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    fs::openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
        .named(|| format!("openat2({path:?})"))
}

/// How a path below a root treats symbolic links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Links {
    /// A link anywhere in the path is ELOOP.
    Refuse,
    /// A link is followed inside the root: `/` and `..` end at the root.
    FollowInside,
}

/// An `O_PATH` descriptor of `path` as seen from `root`: no way out of the root, no magic links.
pub fn open_below(root: BorrowedFd<'_>, path: &Path, links: Links) -> Result<OwnedFd> {
    open_below_with(root, path, links, OFlags::PATH, Mode::empty())
}

/// A readable descriptor of `path` as seen from `root`.
pub fn open_below_for_reading(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
    // O_NONBLOCK: a FIFO that an image carries under a well-known name must not hang the launch.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    open_below_with(root, path, Links::FollowInside, flags, Mode::empty())
}

/// A writable descriptor of a file below `root` that is there already.
pub fn open_below_for_writing(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
    open_below_with(root, path, Links::Refuse, OFlags::WRONLY, Mode::empty())
}

/// Makes a new file below `root`, open for writing; the path must not exist.
pub fn create_below(root: BorrowedFd<'_>, path: &Path, mode: u32) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    open_below_with(root, path, Links::Refuse, flags, Mode::from_raw_mode(mode))
}

fn open_below_with(
    root: BorrowedFd<'_>,
    path: &Path,
    links: Links,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd> {
    let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    // Any mount or rename on the machine while a `..` is walked is answered with EAGAIN, "the caller
    // may choose to retry" (openat2(2)).
    let mut tries_left = 1000;
    loop {
        match fs::openat2(root, path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(rustix::io::Errno::AGAIN) if tries_left > 0 => tries_left -= 1,
            result => return result.named(|| format!("openat2({path:?})")),
        }
    }
}

pub fn make_directory_at(parent: BorrowedFd<'_>, name: &Path, mode: u32) -> Result<()> {
    fs::mkdirat(parent, name, Mode::from_raw_mode(mode)).named(|| format!("mkdirat({name:?})"))
}

pub fn change_owner_at(parent: BorrowedFd<'_>, name: &Path, uid: u32, gid: u32) -> Result<()> {
    let (uid, gid) = (fs::Uid::from_raw(uid), fs::Gid::from_raw(gid));
    fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .named(|| format!("fchownat({name:?})"))
}

pub fn make_symlink_at(parent: BorrowedFd<'_>, name: &Path, target: &Path) -> Result<()> {
    fs::symlinkat(target, parent, name).named(|| format!("symlinkat({target:?}, {name:?})"))
}

pub fn remove_file_at(parent: BorrowedFd<'_>, name: &Path) -> Result<()> {
    fs::unlinkat(parent, name, AtFlags::empty()).named(|| format!("unlinkat({name:?})"))
}

/// Gives a file of a directory another name in it, over whatever bore that name.
pub fn rename_at(directory: BorrowedFd<'_>, from: &Path, to: &Path) -> Result<()> {
    fs::renameat(directory, from, directory, to).named(|| format!("renameat({from:?}, {to:?})"))
}

/// Waits until what was written is on the disk (`fsync(2)`).
pub fn sync(fd: BorrowedFd<'_>) -> Result<()> {
    fs::fsync(fd).named(|| format!("fsync({})", fd.as_raw_fd()))
}

/// Waits until everything written to the filesystem of a descriptor is on the disk (`syncfs(2)`).
pub fn sync_filesystem(fd: BorrowedFd<'_>) -> Result<()> {
    fs::syncfs(fd).named(|| format!("syncfs({})", fd.as_raw_fd()))
}

/// The names in a directory that is open for reading, without `.` and `..`.
pub fn names_in(directory: BorrowedFd<'_>) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    each_from_the_first(directory, |name| {
        names.push(name.to_owned());
        Flow::GoOn
    })?;
    Ok(names)
}

/// The same as [`names_in`], one by one, by a descriptor of its own: meanwhile others may be read.
pub fn each_name_in(directory: BorrowedFd<'_>, mut take: impl FnMut(&[u8])) -> Result<()> {
    let call = || format!("getdents({})", directory.as_raw_fd());
    for entry in fs::Dir::read_from(directory).named(call)? {
        let entry = entry.named(call)?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            take(name);
        }
    }
    Ok(())
}

pub fn is_empty_directory(directory: BorrowedFd<'_>) -> Result<bool> {
    let mut is_empty = true;
    each_from_the_first(directory, |_| {
        is_empty = false;
        Flow::Stop
    })?;
    Ok(is_empty)
}

/// Makes an empty regular file in a directory, for a file to be mounted on.
pub fn make_empty_file_at(parent: BorrowedFd<'_>, name: &Path) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    fs::openat(parent, name, flags, Mode::from_raw_mode(0o444))
        .map(drop)
        .named(|| format!("openat({name:?}, O_CREAT)"))
}

/// Reads a whole descriptor, at most `limit` bytes.
pub fn read_all(fd: BorrowedFd<'_>, limit: usize) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut chunk = [0u8; 8192];
    while content.len() < limit {
        match rustix::io::read(fd, &mut chunk) {
            Ok(0) => break,
            Ok(n) => content.extend_from_slice(&chunk[..n.min(limit - content.len())]),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e).named(|| format!("read({})", fd.as_raw_fd())),
        }
    }
    Ok(content)
}

/// One read; zero bytes mean the end. Interrupted reads are tried again.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut *buffer))
        .named(|| format!("read({})", fd.as_raw_fd()))
}

/// One write; may take less than all of it.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    rustix::io::retry_on_intr(|| rustix::io::write(fd, bytes))
        .named(|| format!("write({})", fd.as_raw_fd()))
}

pub fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let n = write(fd, bytes)?;
        bytes = &bytes[n..];
    }
    Ok(())
}

/// Opens a path for writing and writes once: the files of /proc take their content in one call.
pub fn write_path_once(path: &Path, content: &[u8]) -> Result<()> {
    let fd = fs::openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        .named(|| format!("open({path:?})"))?;
    rustix::io::write(&fd, content).map(drop).named(|| format!("write({path:?})"))
}

/// Opens a host path for reading.
pub fn open_path_for_reading(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    fs::openat(CWD, path, flags, Mode::empty()).named(|| format!("open({path:?})"))
}

/// Opens a device of the host for reading and writing, without waiting for it.
pub fn open_device(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    fs::openat(CWD, path, flags, Mode::empty()).named(|| format!("open({path:?})"))
}

/// Whether a file carries an extended attribute, such as `security.capability`.
#[must_use]
pub fn has_extended_attribute(path: &Path, name: &CStr) -> bool {
    fs::getxattr(path, name, &mut [0u8; 256]).is_ok()
}

/// Opens a host path for reading and writing; reads of it will wait.
pub fn open_path_for_update(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
    fs::openat(CWD, path, flags, Mode::empty()).named(|| format!("open({path:?}, O_RDWR)"))
}

/// Reads a host file whole, at most `limit` bytes.
pub fn read_path(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let fd = open_path_for_reading(path)?;
    read_all(std::os::fd::AsFd::as_fd(&fd), limit)
}

/// The target of a symbolic link.
pub fn link_target(path: &Path) -> Result<PathBuf> {
    let target = fs::readlinkat(CWD, path, Vec::new()).named(|| format!("readlink({path:?})"))?;
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

/// The target of the symbolic link of that name in a directory.
pub fn link_target_at(directory: BorrowedFd<'_>, name: &Path) -> Result<PathBuf> {
    let target =
        fs::readlinkat(directory, name, Vec::new()).named(|| format!("readlinkat({name:?})"))?;
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

/// The path with every link followed (`realpath(3)`).
pub fn canonical(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).named(|| format!("realpath({path:?})"))
}

/// Whether the descriptor number is open in this process.
#[must_use]
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD only asks about a number; it neither owns nor changes the descriptor.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Whether this user may read what the path names (`access(2)`, R_OK).
#[must_use]
pub fn is_readable(path: &Path) -> bool {
    fs::access(path, fs::Access::READ_OK).is_ok()
}

/// Whether this user may write what the path names (`access(2)`, W_OK).
#[must_use]
pub fn is_writable(path: &Path) -> bool {
    fs::access(path, fs::Access::WRITE_OK).is_ok()
}

#[must_use]
pub fn is_executable(path: &Path) -> bool {
    fs::access(path, fs::Access::EXEC_OK).is_ok()
}

/// Whether a name in a directory is a directory itself, links not followed.
#[must_use]
pub fn is_directory_at(directory: BorrowedFd<'_>, name: &Path) -> bool {
    fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileStatus::from(stat).kind == FileKind::Directory)
}

/// Whether the mount that a path is on is read-only (`statvfs(3)`, ST_RDONLY).
#[must_use]
pub fn is_on_read_only_mount(path: &Path) -> bool {
    fs::statvfs(path).is_ok_and(|it| it.f_flag.contains(fs::StatVfsMountFlags::RDONLY))
}

/// Sets the file creation mask and returns the one before.
pub fn set_umask(mask: u32) -> u32 {
    rustix::process::umask(Mode::from_raw_mode(mask)).as_raw_mode()
}

pub fn change_directory(path: &Path) -> Result<()> {
    rustix::process::chdir(path).named(|| format!("chdir({path:?})"))
}

pub fn change_directory_to(fd: BorrowedFd<'_>) -> Result<()> {
    rustix::process::fchdir(fd).named(|| format!("fchdir({})", fd.as_raw_fd()))
}

/// Whether the kernel lets tmpfs files carry `user.*` attributes (Linux 6.6 with
/// CONFIG_TMPFS_XATTR, commit 2daf18a7884d), asked of a memory file, which lives on tmpfs.
#[must_use]
pub fn tmpfs_has_user_xattrs() -> bool {
    let Ok(file) = fs::memfd_create(c"bryo-probe", fs::MemfdFlags::CLOEXEC) else { return false };
    fs::fsetxattr(&file, c"user.bryo", b"1", fs::XattrFlags::empty()).is_ok()
}

/// Whether this process may make and remove names in an open directory, by what it is and not by
/// who called it (faccessat2(2), AT_EACCESS); what says no.
pub fn may_make_names_in(directory: BorrowedFd<'_>) -> std::result::Result<(), Errno> {
    let access = fs::Access::WRITE_OK | fs::Access::EXEC_OK;
    fs::accessat(directory, ".", access, AtFlags::EACCESS).map_err(|e| Errno(e.raw_os_error()))
}

/// How much a filesystem takes yet of this user (`statvfs(3)`, f_bavail).
pub fn free_bytes(path: &Path) -> Result<u64> {
    let answer = fs::statvfs(path).named(|| format!("statvfs({path:?})"))?;
    Ok(answer.f_bavail.saturating_mul(answer.f_frsize))
}

/// Whether this user may read a name in a directory (`faccessat(2)`, R_OK).
pub fn is_readable_at(directory: BorrowedFd<'_>, name: &Path) -> Result<bool> {
    may_at(directory, name, fs::Access::READ_OK)
}

/// Whether this user may write a name in a directory (`faccessat(2)`, W_OK).
pub fn is_writable_at(directory: BorrowedFd<'_>, name: &Path) -> Result<bool> {
    may_at(directory, name, fs::Access::WRITE_OK)
}

fn may_at(directory: BorrowedFd<'_>, name: &Path, access: fs::Access) -> Result<bool> {
    let answer = fs::accessat(directory, name, access, AtFlags::empty());
    match answer.named(|| format!("faccessat({name:?})")) {
        Ok(()) => Ok(true),
        Err(e) if e.errno.is_of_the_process() => Err(e),
        Err(_) => Ok(false),
    }
}
