//! Small files that say something to a later run, each there whole or not at all. What nobody needs
//! any more is put aside and written over, not removed: where files were removed a disk may look
//! long for the inode of a new one (`recently_deleted` in fs/ext4/ialloc.c).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, Mode, OFlags};

use super::call::{Named, Result};
use super::{entry, file};

/// What it outlives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Any process, not the machine.
    InMemory,
    OnDisk,
}

/// Gives the file of that name in a directory this content; the file.
pub fn write(
    directory: BorrowedFd<'_>,
    name: &str,
    content: &[u8],
    durability: Durability,
) -> Result<OwnedFd> {
    let new = aside(name);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let fd = fs::openat(directory, &new, flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)
        .named(|| format!("openat({new:?}, O_CREAT)"))?;
    file::write_all(fd.as_fd(), content)?;
    let length = content.len() as u64;
    // Never to nothing before it is written: ext4 would bring it to the disk at once (ext4(5),
    // `auto_da_alloc`).
    if file::status(fd.as_fd())?.size > length {
        fs::ftruncate(&fd, length).named(|| format!("ftruncate({new:?})"))?;
    }
    if durability == Durability::OnDisk {
        file::sync(fd.as_fd())?;
    }
    file::rename_at(directory, Path::new(&new), Path::new(name))?;
    Ok(fd)
}

/// Waits until it is on the disk: one that was written over may bear what was there before until then.
pub fn bring_to_disk(directory: BorrowedFd<'_>, name: &str) -> Result<()> {
    file::sync(entry::open_file_at(directory, name.as_ref())?.as_fd())
}

/// From now on there is none of that name, and the next one takes its place.
pub fn put_aside(directory: BorrowedFd<'_>, name: &str) -> Result<()> {
    file::rename_at(directory, Path::new(name), Path::new(&aside(name)))
}

/// What a file is called while it is not valid.
#[must_use]
pub fn aside(name: &str) -> String {
    format!("{name}.new")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_is_written_over_whole() {
        let path = std::env::temp_dir().join(format!("bryo-small-file-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        let directory = file::open_path_for_reading(&path).unwrap();
        let put = |content: &str| {
            write(directory.as_fd(), "it", content.as_bytes(), Durability::InMemory).unwrap();
            let names = file::names_in(directory.as_fd()).unwrap();
            assert_eq!(
                (names, std::fs::read(path.join("it")).unwrap()),
                (vec!["it".into()], content.into())
            );
        };
        put("something long");
        let before = file::status_of_path(&path.join("it")).unwrap().inode;
        put_aside(directory.as_fd(), "it").unwrap();
        assert_eq!(file::names_in(directory.as_fd()).unwrap(), ["it.new"]);
        put("short");
        assert_eq!(file::status_of_path(&path.join("it")).unwrap().inode, before);
        put("and over one that is valid");
        std::fs::remove_dir_all(&path).unwrap();
    }
}
