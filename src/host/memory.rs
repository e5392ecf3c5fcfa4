//! What was found out by trying, noted in a file: it holds until the machine starts again, and in
//! the same namespaces alone. A note that cannot be read or written costs time, and nothing else.

use std::os::fd::AsFd;
use std::path::Path;

use crate::base::HostPath;
use crate::sys::{clock, entry, file};

const LIMIT: usize = 512;

/// Where a thing that works is noted.
pub(super) struct Memory<'a> {
    path: &'a HostPath,
    /// That the note is about; it is all that the note says.
    here: Vec<u8>,
}

impl<'a> Memory<'a> {
    /// `None`: this machine cannot be told from others.
    pub(super) fn at(path: &'a HostPath) -> Option<Self> {
        let mut here = clock::boot().ok()?.to_vec();
        // A container may share the file and the kernel, and yet be forbidden more.
        for namespace in ["/proc/self/ns/user", "/proc/self/ns/mnt"] {
            let link = file::link_target(Path::new(namespace)).ok()?;
            here.extend_from_slice(link.as_os_str().as_encoded_bytes());
            here.push(b'\n');
        }
        Some(Self { path, here })
    }

    pub(super) fn says_that_it_works(&self) -> bool {
        file::read_path(self.path.as_path(), LIMIT).is_ok_and(|said| said == self.here)
    }

    pub(super) fn note_that_it_works(&self) {
        let _ = entry::open_or_make_file(self.path.as_path(), 0o600).and_then(|fd| {
            entry::truncate(fd.as_fd())?;
            file::write_all(fd.as_fd(), &self.here)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_note_of_another_boot_is_not_believed() {
        let path = std::env::temp_dir().join(format!("bryo-memory-{}", std::process::id()));
        let at = HostPath::absolute(path.clone());
        let memory = Memory::at(&at).unwrap();
        assert!(!memory.says_that_it_works());
        memory.note_that_it_works();
        assert!(memory.says_that_it_works());
        let mut said = fs::read(&path).unwrap();
        said[0] ^= 1;
        fs::write(&path, said).unwrap();
        assert!(!memory.says_that_it_works());
        memory.note_that_it_works();
        assert!(memory.says_that_it_works());
        fs::remove_file(&path).unwrap();
    }
}
