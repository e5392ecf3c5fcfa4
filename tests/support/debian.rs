//! A Debian root file system, made once by mmdebstrap as the ordinary user and kept as an archive
//! in /var/tmp; every test unpacks one of its own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use super::{Bryo, Home, World, program};

/// A package of the mirror waits in its /opt, to be installed later without a network.
const DOWNLOAD: &str = r#"chroot "$1" sh -c 'cd /opt && apt-get -qq download hello'"#;

/// Unpacks a Debian of one's own in `work/debian`, or says why there is none. Its files belong to
/// the subordinate ids of the caller.
pub(crate) fn unpack(home: &Home) -> Result<PathBuf, String> {
    let archive = archive()?;
    let directory = home.scratch().dir("work/debian");
    Bryo::program("/usr/bin/unshare")
        .at(home)
        .args(["--user", "--map-root-user", "--map-auto", "tar", "-x", "--exclude=./dev/*", "-C"])
        .arg(&directory)
        .arg("-f")
        .arg(archive)
        .limit(Duration::from_secs(120))
        .check();
    Ok(directory)
}

fn archive() -> Result<&'static PathBuf, String> {
    static ARCHIVE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    ARCHIVE.get_or_init(make).as_ref().map_err(Clone::clone)
}

fn make() -> Result<PathBuf, String> {
    if let Some(lack) = World::is_lacking() {
        return Err(lack.to_owned());
    }
    for name in ["mmdebstrap", "unshare", "tar"] {
        program(name).ok_or_else(|| format!("`{name}` is not installed"))?;
    }
    let uid = rustix::process::getuid().as_raw();
    let place = PathBuf::from(format!("/var/tmp/bryo-test-rootfs-{uid}"));
    let _ = fs::create_dir(&place);
    // /var/tmp is everybody's: what somebody else put there is not used.
    if !fs::symlink_metadata(&place).is_ok_and(|it| it.is_dir() && it.uid() == uid) {
        return Err(format!("`{}` is not a directory of this user", place.display()));
    }
    let archive = place.join("debian.tar");
    if archive.exists() {
        return Ok(archive);
    }
    let home = Home::new();
    let new = home.root().join("debian.tar");
    let outcome = Bryo::program("/usr/bin/mmdebstrap")
        .at(&home)
        .args(["--quiet", "--mode=unshare", "--variant=minbase"])
        .arg(format!("--customize-hook={DOWNLOAD}"))
        .arg("bookworm")
        .arg(&new)
        .limit(Duration::from_secs(400))
        .start()
        .finish();
    if outcome.status != 0 {
        let said = String::from_utf8_lossy(&outcome.stderr);
        return Err(format!("mmdebstrap failed: {}", said.lines().last().unwrap_or_default()));
    }
    // Beside it first: another suite may be making the same.
    let beside = place.join(format!("debian.tar.{}", std::process::id()));
    fs::copy(&new, &beside)
        .and_then(|_| fs::rename(&beside, &archive))
        .map_err(|e| e.to_string())?;
    Ok(archive)
}
