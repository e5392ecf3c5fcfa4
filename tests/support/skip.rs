//! Skipping: a test that needs what this machine lacks says so. In CI that is a failure, so that
//! nothing is green for never having run.

use std::io::Write;
use std::path::PathBuf;

/// Leaves the test with a reason: `skip!("no /dev/fuse")`.
macro_rules! skip {
    ($($reason:tt)+) => {{
        $crate::support::report_skip(&format!($($reason)+));
        return;
    }};
}

/// Leaves the test unless these programs are installed: `needs!("git", "make")`.
macro_rules! needs {
    ($($program:expr),+ $(,)?) => {
        $(if $crate::support::program($program).is_none() {
            skip!("`{}` is not installed", $program);
        })+
    };
}

/// Leaves the test where fuse-overlayfs cannot be used.
macro_rules! needs_fuse {
    () => {
        if let Some(why) = $crate::support::lacks_fuse() {
            skip!("{why}");
        }
    };
}

pub(crate) fn lacks_fuse() -> Option<&'static str> {
    let device = || std::fs::File::options().read(true).write(true).open("/dev/fuse");
    match () {
        () if program("fuse-overlayfs").is_none() => Some("no fuse-overlayfs"),
        () if device().is_err() => Some("/dev/fuse cannot be opened"),
        () => None,
    }
}

/// Where a program is, by PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Prints past the capture of the test harness: `scripts/test` counts these lines.
#[track_caller]
pub(crate) fn report_skip(reason: &str) {
    let is_set = |name: &str, value: &str| std::env::var_os(name).is_some_and(|it| it == value);
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    if is_set("CI", "true") || is_set("BRYO_NO_SKIP", "1") {
        panic!("skipped where nothing may be skipped: {test}: {reason}");
    }
    let _ = std::io::stderr().write_all(format!("\nskipped: {test}: {reason}\n").as_bytes());
}

/// The ABI of this kernel's Landlock, 0 where there is none.
pub(crate) fn landlock() -> u32 {
    bryo::sys::landlock::abi().unwrap_or(0)
}

/// Leaves the test where the kernel has less of Landlock than it is about.
macro_rules! needs_landlock {
    ($abi:expr) => {
        let abi = $crate::support::landlock();
        if abi < $abi {
            skip!("Landlock has ABI {abi}, and {} is needed", $abi);
        }
    };
}
