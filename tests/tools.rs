//! Developer tools must not notice that they run in a sandbox: each does real work under the
//! profiles that developers use. What each does is a script of its own, `tests/tools/NAME/run`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{Bryo, Home, place, program, report_skip, rust};

const PROFILES: [&str; 2] = ["default", "build"];
const LONG: Duration = Duration::from_secs(60);

/// Runs `tests/tools/NAME/run` under each profile, in a home of its own: it must say this.
fn works(name: &str, says: &str) {
    for profile in profiles() {
        under(profile, &project(name)).stdout(says).check();
    }
}

/// `build` has a network in user mode.
fn profiles() -> impl Iterator<Item = &'static str> {
    let tun = fs::File::options().read(true).write(true).open("/dev/net/tun").is_ok();
    let driver = program("slirp4netns").or_else(|| program("pasta")).is_some();
    if !(tun && driver) {
        report_skip("no network in user mode, so no profile `build`");
    }
    PROFILES.into_iter().filter(move |it| *it == "default" || (tun && driver))
}

fn under(profile: &str, home: &Home) -> Bryo {
    let run = Bryo::run().at(home).args(["--profile", profile]).limit(LONG);
    run.command(["sh", "-eu", "run"])
}

/// A home whose working directory holds a project of `tests/tools`.
fn project(name: &str) -> Home {
    let home = Home::new();
    copy(&place::tree().join("tests/tools").join(name), &home.work());
    home
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn gcc_and_make_build_and_test_a_program() {
    needs!("gcc", "make");
    works("c", "built\n");
    let home = project("c");
    Bryo::run().at(&home).arg("--root").shell("make -s all check").limit(LONG).check();
    Bryo::program(home.work().join("sum")).stdin("1 2 3\n").stdout("6\n").check();
}

#[test]
fn cmake_ninja_and_ctest_build_and_test_a_program() {
    needs!("gcc", "cmake", "ninja");
    for profile in profiles() {
        let home = project("c");
        copy(&place::tree().join("tests/tools/cmake"), &home.work());
        under(profile, &home).stdout("100% tests passed, 0 tests failed out of 1\n").check();
    }
}

#[test]
fn cargo_builds_and_tests_a_workspace_without_a_network() {
    needs!("cc");
    for profile in profiles() {
        let home = project("rust");
        let path = match rust::show_in(&home) {
            Ok(path) => path,
            Err(why) => skip!("{why}"),
        };
        let run = || Bryo::run().at(&home).env("PATH", &path).args(["--profile", profile]);
        run()
            .command(["sh", "-eu", "run"])
            .stdout("140 by the build script\n3\n140 by the build script\n")
            .limit(LONG)
            .check();
        run().shell("touch ~/.cargo/bin/x 2>/dev/null || echo no").stdout("no\n").check();
    }
}

/// What was downloaded before is there to build with, and stays as it was.
#[test]
fn cargo_builds_with_crates_that_were_downloaded_before() {
    needs!("cc");
    let home = project("rust");
    let path = match rust::show_in(&home) {
        Ok(path) if home.home().join(".cargo/registry/index").exists() => path,
        Ok(_) => skip!("no crates were downloaded"),
        Err(why) => skip!("{why}"),
    };
    let script = "
        printf '[dependencies]\\nitoa = \"1\"\\n' >>part/Cargo.toml
        echo 'pub fn text() -> String { itoa::Buffer::new().format(7).to_owned() }' >>part/src/lib.rs
        cargo build --quiet --offline && grep -c 'name = \"itoa\"' Cargo.lock
        touch ~/.cargo/registry/own && echo 'written to a layer'";
    Bryo::run()
        .at(&home)
        .env("PATH", &path)
        .args(["--profile", "build"])
        .shell(script)
        .stdout("1\nwritten to a layer\n")
        .limit(LONG)
        .check();
    assert!(!home.home().join(".cargo/registry/own").exists());
}

#[test]
fn git_works_on_a_repository_and_on_clones_of_it() {
    needs!("git");
    for profile in profiles() {
        let home = project("git");
        let init = ["init", "--quiet", "--initial-branch=main"];
        Bryo::program(program("git").unwrap()).at(&home).args(init).check();
        under(profile, &home)
            .stdout(
                "1\ncommit 1 commit 2 commit 3 merge side  1 file changed, 1 insertion(+)\n0\n\
                 f1 g3 s 0\nmore\n",
            )
            .check();
        Bryo::program(program("git").unwrap()).at(&home).args(["status", "--porcelain"]).check();
    }
}

#[test]
fn python_runs_processes_and_makes_an_environment() {
    needs!("python3");
    works(
        "python",
        "pool 328350\nfork 7\nspawn 7\nforkserver 7\nexecutor 285\nshared 9\nmanager 2\n\
         subprocess child\nspawn 3\npidfd -15\npty terminal\n\
         sqlite 499500\nctypes 5\nmmap text\naffinity True True\nalarm\n\
         descriptor passed\nepoll 1\n127.0.0.1 hi\n::1 hi\nname 127.0.0.1\n\
         asyncio line\ncat whole\nthread 25\n\
         True\npip\na package\nOK\n",
    );
}

#[test]
fn node_runs_threads_children_watchers_and_servers() {
    needs!("node");
    works("node", "# pass 5\n# fail 0\n# cancelled 0\n");
}

#[test]
fn npm_packs_and_installs_a_package() {
    needs!("npm");
    works("npm", "tested\nsmall-1.0.0.tgz\nrequired\nrun\n2\n1\n");
}

#[test]
fn java_is_compiled_packed_and_run() {
    needs!("javac", "java", "jar");
    works(
        "java",
        "threads 499999500000\nsocket hi\nchild 3\nmapped 7\nwatched file\nprocessors true\n\
         processors true\n",
    );
}

#[test]
fn perl_runs_children_sockets_and_signals() {
    needs!("perl");
    works("perl", "socket hi\nstatus 3\npipe THROUGH\nalarm\nfile 4\nfifo\nperl\n");
}

#[test]
fn ruby_runs_threads_children_and_signals() {
    needs!("ruby");
    works("ruby", "threads 204\nsocket hi\nchild whole 3\nforked\nsignalled\nlocked\n");
}

#[test]
fn php_runs_a_script_and_serves_a_page() {
    needs!("php");
    works("php", "child said\npipe whole\nsocket hi\nlock true\npage of cli-server\n");
}

#[test]
fn busybox_is_a_shell_a_server_and_a_supervisor() {
    needs!("busybox");
    works("busybox", "5050\npage\nsite/index.html\nstopped\nscheduled\n");
}

#[test]
fn a_daemon_without_systemd_lives_as_long_as_the_sandbox() {
    needs!("python3", "ps");
    works("daemon", "away 0\npong\nadopted by init\nno terminal\npong\nreread\nended\npong\n");
}

#[test]
fn ssh_makes_keys_and_signs_and_asks_its_agent() {
    needs!("ssh-keygen", "ssh-agent", "openssl");
    works(
        "ssh",
        "Good \"file\" signature for\nme (ED25519)\nConnection refused\n17\nSHA2-256(stdin)= b9e\n",
    );
}

#[test]
fn an_editor_a_pager_and_a_manual_page_are_at_hand() {
    needs!("vim", "less", "man", "jq", "patch");
    works("reading", "1\nother\n-rw-r--r--\n{\"a\":\"b\"}\npatched\n");
}

#[test]
fn archives_and_copies_keep_all_that_a_file_has() {
    needs!("tar", "rsync", "setfattr", "setfacl");
    works(
        "files",
        "tar\nrsync\ncL+++++++++ soft -> f >f+++++++++ d/new cp\n8\n8\nlocked\n1048576\nthrough\n",
    );
}

#[test]
fn sqlite_takes_writers_at_a_time() {
    needs!("sqlite3");
    works("sqlite", "wal\n100|250\nok\n");
}

#[test]
fn tmux_serves_terminals() {
    needs!("tmux", "script");
    works("tmux", "2\none /dev/pts/\ntyped\ntyped\n/dev/pts/\n");
}

#[test]
fn gdb_and_strace_trace_where_that_is_open() {
    needs!("gdb", "strace", "gcc");
    if profiles().count() == PROFILES.len() {
        under("build", &project("debugger"))
            .stdout(
                "$1 = 21\n#0  twice (n=21) at main.c:3\n#1  in main () at main.c:5\n8\n\
                 [Inferior 1 (…) exited with code 03]\n42\nstatus 3\n1\nattached\n1\n",
            )
            .check();
    }
}

#[test]
fn gdb_and_strace_say_themselves_that_tracing_is_closed() {
    needs!("gdb", "strace", "gcc");
    let script = ["sh", "-eu", "refused"];
    Bryo::run()
        .at(&project("debugger"))
        .command(script)
        .stdout("ptrace: Operation not permitted\nPTRACE_TRACEME: Operation not permitted\n")
        .limit(LONG)
        .check();
}
