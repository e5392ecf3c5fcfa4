//! What an inode is and when it changed, and the entries of a directory as the kernel lists them:
//! for looks at many files, by descriptor and never through a link.

use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, StatxFlags};

use super::call::{Named, Result};
use super::clock::Moment;
use super::file::{FileKind, Inode};

/// One inode at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    pub kind: FileKind,
    pub inode: Inode,
    pub mode: u32,
    pub uid: u32,
    pub size: u64,
    pub modified: Moment,
    /// Of content, mode, owner, name or number of names; nobody can set it (inode(7)).
    pub changed: Moment,
    /// `None` where the filesystem keeps no such time.
    pub born: Option<Moment>,
}

/// The stamp of a name, which is not followed if it is a link.
pub fn stamp_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Stamp> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    stamp_with(directory, name, flags).named(|| format!("statx({name:?})"))
}

pub fn stamp(fd: BorrowedFd<'_>) -> Result<Stamp> {
    let call = || format!("statx({})", fd.as_raw_fd());
    stamp_with(fd, OsStr::new(""), AtFlags::EMPTY_PATH).named(call)
}

fn stamp_with(fd: BorrowedFd<'_>, name: &OsStr, flags: AtFlags) -> rustix::io::Result<Stamp> {
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let found = fs::statx(fd, name, flags, mask)?;
    let time = |it: fs::StatxTimestamp| Moment { seconds: it.tv_sec, nanoseconds: it.tv_nsec };
    let has_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    Ok(Stamp {
        kind: kind_of(FileType::from_raw_mode(u32::from(found.stx_mode))),
        inode: Inode {
            device: fs::makedev(found.stx_dev_major, found.stx_dev_minor),
            number: found.stx_ino,
        },
        mode: u32::from(found.stx_mode) & 0o7777,
        uid: found.stx_uid,
        size: found.stx_size,
        modified: time(found.stx_mtime),
        changed: time(found.stx_ctime),
        born: has_birth.then(|| time(found.stx_btime)),
    })
}

fn kind_of(kind: FileType) -> FileKind {
    match kind {
        FileType::Directory => FileKind::Directory,
        FileType::RegularFile => FileKind::Regular,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    }
}

/// Room for what one call of getdents(2) tells, used again and again.
pub struct Room(Vec<MaybeUninit<u8>>);

impl Room {
    #[must_use]
    pub fn new() -> Self {
        Self(vec![MaybeUninit::uninit(); 16 << 10])
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a listing goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    GoOn,
    Stop,
}

/// Tells each entry of a directory that is open for reading, without `.` and `..`. The kind is
/// what the directory says of it, `None` where it says nothing.
pub fn each_entry(
    directory: BorrowedFd<'_>,
    room: &mut Room,
    mut tell: impl FnMut(&OsStr, Option<FileKind>) -> Flow,
) -> Result<()> {
    let mut entries = RawDir::new(directory, &mut room.0);
    while let Some(entry) = entries.next() {
        let entry = entry.named(|| format!("getdents({})", directory.as_raw_fd()))?;
        let name: &CStr = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => None,
            known => Some(kind_of(known)),
        };
        if tell(OsStr::from_bytes(name.to_bytes()), kind) == Flow::Stop {
            break;
        }
    }
    Ok(())
}

/// Tells each of them from the first on, wherever the descriptor is; its offset moves.
pub(super) fn each_from_the_first(
    directory: BorrowedFd<'_>,
    mut tell: impl FnMut(&OsStr) -> Flow,
) -> Result<()> {
    let call = || format!("lseek({})", directory.as_raw_fd());
    fs::seek(directory, fs::SeekFrom::Start(0)).named(call)?;
    each_entry(directory, &mut Room::new(), |name, _| tell(name))
}

/// A directory of the host, open to list its names; a link anywhere in the path is an error.
pub fn open_directory(path: &Path) -> Result<OwnedFd> {
    open_with(CWD, path, OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)
}

/// A directory below another one, open to list its names; links and ways out are errors.
pub fn open_directory_below(base: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd> {
    open_with(base, path, OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH)
}

/// A file below a directory, open for reading if it is a regular one; links and ways out are
/// errors.
pub fn open_regular_below(base: BorrowedFd<'_>, path: &Path) -> Result<Option<OwnedFd>> {
    // O_NONBLOCK: what is opened before its kind is known must not make anybody wait.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    if stamp_at(base, path.as_os_str())?.kind != FileKind::Regular {
        return Ok(None);
    }
    let opened = open_with(base, path, flags, resolve)?;
    let still = stamp(opened.as_fd())?.kind == FileKind::Regular;
    Ok(still.then_some(opened))
}

fn open_with(
    base: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    let resolve = resolve | ResolveFlags::NO_MAGICLINKS;
    fs::openat2(base, path, flags, Mode::empty(), resolve).named(|| format!("openat2({path:?})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_later_bears_a_later_time() {
        let directory = std::env::temp_dir().join(format!("bryo-inode-{}", std::process::id()));
        let before = super::super::clock::now_for_files();
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("a"), "a").unwrap();
        std::os::unix::fs::symlink("/", directory.join("b")).unwrap();
        let fd = open_directory(&directory).unwrap();
        let file = stamp_at(fd.as_fd(), OsStr::new("a")).unwrap();
        assert!(file.changed >= before && file.size == 1 && file.kind == FileKind::Regular);
        let mut seen = Vec::new();
        each_entry(fd.as_fd(), &mut Room::new(), |name, _| {
            seen.push(name.to_owned());
            Flow::GoOn
        })
        .unwrap();
        seen.sort();
        assert_eq!(seen, ["a", "b"]);
        assert!(open_regular_below(fd.as_fd(), Path::new("a")).unwrap().is_some());
        assert!(!matches!(open_regular_below(fd.as_fd(), Path::new("b")), Ok(Some(_))));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
