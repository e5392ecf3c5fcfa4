//! Tars that end too early, lie about sizes or never end; and imports that are ended. Each leaves
//! nothing in the store.

use std::time::Duration;

use rustix::process::Signal;
use tar_core::EntryType;

use crate::support::Bryo;

use super::hostile::{home, refused};
use super::written::{directory, entry, file, tar};
use super::{import, kept, tar_file};

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
