//! Where layers may lie.

use crate::support::{Bryo, Home, place};

/// A home, in a mount namespace where a directory of it is on a file system of memory alone.
fn on_ramfs(home: &Home, driver: &str) -> Bryo {
    let layers = home.scratch().dir("layers");
    Bryo::program("/usr/bin/unshare")
        .at(home)
        .cwd(home.work())
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t ramfs ramfs \"$0\" && exec \"$@\"")
        .arg(&layers)
        .arg(place::binary())
        .args(["run", "--overlay", ".", "--overlay-driver", driver, "--overlay-dir"])
        .arg(&layers)
        .leftovers_unjudged()
}

/// It knows no extended attributes, in which the kernel notes that a directory hides another: the
/// command would meet an I/O error at some point.
#[test]
fn where_the_kernels_notes_cannot_be_kept_it_says_so_before_anything_runs() {
    needs!("unshare", "fuse-overlayfs");
    let home = Home::new();
    home.scratch().write("work/d/x", "x\n");
    let script = "touch d/y; rm -r d; mkdir d; ls -A d; echo ran";
    on_ramfs(&home, "kernel")
        .command(["sh", "-c", script])
        .stdout("")
        .stderr_contains("takes no extended attributes\n\nhint: `--overlay-driver fuse` needs none")
        .status(125)
        .check();
    on_ramfs(&home, "fuse").command(["sh", "-c", script]).stdout("ran\n").check();
    assert_eq!(home.scratch().read("work/d/x"), "x\n");
}
