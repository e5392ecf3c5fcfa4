//! Who a command is inside, and who it is outside.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::{Bryo, Home, World};

fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

fn gid() -> u32 {
    rustix::process::getgid().as_raw()
}

/// Leaves the test where this user cannot use subordinate ids.
macro_rules! needs_ranges {
    () => {
        if let Some(lack) = World::is_lacking() {
            skip!("{lack}");
        }
    };
}

/// The lines of a map, single spaces.
fn lines(map: &str) -> Vec<String> {
    map.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_user_is_himself_inside_and_out() {
    let home = Home::new();
    let script = "id -u; id -g; whoami; id -un; echo ~; echo $HOME $USER $LOGNAME; touch made";
    let (uid, gid) = (uid(), gid());
    let name = Bryo::program("/usr/bin/id").arg("-un").stdout_any().check().text().to_owned();
    let (name, at) = (name.trim(), home.home());
    let at = at.display();
    Bryo::run()
        .at(&home)
        .shell(script)
        .stdout(format!("{uid}\n{gid}\n{name}\n{name}\n{at}\n{at} {name} {name}\n"))
        .check();
    let made = fs::metadata(home.work().join("made")).unwrap();
    assert_eq!((made.uid(), made.gid()), (uid, gid));
}

#[test]
fn a_plain_run_maps_one_id_and_has_no_capability() {
    let script = "cat /proc/self/uid_map /proc/self/gid_map; cat /proc/self/setgroups
        grep -E '^(Cap|NoNewPrivs)' /proc/self/status";
    let outcome = Bryo::run().shell(script).stdout_any().check();
    let (uid, gid) = (uid(), gid());
    let mut expected = vec![format!("{uid} {uid} 1"), format!("{gid} {gid} 1"), "deny".to_owned()];
    expected
        .extend(["Inh", "Prm", "Eff", "Bnd", "Amb"].map(|n| format!("Cap{n}: 0000000000000000")));
    expected.push("NoNewPrivs: 1".to_owned());
    assert_eq!(lines(outcome.text()), expected);
}

#[test]
fn tools_that_ask_who_the_user_is_are_answered() {
    needs!("git", "python3");
    Bryo::run()
        .shell(
            "git init -q . && git -c user.email=a@b -c user.name=a commit -q --allow-empty -m x &&
             git log --format=%s",
        )
        .stdout("x\n")
        .check();
    let script = "import getpass,os,pwd,grp; print(pwd.getpwuid(os.getuid()).pw_dir == \
                  os.path.expanduser('~'), grp.getgrgid(os.getgid()).gr_gid == os.getgid())";
    Bryo::run().command(["python3", "-c", script]).stdout("True True\n").check();
}

#[test]
fn every_namespace_is_new_and_time_only_when_asked() {
    let list = "for n in user mnt pid uts ipc net cgroup time; do readlink /proc/self/ns/$n; done";
    let outside = Bryo::program("/bin/sh").args(["-c", list]).stdout_any().check();
    let inside = Bryo::run().shell(list).stdout_any().check();
    let shifted = Bryo::run().arg("--time").shell(list).stdout_any().check();
    let pairs = outside.text().lines().zip(inside.text().lines()).zip(shifted.text().lines());
    let mut seen = 0;
    for ((outside, inside), shifted) in pairs {
        seen += 1;
        let is_time = outside.starts_with("time:");
        assert_eq!(outside == inside, is_time, "{outside} {inside}");
        assert_ne!(outside, shifted);
    }
    assert_eq!(seen, 8);
}

#[test]
fn clocks_are_shifted_when_asked() {
    let uptime = |bryo: Bryo| -> f64 {
        let outcome = bryo.shell("cut -d ' ' -f 1 /proc/uptime").stdout_any().check();
        outcome.text().trim().parse().unwrap()
    };
    let plain = uptime(Bryo::run());
    let shifted = uptime(Bryo::run().arg("--time=+3d"));
    assert!((shifted - plain - 3.0 * 86_400.0).abs() < 60.0, "{plain} {shifted}");
}

#[test]
fn root_inside_is_the_user_outside() {
    let home = Home::new();
    let shared = home.scratch().dir("shared");
    Bryo::run()
        .at(&home)
        .args(["--root", "--rw"])
        .arg(&shared)
        .shell(&format!("id -u; id -g; whoami; touch made '{}'/made", shared.display()))
        .stdout("0\n0\nroot\n")
        .check();
    for made in [home.work().join("made"), shared.join("made")] {
        let made = fs::metadata(made).unwrap();
        assert_eq!((made.uid(), made.gid()), (uid(), gid()));
    }
}

#[test]
fn root_inside_has_many_ids_where_there_are_ranges() {
    needs_ranges!();
    let home = Home::new();
    let script = "cat /proc/self/uid_map; touch f; chown 5:6 f; stat -c %u:%g f; rm f
        grep CapEff /proc/self/status";
    let outcome = Bryo::run()
        .at(&home)
        .args(["--root", "--ids", "subids"])
        .shell(script)
        .stdout_contains("\n5:6\n")
        .check();
    let map = lines(outcome.text());
    assert_eq!(map[0], format!("0 {} 1", uid()));
    assert!(map[1].starts_with("1 "), "{map:?}");
    let effective = outcome.text().lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    let effective = u64::from_str_radix(effective, 16).unwrap();
    // CAP_CHOWN, and neither CAP_SYS_ADMIN, CAP_SYS_PTRACE nor CAP_NET_ADMIN.
    assert_eq!(effective & (1 | 1 << 21 | 1 << 19 | 1 << 12), 1, "{effective:x}");
}

#[test]
fn root_inside_is_alone_when_asked() {
    Bryo::run()
        .args(["--root", "--ids", "single"])
        .shell("cat /proc/self/uid_map; touch f; chown 5 f 2>/dev/null || echo no")
        .stdout_contains(format!("{} ", uid()))
        .stdout_contains("         1\nno\n")
        .check();
}

#[test]
fn the_own_uid_stays_itself_among_the_ranges() {
    needs_ranges!();
    let home = Home::new();
    let script = "id -u; touch made; cat /proc/self/uid_map";
    let outcome =
        Bryo::run().at(&home).args(["--ids", "subids"]).shell(script).stdout_any().check();
    let uid = uid();
    let lines = lines(outcome.text());
    assert_eq!(lines[0], uid.to_string());
    assert!(lines.contains(&format!("{uid} {uid} 1")), "{lines:?}");
    assert!(lines[1].starts_with("0 "), "{lines:?}");
    assert_eq!(fs::metadata(home.work().join("made")).unwrap().uid(), uid);
}

#[test]
fn another_user_is_another_user() {
    needs_ranges!();
    let home = Home::new();
    Bryo::run()
        .at(&home)
        .args(["--user", "33:44"])
        .shell("id -u; id -g; id -G; grep CapEff /proc/self/status; touch ~/own; touch made")
        .stdout("33\n44\n44\nCapEff:\t0000000000000000\n")
        .stderr_contains("Permission denied")
        .status(1)
        .check();
    Bryo::run().args(["--user", "33"]).shell("id -u; id -g").stdout("33\n33\n").check();
    let own = format!("{}", uid());
    Bryo::run()
        .args(["--user", &own])
        .shell("touch made; id -u")
        .stdout(own.clone() + "\n")
        .check();
}

#[test]
fn another_user_is_the_caller_outside_where_there_is_one_id() {
    let home = Home::new();
    Bryo::run()
        .at(&home)
        .args(["--user", "33", "--ids", "single"])
        .shell("id -u; whoami; touch made")
        .stdout("33\nuser33\n")
        .check();
    assert_eq!(fs::metadata(home.work().join("made")).unwrap().uid(), uid());
}

#[test]
fn a_user_beyond_the_ranges_is_refused() {
    needs_ranges!();
    Bryo::run()
        .args(["--user", "4000000000"])
        .shell("echo started")
        .stderr_contains("cannot use `--user`: uid 4000000000 does not exist inside")
        .status(125)
        .check();
}

#[test]
fn without_new_privileges_auto_falls_back_and_subids_says_why() {
    let run = |words: &[&str]| {
        let bryo = crate::support::place::binary();
        Bryo::program("/usr/bin/setpriv").args(["--no-new-privs"]).arg(bryo).args(words)
    };
    run(&["run", "--root", "--", "cat", "/proc/self/uid_map"])
        .stdout(format!("{:10} {:10} {:10}\n", 0, uid(), 1))
        .check();
    run(&["run", "--root", "--plan", "--", "true"]).stdout_contains("no_new_privs").check();
    needs_ranges!();
    run(&["run", "--root", "--ids", "subids", "--", "echo", "started"])
        .stderr_contains("cannot map subordinate ids: no_new_privs is set")
        .stderr_contains("\nhint: ")
        .status(125)
        .check();
}

#[test]
fn ranges_are_found_by_name_and_number_and_joined() {
    needs_ranges!();
    let map =
        ["--root", "--ids", "subids", "--", "cat", "/proc/self/uid_map", "/proc/self/gid_map"];
    let world = World::new(500).ranges("ada:1000:10\nbob:1500:9\n500:1200:20\nada:1000:10\n");
    let outcome = world.run(map).stdout_any().check();
    let one = ["0 500 1", "1 1000 10", "11 1200 20"];
    assert_eq!(lines(outcome.text()), [one, one].concat());
}

#[test]
fn the_own_uid_lies_between_ranges() {
    needs_ranges!();
    let world = World::new(500).ranges("ada:1000:400\nada:1500:400\n");
    let words = ["--ids", "subids", "--", "sh", "-c", "id -u; cat /proc/self/uid_map"];
    let outcome = world.run(words).stdout_any().check();
    let expected = ["500", "0 1000 400", "400 1500 100", "500 500 1", "501 1600 300"];
    assert_eq!(lines(outcome.text()), expected);
}

#[test]
fn ids_above_two_to_the_thirty_first_work() {
    needs_ranges!();
    let world = World::new(3_000_000_000).ranges("3000000000:3000001000:50000\n");
    let map = ["--root", "--ids", "subids", "--", "cat", "/proc/self/uid_map"];
    let outcome = world.run(map).stdout_any().check();
    assert_eq!(lines(outcome.text()), ["0 3000000000 1", "1 3000001000 50000"]);
    let world = World::new(3_000_000_000).ranges("ada:3000001000:50000\n");
    world.run(["--", "sh", "-c", "id -u; whoami"]).stdout("3000000000\nada\n").check();
    let world = World::new(3_000_000_000).ranges("ada:3000001000:50000\n");
    let outcome = world
        .run(["--ids", "subids", "--", "sh", "-c", "id -u; cat /proc/self/uid_map"])
        .stdout_any()
        .check();
    let expected = ["3000000000", "0 3000001000 50000", "3000000000 3000000000 1"];
    assert_eq!(lines(outcome.text()), expected);
}

#[test]
fn a_site_may_keep_its_ranges_elsewhere() {
    needs_ranges!();
    needs!("getsubids");
    let answer = "#!/bin/sh\n[ \"$1\" = -g ] && shift\necho \"0: $1 1000 7\"\n";
    let path = crate::support::program("getsubids").unwrap();
    let world = World::new(500).ranges("bob:1:2\n").file(path.to_str().unwrap(), answer);
    let plan = ["--root", "--plan", "--", "true"];
    let outcome = world.run(plan).stdout_any().check();
    let plan: serde_json::Value = serde_json::from_str(outcome.text()).unwrap();
    for map in ["uid_map", "gid_map"] {
        assert_eq!(plan["identity"][map][1]["outside"], 1000, "{plan}");
        assert_eq!(plan["identity"][map][1]["count"], 7, "{plan}");
    }
}

#[test]
fn without_ranges_auto_falls_back_and_subids_says_why() {
    needs_ranges!();
    let world = || World::new(500).ranges("bob:1000:10\n").without("getsubids");
    world().run(["--root", "--", "id", "-u"]).stdout("0\n").check();
    world()
        .run(["--root", "--plan", "--", "true"])
        .stdout_contains("no range for `ada` in /etc/subuid")
        .check();
    world()
        .run(["--root", "--ids", "subids", "--", "echo", "started"])
        .stderr_contains("cannot map subordinate ids: no range for `ada` in /etc/subuid")
        .stderr_contains("`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada`")
        .status(125)
        .check();
}

#[test]
fn without_newuidmap_auto_falls_back_and_subids_says_why() {
    needs_ranges!();
    let world = || World::new(500).ranges("ada:1000:10\n").without("newuidmap");
    world().run(["--root", "--", "id", "-u"]).stdout("0\n").check();
    world()
        .run(["--root", "--ids", "subids", "--", "echo", "started"])
        .stderr_contains("cannot map subordinate ids: newuidmap and newgidmap are not installed")
        .stderr_contains("\n\nhint: an administrator can install")
        .status(125)
        .check();
}

#[test]
fn what_newuidmap_refuses_is_told() {
    needs_ranges!();
    // A site that answers ranges which newuidmap, with its own file, does not grant.
    let path = crate::support::program("getsubids").unwrap();
    let answer = "#!/bin/sh\n[ \"$1\" = -g ] && shift\necho \"0: $1 1000 7\"\n";
    let world = World::new(500).ranges("bob:1:2\n").file(path.to_str().unwrap(), answer);
    world
        .run(["--root", "--ids", "subids", "--", "echo", "started"])
        .stderr_contains("bryo: error: cannot map subordinate ids: newuidmap: ")
        .status(125)
        .check();
}

#[test]
fn root_of_a_namespace_is_not_root_of_the_machine() {
    let bryo = crate::support::place::binary();
    Bryo::program("/usr/bin/unshare")
        .args(["--user", "--map-root-user"])
        .arg(bryo)
        .args(["run", "--", "id", "-u"])
        .stdout("0\n")
        .check();
}

#[test]
fn a_host_name_is_the_sandbox_own() {
    Bryo::run().shell("hostname; cat /etc/hostname").stdout("bryo\nbryo\n").check();
    Bryo::run()
        .args(["--hostname", "box-1"])
        .shell("hostname; uname -n")
        .stdout("box-1\nbox-1\n")
        .check();
    Bryo::run()
        .args(["--hostname", "box-1"])
        .shell("getent hosts box-1")
        .stdout_contains("box-1")
        .check();
}
