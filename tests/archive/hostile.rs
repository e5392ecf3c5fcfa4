//! Tars that are made to do harm: refused or neutralised by name, and nothing is left of those that
//! were refused, neither in the store nor outside of it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::Duration;

use rustix::process::Signal;
use tar_core::EntryType;
use tar_core::builder::PaxBuilder;

use crate::support::{Bryo, Home};

use super::written::{Entry, directory, entry, file, link, symlink, tar};
use super::{import, kept, tar_file, verb};

fn home() -> Home {
    let home = Home::new();
    home.scratch().write("work/a", "a\n");
    home.scratch().write("work/d/b", "b\n");
    home.scratch().write("canary", "alive\n");
    home.scratch().write("outside/b", "b\n");
    home
}

/// Refused with this, and as if nothing had been tried.
#[track_caller]
fn refused(what: &str, bytes: &[u8], why: &str) {
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
    // acl(5): of version 2, for the owner, user 12345, the group, the mask and the others.
    let entries = [(1, u32::MAX), (2, 12345), (4, u32::MAX), (16, u32::MAX), (32, u32::MAX)];
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, who) in entries {
        list.extend([tag, 0, 7, 0]);
        list.extend(who.to_le_bytes());
    }
    let key = "SCHILY.xattr.system.posix_acl_access";
    let unknown = "`x`: its access list names others than you, or nobody, and is left out";
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
fn cut_off_anywhere() {
    let mut whole = tar([
        directory("n"),
        file("n/x", &"content\n".repeat(100)).said("SCHILY.xattr.user.a", "v".repeat(600)),
        file(["y"; 60].join("/"), "more"),
    ]);
    let home = home();
    import(&home, &["--name", "whole"]).stdin(whole.clone()).stderr_contains("62 changes").check();
    // One block of zeros is no end, and no zeros are none.
    for length in (0..whole.len()).filter(|it| it % 512 == 0 || it % 1000 == 0) {
        let why = match length {
            0 => "it is empty",
            _ => "cannot import `-`: ",
        };
        import(&home, &[]).stdin(whole[..length].to_vec()).status(125).stderr_contains(why).check();
        assert_eq!(kept(&home), ["whole"], "{length}");
    }
    for at in [0, 100, 300, 512 + 10, 512 + 300] {
        whole[at] ^= 0x55;
        import(&home, &[])
            .stdin(whole.clone())
            .status(125)
            .stderr_contains("it is no tar, or damaged")
            .check();
        whole[at] ^= 0x55;
    }
    import(&home, &[])
        .stdin("no tar at all\n".repeat(100))
        .status(125)
        .stderr_contains("it is no tar, or damaged")
        .check();
    assert_eq!(kept(&home), ["whole"]);
}

#[test]
fn sizes_that_lie() {
    refused("too long", &tar([file("x", "1").size(u64::from(u32::MAX))]), "it is cut off");
    let endless = file("x", "").said("size", u64::MAX.to_string());
    refused("endless", &tar([endless]), "cannot import");
    let most = file("x", "").said("size", (u64::MAX - 600).to_string());
    refused("nearly endless", &tar([most]), "it is cut off");
    refused(
        "no number",
        &tar([file("x", "1").said("size", "many")]),
        "a number in its header is none",
    );
    refused(
        "negative",
        &tar([file("x", "1").said("size", "-1")]),
        "a number in its header is none",
    );
    refused("time", &tar([file("x", "1").said("mtime", "soon")]), "a number in its header is none");
}

#[test]
fn maps_of_holes_that_lie() {
    let map = |map: &str, size: &str, content: &str| {
        tar([file("x", content).said("GNU.sparse.map", map).said("GNU.sparse.size", size)])
    };
    let wrong = "the map of the holes of `x` is wrong";
    refused("beyond the end", &map("0,1,5,1", "5", "ab"), wrong);
    refused("backwards", &map("5,1,0,1", "9", "ab"), wrong);
    refused("overlapping", &map("0,2,1,1", "9", "abc"), wrong);
    refused("more than there is", &map("0,5", "9", "ab"), wrong);
    refused("less than there is", &map("0,1", "9", "ab"), wrong);
    refused("overflowing", &map("18446744073709551615,1", "9", "a"), wrong);
    let many = "0,0,".repeat(20_000);
    refused("endless map", &map(many.trim_end_matches(','), "9", ""), "it is no tar, or damaged");
    refused("larger than any file", &map("0,1", "18446744073709551615", "a"), "cannot place `x`");
}

#[test]
fn headers_without_end_take_no_memory() {
    let home = home();
    let limited = |bytes: Vec<u8>, why: &str| {
        let file = home.scratch().write("it.tar", bytes);
        let script = format!("ulimit -v 200000; exec \"$0\" changes import {}", file.display());
        Bryo::program("/bin/sh")
            .at(&home)
            .leftovers_unjudged()
            .args(["-c", &script])
            .arg(crate::support::place::binary())
            .status(125)
            .stderr_contains(why)
            .check();
        assert_eq!(kept(&home), [""; 0]);
    };
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader, EntryType::GnuLongName] {
        let mut bytes = entry(kind, "x").size(4 << 30).bytes();
        bytes.resize(bytes.len() + (64 << 20), b'x');
        limited(bytes, "it is no tar, or damaged: metadata exceeds limit");
    }
    let many: Vec<u8> = (0..100).flat_map(|_| entry(EntryType::XHeader, "x").bytes()).collect();
    limited(many, "it is no tar, or damaged");
    // A map that never ends, in the content of a sparse file of the form 1.0.
    let mut sparse = file("x", "")
        .said("GNU.sparse.major", "1")
        .said("GNU.sparse.minor", "0")
        .said("GNU.sparse.realsize", "5")
        .size(64 << 20)
        .bytes();
    sparse.resize(sparse.len() + (64 << 20), b'1');
    limited(sparse, "a header in it is too large");
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
fn an_import_that_is_ended_leaves_nothing() {
    let home = home();
    let whole = tar([file("x", &"content\n".repeat(1000))]);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut running = import(&home, &[]).stdin_piped().start();
        running.send(&whole[..1024]);
        let begun = std::time::Instant::now();
        while kept(&home).is_empty() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(kept(&home).len(), 1);
        running.signal(signal);
        let told = running.finish();
        assert_eq!(told.status, 125);
        assert!(told.talk().contains("it was interrupted"), "{}", told.talk());
        assert_eq!(kept(&home), [""; 0]);
    }
}

#[test]
fn a_full_disk_leaves_nothing() {
    let home = home();
    let script = format!("ulimit -f 100; exec \"$0\" changes import {}", "../it.tar");
    tar_file(&home, &tar([file("small", "x"), file("large", &"content\n".repeat(100_000))]));
    Bryo::program("/bin/sh")
        .at(&home)
        .leftovers_unjudged()
        .args(["-c", &format!("trap '' XFSZ; {script}")])
        .arg(crate::support::place::binary())
        .status(125)
        .stderr_contains("cannot place `large`")
        .check();
    assert_eq!(kept(&home), [""; 0]);
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
