//! Real work by real programs: shells, archives, large trees, a package manager. The tools of
//! developers are in `tools`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{Bryo, Home, debian};

const LONG: Duration = Duration::from_secs(300);

#[test]
fn bash_does_what_scripts_do() {
    let script = r#"
        set -euo pipefail
        shopt -s nullglob
        trap 'echo trapped $?' EXIT
        declare -A map=([a]=1 [b]=2)
        echo "${map[a]} ${#map[@]}"
        diff <(printf '1\n2\n') <(seq 2) && echo same
        coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"
        sleep 0.1 & wait $! && echo waited
        ( ulimit -c 0; exit 3 ) || echo "status $?"
        exec 5<<<"here"; cat <&5
        timeout 0.2 sleep 10 || echo "timed out $?"
        mapfile -t lines < <(seq 3); echo "${lines[*]}"
        trap 'echo signalled' USR1; kill -USR1 $$
    "#;
    Bryo::run()
        .command(["bash", "-c", script])
        .stdout_contains("1 2\nsame\nthrough\nwaited\nstatus 3\nhere\ntimed out 124\n1 2 3\n")
        .stdout_contains("1 2 3\nsignalled\ntrapped 0\n")
        .check();
}

#[test]
fn git_works_on_a_repository_and_on_a_clone_of_it() {
    needs!("git");
    let home = Home::new();
    let script = "
        set -e
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q -b main one && cd one
        for n in 1 2 3; do echo $n > f$n; git add .; git commit -qm \"commit $n\"; done
        git checkout -qb side HEAD~1 && echo s > s && git add s && git commit -qm side
        git merge -q main -m merge && git tag v1 && git gc -q
        cd .. && git clone -q one two && cd two
        git log --format=%s v1 | sort | tr '\\n' ' '
        echo x >> f1; git stash -q; git stash pop -q; git diff --stat | tail -1
        git worktree add -q ../three v1 && cd ../three && git status --short | wc -l
        git fsck --strict 2>&1 | grep -c error || true";
    Bryo::run()
        .at(&home)
        .shell(script)
        .stdout("commit 1 commit 2 commit 3 merge side  1 file changed, 1 insertion(+)\n0\n0\n")
        .stderr_contains("bryo: warning: `three/.git` is new, ")
        .stderr_contains("bryo: warning: `two/.git` is new, ")
        .stderr_lacks("one")
        .limit(LONG)
        .check();
}

#[test]
fn tar_keeps_owners_modes_links_and_times() {
    let home = Home::new();
    let script = "
        set -e
        mkdir -p in/d && echo a > in/f && ln in/f in/hard && ln -s f in/soft && mkfifo in/p
        chmod 4711 in/f && chmod 1777 in/d && touch -d 2001-02-03 in/d
        tar -cf all.tar in && mkdir out && tar -xpf all.tar -C out
        list() { (cd $1 && find . -printf '%p %y %m %n %l %Ts %U:%G\\n' | sort); }
        list in > 1; list out/in > 2; cmp 1 2 && wc -l < 1";
    let warning =
        "bryo: warning: `setuid-bits` is allowed: set-user-id bits on files of the host\n";
    for flags in [&[][..], &["--root"][..]] {
        Bryo::run()
            .at(&home)
            .args(flags)
            .args(["--allow", "setuid-bits", "--integrity=off"])
            .shell(&format!("rm -rf in out; {script}"))
            .stdout("6\n")
            .stderr(warning)
            .check();
    }
}

#[test]
fn a_tree_of_a_thousand_files_is_walked_copied_and_removed() {
    let script = "
        set -e
        for d in $(seq 20); do mkdir -p t/$d; for f in $(seq 50); do echo $f > t/$d/$f; done; done
        cp -a t u && diff -r t u && find u -type f | wc -l && cat u/*/* | sort | uniq -c | wc -l
        rm -rf t u; ls -A | wc -l";
    Bryo::run().shell(script).stdout("1000\n50\n0\n").limit(LONG).check();
}

/// Installs, checks and removes a real package with maintainers' scripts and owners of its own.
const INSTALL: &str = "
    set -e
    export DEBIAN_FRONTEND=noninteractive
    dpkg -i /opt/hello_*.deb >/dev/null
    hello
    dpkg -s hello | grep ^Status
    mkdir -p /opt/own/DEBIAN /opt/own/srv/own
    printf 'Package: own\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b>\\nDescription: d\\n' > /opt/own/DEBIAN/control
    printf '#!/bin/sh\\nset -e\\ngroupadd -r own\\nuseradd -r -g own own\\nchown -R own:own /srv/own\\nchmod 2750 /srv/own\\n' > /opt/own/DEBIAN/postinst
    chmod 755 /opt/own/DEBIAN/postinst
    echo text > /opt/own/srv/own/f
    dpkg-deb --build --root-owner-group /opt/own >/dev/null
    dpkg -i /opt/own.deb >/dev/null
    stat -c '%U:%G' /srv/own/f
    su own -s /bin/sh -c 'id -un; cat /srv/own/f'
    dpkg --purge own hello >/dev/null
    dpkg -l hello 2>/dev/null | grep -c ^ii || true
    dpkg --audit";

fn install(home: &Home, flags: &[&str]) {
    let outcome = Bryo::run()
        .at(home)
        .args(flags)
        .args(["--root", "--ids", "subids"])
        .shell(INSTALL)
        .stdout_any()
        .stderr_any()
        .limit(LONG)
        .leftovers_unjudged()
        .check();
    let lines: Vec<_> = outcome.text().lines().collect();
    assert_eq!(
        lines[..3],
        ["Hello, world!", "Status: install ok installed", "own:own"],
        "{lines:?}"
    );
    assert_eq!(lines[lines.len() - 2..], ["text", "0"], "{lines:?}");
}

#[test]
fn slow_dpkg_installs_packages_in_a_debian() {
    let home = Home::new();
    let debian = match debian::unpack(&home) {
        Ok(debian) => debian,
        Err(why) => skip!("{why}"),
    };
    install(&home, &["--rootfs", "debian:rw"]);
    assert!(fs::read_dir(debian.join("srv/own")).is_err());
    Bryo::run()
        .at(&home)
        .args(["--rootfs", "debian:ro", "--root"])
        .shell("dpkg -i /opt/hello_*.deb")
        .stderr_contains("Read-only file system")
        .status(2)
        .check();
}

/// Every file of a tree as its owner sees it.
fn listing(home: &Home, directory: &Path) -> String {
    let script =
        format!("cd '{}' && find . -printf '%p %y %m %U:%G %s %T@\\n' | sort", directory.display());
    let bryo = Bryo::program("/usr/bin/unshare").at(home).limit(LONG);
    let words = ["--user", "--map-root-user", "--map-auto", "sh", "-c", &script];
    bryo.args(words).stdout_any().check().text().to_owned()
}

#[test]
fn slow_dpkg_installs_packages_over_a_debian_that_stays_as_it_is() {
    let home = Home::new();
    let debian = match debian::unpack(&home) {
        Ok(debian) => debian,
        Err(why) => skip!("{why}"),
    };
    let before = listing(&home, &debian);
    for driver in ["kernel", "fuse"] {
        install(&home, &["--rootfs", "debian", "--overlay-driver", driver]);
        assert!(listing(&home, &debian) == before, "{driver} changed the tree");
    }
}
