//! Tars that are made to do harm: refused or neutralised by name, and nothing is left of those that
//! were refused, neither in the store nor outside of it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use tar_core::EntryType;
use tar_core::builder::PaxBuilder;

use crate::support::Home;

use super::written::{Entry, directory, entry, file, link, symlink, tar};
use super::{import, kept, tar_file, verb};

pub(super) fn home() -> Home {
    let home = Home::new();
    home.scratch().write("work/a", "a\n");
    home.scratch().write("work/d/b", "b\n");
    home.scratch().write("canary", "alive\n");
    home.scratch().write("outside/b", "b\n");
    home
}

/// Refused with this, and as if nothing had been tried.
#[track_caller]
pub(super) fn refused(what: &str, bytes: &[u8], why: &str) {
    let home = home();
    tar_file(&home, bytes);
    let told = import(&home, &["../it.tar"]).start().finish();
    let talk = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status, 125, "{what}: {talk}");
    assert!(talk.contains(why), "{what}: {talk}");
    assert!(talk.starts_with("bryo: error: cannot import `../it.tar`: "), "{what}: {talk}");
    untouched(&home, what);
    assert_eq!(kept(&home), [""; 0], "{what}");
}

#[track_caller]
fn untouched(home: &Home, what: &str) {
    for (path, text) in
        [("canary", "alive\n"), ("outside/b", "b\n"), ("work/a", "a\n"), ("work/d/b", "b\n")]
    {
        assert_eq!(home.scratch().read(path), text, "{what}: {path}");
    }
    let mut names: Vec<_> = fs::read_dir(home.root().join("outside"))
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["b"], "{what}");
}

/// Imported with these warnings; the layer, to be looked at.
#[track_caller]
fn neutralised(entries: impl IntoIterator<Item = Entry>, warnings: &[&str]) -> Home {
    let home = home();
    tar_file(&home, &tar(entries));
    let mut import = import(&home, &["../it.tar", "--name", "in"]).stderr_contains(" in in");
    for warning in warnings {
        import = import.stderr_contains(format!("bryo: warning: {warning}\n"));
    }
    import.check();
    untouched(&home, "neutralised");
    home
}

fn upper(home: &Home) -> std::path::PathBuf {
    home.data().join("bryo/changes/in/layers/0/upper")
}

#[test]
fn names_that_lead_out() {
    for (path, why) in [
        ("../canary", "its name leads out with `..`"),
        ("d/../../canary", "its name leads out with `..`"),
        ("d/..", "its name leads out with `..`"),
        ("/etc/passwd", "its name begins with `/`"),
        ("//etc/passwd", "its name begins with `/`"),
    ] {
        refused(path, &tar([file(path, "dead\n")]), why);
        refused(path, &tar([directory(path)]), why);
        refused(path, &tar([symlink(path, "x")]), why);
        refused(path, &tar([file("x", ""), link("y", path)]), why);
        refused(path, &tar([file("x", "").said("path", path)]), why);
    }
    let deep = "a/".repeat(100_000) + "f";
    refused("deep", &tar([file("x", "").said("path", &deep)]), "it lies below 100000 directories");
    refused("NUL", &tar([file("x", "").said("path", "a\0b")]), "its name holds a zero byte");
    refused("long", &tar([file("n".repeat(256), "")]), "file name too long");
    refused("root", &tar([file("./", "x").mode(0o644)]), "it has content, and is no file");
    refused("root", &tar([symlink("./", "/etc")]), "takes the place of a directory");
}

#[test]
fn links_on_the_way() {
    for target in ["../outside", "/", ".", "d"] {
        let through = [symlink("l", target), file("l/b", "dead\n")];
        refused(target, &tar(through), "it");
        let deletes = [symlink("l", target), file("l/.wh.b", "")];
        refused(target, &tar(deletes), "it");
        let hides = [symlink("l", target), file("l/.wh..wh..opq", "")];
        refused(target, &tar(hides), "it");
    }
    // A link that takes the place of a directory, or is replaced by one.
    let late = [directory("l"), symlink("l", "../outside"), file("l/b", "dead\n")];
    refused("late", &tar(late), "the tar has a directory of that name, too");
    let early = [symlink("l", "../outside"), directory("l"), file("l/b", "dead\n")];
    refused("early", &tar(early), "the tar has `l` as something else, too");
}

#[test]
fn a_link_of_the_host_is_no_way() {
    let home = home();
    std::os::unix::fs::symlink("../outside", home.work().join("host")).unwrap();
    tar_file(&home, &tar([file("host/b", "dead\n"), file("host/.wh.c", "")]));
    import(&home, &["../it.tar", "--name", "in"]).stderr_any().check();
    untouched(&home, "imported");
    // The link of the host is replaced by a directory, which is what the tar says.
    verb(&home, "diff").args(["in", "--name-only"]).stdout("host\nhost/b\n").check();
    verb(&home, "apply").arg("in").stderr_any().check();
    untouched(&home, "applied");
    assert!(home.work().join("host").symlink_metadata().unwrap().is_dir());
}

#[test]
fn hard_links_to_what_the_tar_does_not_hold() {
    for target in ["a", "d/b", "gone", "no/way"] {
        refused(target, &tar([link("x", target)]), "which the tar did not hold yet");
    }
    let to_link = [symlink("l", "../canary"), link("x", "l")];
    refused("to a link", &tar(to_link), "it links to `l`, which is no file");
    let through = [symlink("l", ".."), link("x", "l/canary")];
    refused("through a link", &tar(through), "cannot place `x`");
    let to_directory = [directory("m"), link("x", "m")];
    refused("to a directory", &tar(to_directory), "it links to `m`, which is no file");
    let to_whiteout = [file(".wh.a", ""), link("x", "a")];
    refused("to a whiteout", &tar(to_whiteout), "it links to `a`, which is no file");
    refused("to itself", &tar([link("x", "x")]), "which the tar did not hold yet");
    refused(
        "with content",
        &tar([file("x", "1"), link("y", "x").size(1)]),
        "it has content, and is no file",
    );
}

#[test]
fn whiteouts_that_mean_something_else() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh...", "d/.wh."] {
        refused(name, &tar([file(name, "")]), "it deletes no name");
    }
    for name in [".wh.a/x", ".wh..wh..opq/x", "d/.wh.b/x/y"] {
        refused(name, &tar([file(name, "")]), "it lies in what says that something is deleted");
    }
    let home = neutralised(
        [file(".wh..wh.plnk", "x"), file(".wh..wh.aufs", ""), file("x", "")],
        &["`.wh..wh.plnk`: it says nothing to anybody but aufs, and is left out"],
    );
    assert_eq!(fs::read_dir(upper(&home)).unwrap().count(), 1);
}

#[test]
fn what_a_driver_would_obey() {
    let notes = [
        "user.overlay.opaque",
        "user.overlay.redirect",
        "user.overlay.metacopy",
        "user.overlay.whiteout",
        "user.overlay.overlay.opaque",
        "user.fuseoverlayfs.opaque",
        "user.fuseoverlayfs.override_stat",
        "trusted.overlay.opaque",
    ];
    for note in notes {
        let key = format!("SCHILY.xattr.{note}");
        let value = if note.ends_with("redirect") { "/outside" } else { "y" };
        let home = neutralised(
            [directory("d").said(&key, value), file("x", "").said(&key, value), file("d/n", "")],
            &[
                "`d`: an attribute of it is one of an overlay driver, and is left out",
                "`x`: an attribute of it is one of an overlay driver, and is left out",
            ],
        );
        // The host's file still shows through.
        verb(&home, "diff").args(["in", "--name-only"]).stdout("d/n\nx\n").check();
    }
    for other in ["security.capability", "security.selinux", "system.data", "user.", "nonsense"] {
        let key = format!("SCHILY.xattr.{other}");
        neutralised(
            [file("x", "").said(&key, "v")],
            &["`x`: an attribute of it is none that a user may set, and is left out"],
        );
    }
    // acl(5): of version 2, for the owner, a user who is none, the group, the mask and the others.
    let entries = [(1, u32::MAX), (2, u32::MAX), (4, u32::MAX), (16, u32::MAX), (32, u32::MAX)];
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, who) in entries {
        list.extend([tag, 0, 7, 0]);
        list.extend(who.to_le_bytes());
    }
    let key = "SCHILY.xattr.system.posix_acl_access";
    let unknown = "`x`: its access list names nobody, and is left out";
    neutralised([file("x", "").said(key, list)], &[unknown]);
    let wrong = "`x`: an attribute of it cannot be kept here, and is left out";
    neutralised([file("x", "").said(key, "nonsense")], &[wrong]);
}

#[test]
fn devices_and_bits_that_lend_rights() {
    let mut null = entry(EntryType::Char, "null");
    null = null.mode(0o666);
    let home = neutralised(
        [
            null,
            entry(EntryType::Char, "a").mode(0),
            entry(EntryType::Block, "disk"),
            entry(EntryType::Other(b'Q'), "unknown"),
            entry(EntryType::Fifo, "fifo"),
            file("su", "x").mode(0o4755),
            file("sg", "x").mode(0o2755),
            file("sticky", "x").mode(0o1644),
            directory("dir").mode(0o7755),
        ],
        &[
            "`null`: it is a device, and is left out",
            "`a`: it is a device, and is left out",
            "`disk`: it is a device, and is left out",
            "`unknown`: it is of no known type, and is left out",
            "`su`: it is imported without its set-user-id or set-group-id bit",
            "`sg`: it is imported without its set-user-id or set-group-id bit",
        ],
    );
    let facts = |name: &str| fs::symlink_metadata(upper(&home).join(name)).ok();
    let mode = |name: &str| facts(name).unwrap().permissions().mode() & 0o7777;
    assert!(["null", "a", "disk", "unknown"].iter().all(|name| facts(name).is_none()));
    assert!(facts("fifo").unwrap().file_type().is_fifo());
    assert_eq!([mode("su"), mode("sg"), mode("dir")], [0o755, 0o755, 0o3755]);
    verb(&home, "diff").args(["in", "--name-only"]).stdout("dir\nfifo\nsg\nsticky\nsu\n").check();
}

#[test]
fn kinds_that_change() {
    let both = "too";
    refused(
        "file, then in it",
        &tar([file("x", ""), file("x/y", "")]),
        "the tar has `x` as something else, too",
    );
    refused("directory, then file", &tar([directory("x"), file("x/y", ""), file("x", "")]), both);
    refused("file, then directory", &tar([file("x", ""), directory("x")]), both);
    refused("FIFO, then directory", &tar([entry(EntryType::Fifo, "x"), file("x/y", "")]), both);
    refused(
        "directory with content",
        &tar([directory("x").size(512)]),
        "it has content, and is no file",
    );
    refused("link to nothing", &tar([symlink("x", "")]), "cannot place `x`");
}

#[test]
fn a_note_is_believed_no_further_than_it_goes() {
    let noted = |note: &str, entries: Vec<Entry>| {
        let mut said = PaxBuilder::new();
        said.add("comment", note);
        let said = said.finish();
        let mut header = entry(EntryType::XGlobalHeader, "g").size(said.len() as u64).bytes();
        header.extend_from_slice(&said);
        header.resize(header.len().next_multiple_of(512), 0);
        [header, tar(entries)].concat()
    };
    let home = home();
    let root = home.root().display().to_string();
    let work = home.work().display().to_string();
    let run = |bytes: Vec<u8>| import(&home, &["--name", "in"]).stdin(bytes);
    // Names beside the directories that it names.
    let beside = noted(&format!("bryo-changes-1 {root} {work}"), vec![file("outside/b", "dead\n")]);
    run(beside).status(125).stderr_contains("it lies in none of the directories").check();
    let above = noted(&format!("bryo-changes-1 {root} {work}"), vec![symlink("work", "outside")]);
    run(above).status(125).stderr_contains("takes the place of a directory").check();
    let across = vec![file("work/x", ""), link("outside/y", "work/x")];
    let across = noted(&format!("bryo-changes-1 {root} {work} {root}/outside"), across);
    run(across).status(125).stderr_contains("what it links to is in another layer").check();
    // A directory that is reached through a link is not the one that it names.
    std::os::unix::fs::symlink("outside", home.root().join("link")).unwrap();
    let linked =
        noted(&format!("bryo-changes-1 {root}/link {root}/link"), vec![file("b", "dead\n")]);
    run(linked).status(125).stderr_contains("cannot put changes over").check();
    assert_eq!(kept(&home), [""; 0]);
    // One that is none is a comment.
    let other = noted("bryo-changes-1 /a /b", vec![file("n", "")]);
    run(other).stderr_contains(format!("1 change in in, over `{work}`")).check();
    untouched(&home, "noted");
}

#[test]
fn names_are_told_without_their_escapes() {
    let home = home();
    tar_file(&home, &tar([file("../\x1b[31m\n", "")]));
    import(&home, &["../it.tar"])
        .status(125)
        .stderr_contains("`../\\u{1b}[31m\\n`")
        .stderr_lacks("\x1b")
        .check();
}
