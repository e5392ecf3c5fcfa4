//! Landlock: what lies outside of the view stays closed, by whatever descriptor it is reached
//! (landlock(7)). Init builds the ruleset by file descriptor below the finished root; the payload
//! enters it.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::base::{Context, Result};
use crate::plan::{FileAccess, FileRule, Files, Landlock, Plan};
use crate::sys::file::{self, Links};
use crate::sys::landlock::{Handled, OwnRuleset, SCOPES, TCP, access};
use crate::sys::stream::{self, StreamKind};
use crate::sys::{Errno, process};

pub(super) struct Fence {
    ruleset: OwnRuleset,
    pub(super) abi: u32,
    pub(super) handled: Handled,
    pub(super) rules: usize,
}

impl Fence {
    /// `None` where the plan wants nothing of Landlock.
    pub(super) fn build(plan: &Plan) -> Result<Option<Self>> {
        let planned = &plan.confinement.landlock;
        let handled = handled(planned);
        if handled == Handled::default() {
            return Ok(None);
        }
        let ruleset = OwnRuleset::create(handled).context(cannot)?;
        let mut fence = Self { ruleset, abi: planned.abi, handled, rules: 0 };
        if let Files::Rules(rules) = &planned.files {
            fence.open_places(rules)?;
            fence.open_streams(plan).context(cannot)?;
        }
        Ok(Some(fence))
    }

    pub(super) fn enter(&self) -> Result<()> {
        self.ruleset.restrict_self().context(cannot)
    }

    fn open_places(&mut self, rules: &[FileRule]) -> Result<()> {
        let root = file::open_without_links(Path::new("/"))?;
        for FileRule { at, access } in rules {
            file::open_below(root.as_fd(), at.as_path(), Links::Refuse)
                .and_then(|place| self.ruleset.allow_below(place.as_fd(), rights(*access)))
                .context(|| format!("cannot open `{at}` in Landlock"))?;
            self.rules += 1;
        }
        Ok(())
    }

    /// What the payload was given may be opened anew, as /dev/stdin and the like, for what it was
    /// opened for, and for nothing else.
    fn open_streams(&mut self, plan: &Plan) -> crate::sys::Result<()> {
        for fd in process::standard_streams() {
            self.open_stream(fd)?;
        }
        for number in &plan.pass_descriptors {
            let passed = process::duplicate_number(*number)?;
            self.open_stream(passed.as_fd())?;
        }
        Ok(())
    }

    fn open_stream(&mut self, fd: BorrowedFd<'_>) -> crate::sys::Result<()> {
        let stream = stream::look_at(fd)?;
        let mut rights = 0;
        match stream.kind {
            // The host's; the payload gets one of its own in its place.
            StreamKind::Terminal | StreamKind::Nameless => return Ok(()),
            // Passed on purpose: a way in.
            StreamKind::Directory => rights = u64::MAX,
            StreamKind::Stored | StreamKind::Device | StreamKind::NamedPipe => {
                if stream.reads {
                    rights |= access::READ_FILE;
                }
                if stream.writes {
                    rights |= access::WRITE_FILE | access::TRUNCATE;
                }
                if stream.kind == StreamKind::Device {
                    rights |= access::IOCTL_DEV;
                }
            }
        }
        match self.ruleset.allow_below(fd, rights) {
            Ok(()) => self.rules += 1,
            // A file of the kernel's own, such as that of memfd_create(2): not Landlock's concern.
            Err(e) if e.errno == Errno::EBADFD => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

fn cannot() -> String {
    "cannot confine the command with Landlock".to_owned()
}

fn handled(planned: &Landlock) -> Handled {
    Handled {
        files: match planned.files {
            Files::Rules(_) => access::of_abi(planned.abi),
            Files::Relay => 0,
        },
        network: if planned.tcp_closed { TCP } else { 0 },
        scopes: if planned.scopes { SCOPES } else { 0 },
    }
}

fn rights(of: FileAccess) -> u64 {
    use access::{EXECUTE, IOCTL_DEV, READ_DIR, READ_FILE, TRUNCATE, WRITE_FILE};
    match of {
        FileAccess::List => READ_DIR,
        FileAccess::Read => EXECUTE | READ_FILE | READ_DIR,
        FileAccess::Write => u64::MAX,
        FileAccess::Device => READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV | READ_DIR,
        // `echo name >/proc/self/comm` opens the file with O_TRUNC.
        FileAccess::Proc => READ_FILE | WRITE_FILE | TRUNCATE | READ_DIR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_handled_that_the_abi_does_not_know() {
        let of = |abi, scopes, tcp_closed| {
            handled(&Landlock { abi, files: Files::Rules(Vec::new()), scopes, tcp_closed })
        };
        assert_eq!(of(2, false, false), Handled { files: 0x3fff, network: 0, scopes: 0 });
        assert_eq!(of(4, false, true), Handled { files: 0x7fff, network: 3, scopes: 0 });
        assert_eq!(of(7, true, false), Handled { files: 0xffff, network: 0, scopes: 3 });
        let relay = Landlock { abi: 7, files: Files::Relay, scopes: false, tcp_closed: false };
        assert_eq!(handled(&relay), Handled::default());
    }

    #[test]
    fn only_what_is_writable_can_be_made_and_removed() {
        const MAKE_REG: u64 = 1 << 8;
        for access in [FileAccess::List, FileAccess::Read, FileAccess::Device, FileAccess::Proc] {
            assert_eq!(rights(access) & MAKE_REG, 0, "{access:?}");
        }
        assert_eq!(rights(FileAccess::Read) & access::WRITE_FILE, 0);
        assert_ne!(rights(FileAccess::Write) & MAKE_REG, 0);
    }
}
