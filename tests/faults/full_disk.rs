//! A real full disk, beside the injected ones: a small filesystem that holds one file more each
//! time, from none to enough.

use crate::support::{Bryo, Home, place};

/// A start with an overlay on disk makes fewer files than this.
const ENOUGH: u32 = 24;

const SCRIPT: &str = r#"
disk=$PWD/disk
mkdir -p "$disk"
mount -t tmpfs -o "size=1m,nr_inodes=$FILES" none "$disk" || exit 9
BRYO_SCRATCH=$disk/scratch "$BRYO" run --overlay=/opt --overlay-driver=kernel "$@" -- \
    sh -c 'echo fine' 2>said
echo "status $?"
cat said
find "$disk" -mindepth 1 ! -path "$disk/kept*" ! -name scratch -printf 'left %P\n'
"#;

/// What it said with room for so many files.
fn run_with(files: u32, home: &Home, flags: &[&str]) -> String {
    let outcome = Bryo::program("/usr/bin/unshare")
        .at(home)
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
        .args(flags)
        .env("FILES", files.to_string())
        .env("BRYO", place::binary())
        .stdout_any()
        .check();
    outcome.text().to_owned()
}

#[test]
fn a_full_disk_is_told_and_left_as_it_was() {
    needs!("unshare", "mount", "find");
    let home = Home::new();
    for flags in [&[][..], &["--overlay-dir=disk/kept"]] {
        let mut told = 0;
        for files in 1..=ENOUGH {
            let said = run_with(files, &home, flags);
            let is_fine = said == "fine\nstatus 0\n";
            let error = said.strip_prefix("status 125\nbryo: error: ").unwrap_or_default();
            let is_told = error.lines().next().is_some_and(|it| it.contains("no space left"));
            assert!(is_fine || is_told, "{files} files: {said}");
            assert!(!said.contains("\nleft "), "{files} files: {said}");
            told += u32::from(is_told);
            assert!(files < ENOUGH || is_fine, "{files} files are not enough: {said}");
        }
        assert!(told > 2, "the disk was full {told} times");
    }
}
