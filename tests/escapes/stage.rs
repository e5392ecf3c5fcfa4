//! A host with things to be after: files with a canary in them, shown read-only, shown writable, or
//! not shown at all; a small root file system; services that tell the canary to whoever asks.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};

use super::probe::{Family, Probe};
use super::programs;
use super::services::Services;
use crate::support::{Home, patient, program};

/// What every file to be kept as it is holds.
pub(crate) const INTACT: &str = "INTACT\n";

const PROBE_TAKES: Duration = Duration::from_secs(4);

const SECRETS: [&str; 7] = [
    ".ssh/id_ed25519",
    ".aws/credentials",
    ".config/gh/hosts.yml",
    ".netrc",
    ".cargo/credentials.toml",
    ".bash_history",
    ".local/share/bryo/changes/a/record",
];

pub(crate) struct Stage {
    home: Home,
    canary: String,
    services: Services,
    fifos: Vec<(&'static str, File)>,
    shared: Vec<PathBuf>,
}

impl Stage {
    pub(crate) fn new(family: &'static Family) -> Self {
        let home = Home::new();
        let name = home.root().file_name().unwrap().to_string_lossy().into_owned();
        let canary = format!("CANARY-{name}");
        let services = Services::start(home.root(), &canary);
        let mut stage = Self { home, canary, services, fifos: Vec::new(), shared: Vec::new() };
        stage.write_secrets();
        stage.write_targets(family);
        stage.write_rootfs();
        stage.write_shared_places();
        stage.copy_program(&programs::program("session"), "work/session");
        stage.copy_program(&programs::program(family.name), &format!("work/{}", family.name));
        (family.prepare)(&stage);
        stage
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn canary(&self) -> &str {
        &self.canary
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home.root().join(below)
    }

    /// Fills in `@CANARY@`, and `@NAME@` for the directory `name` of the stage.
    pub(crate) fn fill(&self, word: &str) -> String {
        let root = self.home.root().display().to_string();
        let mut filled = word.replace("@CANARY@", &self.canary).replace("@STAGE@", &root);
        for name in ["work", "ro", "outside", "layer", "rootfs", "home", "run"] {
            let path = self.path(name).display().to_string();
            filled = filled.replace(&format!("@{}@", name.to_uppercase()), &path);
        }
        self.services.fill(&filled)
    }

    /// The words that every family is started with.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = ["work", "ro", "outside", "layer", "home", "run"]
            .map(|name| format!("{name}={}", self.path(name).display()))
            .into();
        words.extend(["tty=@TTY@", "victim=@VICTIM@", "shm=@SHM@"].map(str::to_owned));
        words.push(format!("token={}", self.token()));
        words.push(self.seconds());
        words.extend(self.services.words());
        words
    }

    /// The time that a probe has.
    pub(crate) fn seconds(&self) -> String {
        format!("seconds={}", patient(PROBE_TAKES).as_secs())
    }

    /// A name in places that all of the host's programs share.
    pub(crate) fn token(&self) -> String {
        self.home.root().file_name().unwrap().to_string_lossy().replace(".d", "-shared")
    }

    fn write_secrets(&self) {
        for name in SECRETS {
            self.home.scratch().write(format!("home/{name}"), format!("{}\n", self.canary));
        }
        self.home.scratch().write("home/.bashrc", INTACT);
        for directory in ["home/.local/bin", "home/.config/systemd/user", "home/.config/fish"] {
            self.home.scratch().dir(directory);
        }
    }

    /// A file of each directory for each probe, so that they can be told apart.
    fn write_targets(&mut self, family: &'static Family) {
        let scratch = self.home.scratch();
        for Probe { id, .. } in family.probes {
            scratch.write(format!("outside/{id}"), format!("{INTACT}{}\n", self.canary));
            scratch.write(format!("run/{id}"), &self.canary);
            scratch.write(format!("layer/{id}"), INTACT);
            match id.ends_with("-fifo") {
                false => drop(scratch.write(format!("ro/{id}"), INTACT)),
                true => self.fifos.push((id, fifo(&self.home, &format!("ro/{id}")))),
            }
        }
        scratch.write("stdin", format!("{INTACT}{}\n", self.canary));
        scratch.write("stdout", format!("{INTACT}{}\n", self.canary));
        scratch.write("file8", INTACT);
    }

    /// The programs are static, so that the tree needs no libraries.
    fn write_rootfs(&self) {
        let scratch = self.home.scratch();
        for directory in ["bin", "dev", "proc", "run", "tmp", "root", "etc"] {
            scratch.dir(format!("rootfs/{directory}"));
        }
        self.copy_program(&program("busybox").unwrap(), "rootfs/bin/busybox");
        symlink("busybox", self.path("rootfs/bin/sh")).unwrap();
        scratch.write("rootfs/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
        scratch.write("rootfs/etc/group", "root:x:0:\n");
    }

    /// By a process of its own: what this one has open for writing, another thread's child may hold
    /// open when it is to be run (ETXTBSY).
    fn copy_program(&self, program: &Path, below: &str) {
        let copied = Command::new("cp").arg(program).arg(self.path(below)).status().unwrap();
        assert!(copied.success(), "cannot copy `{}`", program.display());
    }

    fn write_shared_places(&mut self) {
        for place in ["/tmp", "/var/tmp", "/dev/shm"] {
            let path = Path::new(place).join(self.token());
            fs::write(&path, format!("{}\n", self.canary)).unwrap();
            self.shared.push(path);
        }
    }

    /// Whether a file of the stage is as it was made, its name and mode included.
    pub(crate) fn is_intact(&self, below: &str) -> bool {
        let path = self.path(below);
        let content = fs::read_to_string(&path).unwrap_or_default();
        let data = fs::symlink_metadata(&path);
        content == INTACT
            && data.is_ok_and(|it| it.mode() & 0o7777 == 0o644 && it.mtime() > 1_000_000)
            && !has_attribute(&path)
    }

    /// What came through a FIFO whose reader is the host.
    pub(crate) fn heard_by_fifo(&self, id: &str) -> String {
        let mut heard = vec![0; 64];
        let fifo = self.fifos.iter().find(|(name, _)| *name == id);
        let length = fifo.and_then(|(_, file)| (&*file).read(&mut heard).ok()).unwrap_or(0);
        String::from_utf8_lossy(&heard[..length]).into_owned()
    }

    /// Whether somebody took the name beside the canary in a shared place.
    pub(crate) fn is_taken(&self, place: &str) -> bool {
        Path::new(place).join(format!("{}.taken", self.token())).exists()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for path in &self.shared {
            let _ = fs::remove_file(path);
            let _ = fs::remove_file(format!("{}.taken", path.display()));
        }
    }
}

fn fifo(home: &Home, below: &str) -> File {
    home.scratch().dir(Path::new(below).parent().unwrap());
    let path = home.root().join(below);
    let mode = Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, mode, 0).unwrap();
    let flags = OFlags::NONBLOCK.bits() as i32;
    File::options().read(true).custom_flags(flags).open(path).unwrap()
}

fn has_attribute(path: &Path) -> bool {
    let mut names = [0u8; 256];
    let length = rustix::fs::listxattr(path, &mut names[..]).unwrap_or(0);
    names[..length].windows(6).any(|it| it == b"escape")
}
