//! Real work by real programs: shells, git, compilers, interpreters, a package manager.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::support::{Bryo, Home, debian};

const LONG: Duration = Duration::from_secs(300);

/// A library, a program and a test of it, in C.
const MAKEFILE: &str = "\
CFLAGS = -O1 -Wall -Werror -MMD
all: sum
sum: main.o sum.o
\t$(CC) -o $@ $^
check: sum
\ttest \"$$(seq 100 | ./sum)\" = 5050
\ttest \"$$(./sum < /dev/null)\" = 0
clean:
\trm -f sum *.o *.d
-include *.d
";
const MAIN_C: &str = "\
#include <stdio.h>
#include \"sum.h\"
int main(void) {
    long n, total = 0;
    while (scanf(\"%ld\", &n) == 1) total = sum(total, n);
    printf(\"%ld\\n\", total);
    return 0;
}
";

fn c_project() -> Home {
    let home = Home::new();
    let scratch = home.scratch();
    scratch.write("work/Makefile", MAKEFILE);
    scratch.write("work/main.c", MAIN_C);
    scratch.write("work/sum.h", "long sum(long, long);\n");
    scratch.write("work/sum.c", "#include \"sum.h\"\nlong sum(long a, long b) { return a + b; }\n");
    home
}

#[test]
fn gcc_and_make_build_and_test_a_program() {
    needs!("gcc", "make");
    for flags in [&[][..], &["--root"][..]] {
        let home = c_project();
        Bryo::run()
            .at(&home)
            .args(flags)
            .shell("make -s -j4 all check && make -s clean && make -s check && echo built")
            .stdout("built\n")
            .limit(LONG)
            .check();
        Bryo::program(home.work().join("sum")).stdin("1 2 3\n").stdout("6\n").check();
    }
}

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
fn python_makes_a_venv_forks_and_keeps_a_database() {
    needs!("python3");
    let script = "
import multiprocessing, sqlite3, subprocess, sys, tempfile, threading, socket, ctypes, asyncio
def square(n): return n * n
if __name__ == '__main__':
    with multiprocessing.Pool(4) as pool: print(sum(pool.map(square, range(100))))
    queue = multiprocessing.Queue(); queue.put(7); print(queue.get())
    base = sqlite3.connect('base.db'); base.execute('pragma journal_mode=wal')
    base.execute('create table t (n)'); base.executemany('insert into t values (?)', [(n,) for n in range(1000)])
    base.commit(); print(base.execute('select sum(n) from t').fetchone()[0])
    with tempfile.NamedTemporaryFile() as f: print(f.name.startswith('/tmp/'))
    server = socket.create_server(('127.0.0.1', 0))
    threading.Thread(target=lambda: server.accept()[0].sendall(b'hi')).start()
    print(socket.create_connection(server.getsockname()).recv(2).decode())
    print(asyncio.run(asyncio.sleep(0, 'slept')))
    print(subprocess.check_output(['echo', 'child']).decode().strip())
";
    let home = Home::new();
    home.scratch().write("work/all.py", script);
    Bryo::run()
        .at(&home)
        .command(["python3", "all.py"])
        .stdout("328350\n7\n499500\nTrue\nhi\nslept\nchild\n")
        .limit(LONG)
        .check();
    let venv = "python3 -m venv --without-pip v && . v/bin/activate &&
        python -c 'import sys; print(sys.prefix != sys.base_prefix)'";
    Bryo::run().at(&home).shell(venv).stdout("True\n").limit(LONG).check();
}

#[test]
fn cargo_builds_and_tests_a_crate_without_a_network() {
    let home = Home::new();
    show_rust_of_the_account(&home);
    let path = format!("{}/.cargo/bin:/usr/local/bin:/usr/bin:/bin", home.home().display());
    let run = || Bryo::run().at(&home).env("PATH", &path).limit(LONG).leftovers_unjudged();
    if run().shell("cargo --version && cc --version").start().finish().status != 0 {
        // No skip: to build bryo Rust must be there, but not for the user who runs its tests.
        let _ = std::io::stderr().write_all(b"\nnote: no Rust for this user, none is tested\n");
        return;
    }
    let script =
        "cargo -q init --name small --lib . && cargo -q test --offline 2>&1 | grep 'test result'";
    run().shell(script).stdout_contains("test result: ok. 1 passed").check();
    run().shell("touch ~/.cargo/bin/x 2>/dev/null || echo no").stdout("no\n").check();
}

/// Links the toolchain of the account into the home of a test, as its own.
fn show_rust_of_the_account(home: &Home) {
    let getent = ["-c", "getent passwd $(id -u) | cut -d : -f 6"];
    let account = Bryo::program("/bin/sh").args(getent).stdout_any().check();
    let account = Path::new(account.text().trim());
    home.scratch().dir("home/.cargo");
    for name in [".cargo/bin", ".rustup"] {
        if account.join(name).is_dir() {
            std::os::unix::fs::symlink(account.join(name), home.home().join(name)).unwrap();
        }
    }
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
