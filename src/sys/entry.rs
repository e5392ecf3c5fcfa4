//! Entries of a directory, named from its descriptor and never through a link: owner, mode, times,
//! attributes, locks, removal.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags};

use super::call::{Errno, Named, Result};
use super::clock::Moment;
use super::file::FileStatus;

/// The times of an inode, to be given to another one.
#[derive(Clone, Debug)]
pub struct Times(fs::Timestamps);

/// Owner, mode and times of what a descriptor (`O_PATH` too) holds.
#[derive(Clone, Debug)]
pub struct Attributes {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub times: Times,
}

pub fn attributes(fd: BorrowedFd<'_>) -> Result<Attributes> {
    let stat = fs::fstat(fd).named(|| format!("fstat({})", fd.as_raw_fd()))?;
    let time = |seconds: i64, nanoseconds: u64| fs::Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds.try_into().unwrap_or(0),
    };
    let times = fs::Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    let (uid, gid, mode) = (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777);
    Ok(Attributes { uid, gid, mode, times: Times(times) })
}

/// The status of a name, which is not followed if it is a link.
pub fn status_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<FileStatus> {
    fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
        .map(FileStatus::from)
        .named(|| format!("fstatat({name:?})"))
}

/// A directory, open to list its names.
pub fn open_directory_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(directory, name, flags, Mode::empty()).named(|| format!("openat({name:?})"))
}

/// Lets its owner into a directory again, whatever mode it has.
pub fn open_up_directory_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found =
        fs::openat(directory, name, flags, Mode::empty()).named(|| format!("openat({name:?})"))?;
    // By this way no link is followed; fchmodat(2) would, and fchmod(2) takes no O_PATH.
    fs::chmod(super::mount::path_of_descriptor(found.as_fd()), Mode::RWXU)
        .named(|| format!("chmod({name:?})"))
}

/// A regular file, open for reading.
pub fn open_file_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    fs::openat(directory, name, flags, Mode::empty()).named(|| format!("openat({name:?})"))
}

/// A file that stays, made if it is missing, open for reading and writing.
pub fn open_or_make_file(path: &Path, mode: u32) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(CWD, path, flags, Mode::from_raw_mode(mode)).named(|| format!("open({path:?})"))
}

/// Makes a directory and all above it that is missing; those that were made, the innermost first.
pub fn make_directories(path: &Path, mode: u32) -> Result<Vec<PathBuf>> {
    match fs::mkdirat(CWD, path, Mode::from_raw_mode(mode)) {
        Ok(()) => Ok(vec![path.to_path_buf()]),
        Err(rustix::io::Errno::EXIST) => Ok(Vec::new()),
        Err(rustix::io::Errno::NOENT) => {
            let above = path.parent().map(|parent| make_directories(parent, mode)).transpose()?;
            fs::mkdirat(CWD, path, Mode::from_raw_mode(mode))
                .named(|| format!("mkdir({path:?})"))?;
            let made = [path.to_path_buf()].into_iter();
            Ok(made.chain(above.into_iter().flatten()).collect())
        }
        Err(e) => Err(e).named(|| format!("mkdir({path:?})")),
    }
}

/// Removes a directory by its path, if it is empty.
pub fn remove_empty_directory(path: &Path) -> Result<()> {
    fs::unlinkat(CWD, path, AtFlags::REMOVEDIR).named(|| format!("rmdir({path:?})"))
}

/// Where a link in a directory points.
pub fn link_target_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<PathBuf> {
    let target =
        fs::readlinkat(directory, name, Vec::new()).named(|| format!("readlinkat({name:?})"))?;
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

pub fn remove_directory_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    fs::unlinkat(directory, name, AtFlags::REMOVEDIR).named(|| format!("rmdir({name:?})"))
}

pub fn rename_between(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new_name: &OsStr,
) -> Result<()> {
    fs::renameat(from, name, to, new_name).named(|| format!("renameat({name:?}, {new_name:?})"))
}

/// Gives what is at a host path another one, over whatever bore that.
pub fn rename_path(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).named(|| format!("rename({from:?}, {to:?})"))
}

/// Gives each of two names, which must both exist, what the other one had, in one step.
pub fn exchange(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    other: &OsStr,
) -> Result<()> {
    fs::renameat_with(from, name, to, other, fs::RenameFlags::EXCHANGE)
        .named(|| format!("renameat2({name:?}, {other:?}, RENAME_EXCHANGE)"))
}

/// Gives a name another place, where nothing may be.
pub fn rename_to_free(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new_name: &OsStr,
) -> Result<()> {
    fs::renameat_with(from, name, to, new_name, fs::RenameFlags::NOREPLACE)
        .named(|| format!("renameat2({name:?}, {new_name:?}, RENAME_NOREPLACE)"))
}

pub fn change_owner(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()> {
    let (owner, group) = (fs::Uid::from_raw(uid), fs::Gid::from_raw(gid));
    fs::fchown(fd, Some(owner), Some(group)).named(|| format!("fchown({uid}, {gid})"))
}

pub fn change_mode(fd: BorrowedFd<'_>, mode: u32) -> Result<()> {
    fs::fchmod(fd, Mode::from_raw_mode(mode)).named(|| format!("fchmod({mode:o})"))
}

/// The mode of a name, which is not followed if it is a link. By way of a descriptor, for
/// fchmodat(2) itself follows links before Linux 6.6.
pub fn change_mode_at(directory: BorrowedFd<'_>, name: &OsStr, mode: u32) -> Result<()> {
    let call = || format!("fchmodat({name:?}, {mode:o})");
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = fs::openat(directory, name, flags, Mode::empty()).named(call)?;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty()).named(call)
}

pub fn change_times(fd: BorrowedFd<'_>, times: &Times) -> Result<()> {
    fs::futimens(fd, &times.0).named(|| "futimens".to_owned())
}

/// The time of the last modification of a name, which is not followed if it is a link.
pub fn change_modified_at(directory: BorrowedFd<'_>, name: &OsStr, modified: Moment) -> Result<()> {
    let time = |seconds, nanoseconds| fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = fs::Timestamps {
        last_access: time(0, fs::UTIME_OMIT),
        last_modification: time(modified.seconds, modified.nanoseconds.into()),
    };
    fs::utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        .named(|| format!("utimensat({name:?})"))
}

pub fn set_attribute(fd: BorrowedFd<'_>, name: &str, value: &[u8]) -> Result<()> {
    fs::fsetxattr(fd, name, value, fs::XattrFlags::empty()).named(|| format!("fsetxattr({name})"))
}

pub fn remove_attribute(fd: BorrowedFd<'_>, name: &str) -> Result<()> {
    fs::fremovexattr(fd, name).named(|| format!("fremovexattr({name})"))
}

/// The time of the last modification; that of the last access stays.
pub fn change_modified(fd: BorrowedFd<'_>, modified: Moment) -> Result<()> {
    let time = |seconds, nanoseconds| fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = fs::Timestamps {
        last_access: time(0, fs::UTIME_OMIT),
        last_modification: time(modified.seconds, modified.nanoseconds.into()),
    };
    fs::futimens(fd, &times).named(|| "futimens".to_owned())
}

/// The character device 0:0 by which an overlay says that a name is deleted; everybody may make
/// one (Linux 5.8, commit a3c751a50fe6).
pub fn make_whiteout_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    let device = fs::makedev(0, 0);
    fs::mknodat(directory, name, fs::FileType::CharacterDevice, Mode::empty(), device)
        .named(|| format!("mknodat({name:?}, 0:0)"))
}

pub fn make_fifo_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    fs::mknodat(directory, name, fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        .named(|| format!("mknodat({name:?}, FIFO)"))
}

/// One that nobody listens at.
pub fn make_socket_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    fs::mknodat(directory, name, fs::FileType::Socket, Mode::from_raw_mode(0o600), 0)
        .named(|| format!("mknodat({name:?}, socket)"))
}

/// Gives a file another name, which is free. A link is not followed.
pub fn link_at(
    from: BorrowedFd<'_>,
    name: &OsStr,
    to: BorrowedFd<'_>,
    new_name: &OsStr,
) -> Result<()> {
    fs::linkat(from, name, to, new_name, AtFlags::empty())
        .named(|| format!("linkat({name:?}, {new_name:?})"))
}

/// Copies what is left of one file to the other: shared blocks where the filesystem can, holes as
/// holes.
pub fn copy_content(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    if fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    let size = fs::fstat(from).named(|| "fstat".to_owned())?.st_size as u64;
    let mut at = 0;
    while at < size {
        let data = match fs::seek(from, fs::SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => break,
            // A filesystem that knows no holes.
            Err(rustix::io::Errno::INVAL) => at,
            Err(e) => return Err(e).named(|| "lseek(SEEK_DATA)".to_owned()),
        };
        let end = fs::seek(from, fs::SeekFrom::Hole(data)).unwrap_or(size);
        copy_range(from, to, data, end)?;
        at = end;
    }
    fs::ftruncate(to, size).named(|| format!("ftruncate({size})"))
}

fn copy_range(from: BorrowedFd<'_>, to: BorrowedFd<'_>, begin: u64, end: u64) -> Result<()> {
    let mut buffer = vec![0; 1 << 17];
    let mut at = begin;
    while at < end {
        let length = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
        let read = rustix::io::retry_on_intr(|| rustix::io::pread(from, &mut buffer[..length], at))
            .named(|| "pread".to_owned())?;
        if read == 0 {
            break;
        }
        write_at(to, &buffer[..read], at)?;
        at += read as u64;
    }
    Ok(())
}

/// Over what is there, leaving what is behind it.
pub fn write_at(fd: BorrowedFd<'_>, bytes: &[u8], at: u64) -> Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let rest = &bytes[done..];
        done += rustix::io::retry_on_intr(|| rustix::io::pwrite(fd, rest, at + done as u64))
            .named(|| "pwrite".to_owned())?;
    }
    Ok(())
}

/// Gives a file of a directory another name in it, which must be free.
pub fn make_link(directory: BorrowedFd<'_>, name: &OsStr, new: &OsStr) -> Result<()> {
    fs::linkat(directory, name, directory, new, AtFlags::empty())
        .named(|| format!("linkat({name:?}, {new:?})"))
}

pub fn truncate(fd: BorrowedFd<'_>) -> Result<()> {
    fs::ftruncate(fd, 0).named(|| "ftruncate".to_owned())
}

/// Whether anybody has the file that is open here for reading open for writing: then the kernel
/// grants no lease (fcntl(2), F_SETLEASE). `false` where it grants none to anybody.
#[must_use]
pub fn is_open_for_writing(file: BorrowedFd<'_>) -> bool {
    let lease = |kind: i32| {
        // SAFETY: F_SETLEASE takes a number and touches no memory; the descriptor is borrowed.
        let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) };
        if answer < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    match lease(libc::F_RDLCK) {
        Ok(()) => {
            let _ = lease(libc::F_UNLCK);
            false
        }
        Err(e) => e.raw_os_error() == Some(libc::EAGAIN),
    }
}

/// Locks a file or directory for this open file (flock(2)), which forks share; `false` if another
/// one holds it.
pub fn try_lock(fd: BorrowedFd<'_>) -> Result<bool> {
    lock(fd, fs::FlockOperation::NonBlockingLockExclusive)
}

/// The same with others who do no more than this.
pub fn try_lock_with_others(fd: BorrowedFd<'_>) -> Result<bool> {
    lock(fd, fs::FlockOperation::NonBlockingLockShared)
}

fn lock(fd: BorrowedFd<'_>, operation: fs::FlockOperation) -> Result<bool> {
    match fs::flock(fd, operation) {
        Ok(()) => Ok(true),
        Err(e) if Errno(e.raw_os_error()) == Errno::EAGAIN => Ok(false),
        Err(e) => Err(e).named(|| "flock".to_owned()),
    }
}
