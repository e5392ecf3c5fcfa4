//! Which overlay drivers work here, found out by making one: mounting proves little, since an
//! overlay that cannot write its notes mounts, and then brings deleted files back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::base::{Context, Error, HostPath, Result};
use crate::sys::clone::{CloneFlags, Fork, clone3};
use crate::sys::file::{self, Links};
use crate::sys::mount::{self, FsOption, MountAttr};
use crate::sys::poll::is_readable_within;
use crate::sys::{entry, process, socket};

use super::memory::Memory;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OverlayAbility {
    /// Why the kernel's own overlayfs cannot be used; `None` if it can.
    pub kernel: Option<String>,
    /// Why /dev/fuse cannot be used; `None` if it can.
    pub fuse_device: Option<String>,
}

/// A kernel that does not answer in this time is not worth waiting for. It takes a millisecond, but a
/// busy machine may have others to serve first.
const PATIENCE: Duration = Duration::from_secs(4);

const MEMBERS: MountAttr = MountAttr::NOSUID.and(MountAttr::NODEV);

impl OverlayAbility {
    pub(super) fn probe() -> Self {
        let reason = |result: Result<()>| result.err().map(|why| why.to_string());
        Self { kernel: reason(try_kernel_overlay()), fuse_device: reason(try_fuse_device()) }
    }

    /// The same, without the probe of a kernel that is known to work: what it was noted for by
    /// mistake would be told by the mount itself.
    pub(super) fn probe_or_remember(memory: Option<&HostPath>) -> Self {
        let Some(memory) = memory.and_then(Memory::at) else { return Self::probe() };
        if memory.says_that_it_works() {
            let fuse_device = try_fuse_device().err().map(|why| why.to_string());
            return Self { kernel: None, fuse_device };
        }
        let ability = Self::probe();
        if ability.kernel.is_none() {
            memory.note_that_it_works();
        }
        ability
    }
}

/// Whether this user may open /dev/fuse.
pub fn try_fuse_device() -> Result<()> {
    file::open_path_for_update(Path::new("/dev/fuse"))
        .map(drop)
        .map_err(|e| Error::new(e.errno.to_string()).within("/dev/fuse cannot be opened"))
}

/// Whether the kernel's overlayfs does in a user namespace what an overlay has to do. It costs a
/// process and a millisecond.
pub fn try_kernel_overlay() -> Result<()> {
    let cannot = "the kernel's overlayfs does not work in a user namespace here";
    let (uid, gid) = (process::effective_uid(), process::gid());
    let (answer, its_voice) = socket::pipe()?;
    match clone3(CloneFlags::NEWUSER.and(CloneFlags::NEWNS))
        .context(|| "cannot make a user namespace".to_owned())?
    {
        Fork::Child => {
            let text = match try_inside(uid, gid) {
                Ok(()) => "works".to_owned(),
                Err(why) => why.to_string(),
            };
            let _ = file::write_all(its_voice.as_fd(), text.as_bytes());
            process::exit_now(0)
        }
        Fork::Parent(child) => {
            drop(its_voice);
            let answer = read_in_time(answer.as_fd());
            child.end();
            match answer?.as_slice() {
                b"works" => Ok(()),
                b"" => Err(Error::new("the probe did not answer").within(cannot)),
                why => Err(Error::new(String::from_utf8_lossy(why)).within(cannot)),
            }
        }
    }
}

fn read_in_time(answer: BorrowedFd<'_>) -> Result<Vec<u8>> {
    if !is_readable_within(answer, PATIENCE)? {
        return Ok(Vec::new());
    }
    // It comes in one piece; its end may be long in coming.
    let mut said = vec![0; 4096];
    let length = file::read(answer, &mut said)?;
    said.truncate(length);
    Ok(said)
}

/// In the child: what real work asks of an overlay, on one of a few files in memory.
fn try_inside(uid: u32, gid: u32) -> Result<()> {
    for (file, content) in [
        ("/proc/self/uid_map", format!("{uid} {uid} 1")),
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/gid_map", format!("{gid} {gid} 1")),
    ] {
        file::write_path_once(Path::new(file), content.as_bytes())?;
    }
    let layers = make_layers()?;
    let overlay = mount_overlay(layers.as_fd()).context(|| "cannot mount one".to_owned())?;
    let overlay = overlay.as_fd();
    delete_and_rename(overlay).context(|| "cannot delete or rename".to_owned())?;
    // A tmpfs could not hold them before Linux 6.6; then uppers are on disk, and this probe is not.
    if file::tmpfs_has_user_xattrs() {
        set_attribute(overlay).context(|| "cannot set attributes".to_owned())?;
        make_directory_again(overlay).context(|| "cannot replace a directory".to_owned())?;
    }
    Ok(())
}

fn make_layers() -> Result<OwnedFd> {
    let tmpfs = mount::new_filesystem("tmpfs", &[FsOption::Text("size", "1m")], MEMBERS)?;
    let root = file::open_without_links(Path::new("/"))?;
    mount::attach(tmpfs.as_fd(), root.as_fd())?;
    for directory in ["lower", "upper", "work", "lower/directory"] {
        file::make_directory_at(tmpfs.as_fd(), Path::new(directory), 0o700)?;
    }
    for name in ["deleted", "renamed", "marked", "directory/inside"] {
        file::make_empty_file_at(tmpfs.as_fd(), &Path::new("lower").join(name))?;
    }
    Ok(tmpfs)
}

fn mount_overlay(layers: BorrowedFd<'_>) -> Result<OwnedFd> {
    let open = |name: &str| entry::open_directory_at(layers, name.as_ref());
    let fds = [open("lower")?, open("upper")?, open("work")?];
    let [lower, upper, work] = [0, 1, 2].map(|n| mount::path_of_descriptor(fds[n].as_fd()));
    let options = [
        FsOption::Text("lowerdir", &lower),
        FsOption::Text("upperdir", &upper),
        FsOption::Text("workdir", &work),
        FsOption::Flag("userxattr"),
    ];
    Ok(mount::new_filesystem("overlay", &options, MEMBERS)?)
}

fn delete_and_rename(overlay: BorrowedFd<'_>) -> Result<()> {
    file::remove_file_at(overlay, Path::new("deleted"))?;
    file::rename_at(overlay, Path::new("renamed"), Path::new("new"))?;
    file::open_below(overlay, Path::new("new"), Links::Refuse)?;
    for gone in ["deleted", "renamed"] {
        expect_missing(overlay, gone)?;
    }
    Ok(())
}

fn set_attribute(overlay: BorrowedFd<'_>) -> Result<()> {
    let marked = entry::open_file_at(overlay, "marked".as_ref())?;
    Ok(entry::set_attribute(marked.as_fd(), "user.bryo", b"1")?)
}

/// The new directory is opaque, or what was in the old one would show.
fn make_directory_again(overlay: BorrowedFd<'_>) -> Result<()> {
    file::remove_file_at(overlay, Path::new("directory/inside"))?;
    entry::remove_directory_at(overlay, "directory".as_ref())?;
    file::make_directory_at(overlay, Path::new("directory"), 0o700)?;
    expect_missing(overlay, "directory/inside")
}

fn expect_missing(overlay: BorrowedFd<'_>, name: &str) -> Result<()> {
    match file::open_below(overlay, Path::new(name), Links::Refuse) {
        Ok(_) => Err(Error::new(format!("`{name}` is still there"))),
        Err(_) => Ok(()),
    }
}
