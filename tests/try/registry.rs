//! A package with an install script, from a registry on the network: the files of the package are
//! applied, and what its script planted is not.
//!
//! The registry is at an address of its own in a network namespace, as one on the internet would be:
//! the loopback of the host is closed to a sandbox.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Bryo, Home, Tree, place, program};

use super::verb;

/// Becomes a host with an address and the registry there; then runs the rest of its words.
const HOST: &str = r#"
set -e
ip link set lo up
ip link add d0 type veth peer name d1
ip addr add 192.0.2.7/24 dev d0
ip link set d0 up; ip link set d1 up
ip route add default via 192.0.2.1
python3 "$1" 192.0.2.7 4873 >../serving & registry=$!
shift
until grep -qs serving ../serving; do sleep 0.02; done
set +e
"$@"
status=$?
kill $registry
exit $status
"#;

fn lacking() -> Option<String> {
    for needed in ["python3", "ip", "unshare", "slirp4netns"] {
        if program(needed).is_none() {
            return Some(format!("`{needed}` is not installed"));
        }
    }
    if std::fs::File::options().read(true).write(true).open("/dev/net/tun").is_err() {
        return Some("/dev/net/tun is closed to users".to_owned());
    }
    let veth = ["-Urn", "ip", "link", "add", "d0", "type", "veth"];
    let made = Command::new("unshare").args(veth).stderr(Stdio::null()).status();
    (!made.is_ok_and(|status| status.success())).then(|| "no veth in a user namespace".to_owned())
}

/// `bryo try --net …`, as a user of that host.
fn try_beside_registry(home: &Home) -> Bryo {
    Bryo::program(program("unshare").unwrap())
        .at(home)
        .args(["--user", "--map-root-user", "--net", "bash", "-c", HOST, "host"])
        .arg(place::tree().join("tests/try/registry.py"))
        .args(["unshare", "--user", "--map-user=1000", "--map-group=1000"])
        .arg(place::binary())
        .args(["try", "--net", "--name", "deps"])
        .leftovers_unjudged()
        .limit(Duration::from_secs(60))
}

#[track_caller]
fn assert_changed(before: &Tree, home: &Home, expected: &[&str]) {
    assert_eq!(before.changed_in(&Tree::of(&home.work())), expected);
}

#[test]
fn slow_an_npm_package_is_taken_without_what_its_script_planted() {
    needs!("npm", "node");
    if let Some(reason) = lacking() {
        skip!("{reason}");
    }
    let home = Home::new();
    home.scratch().write("work/.npmrc", "registry=http://192.0.2.7:4873/\nupdate-notifier=false\n");
    home.scratch().write("work/package.json", "{\n  \"name\": \"project\"\n}\n");
    home.scratch().write("work/index.js", "console.log(require('moss'))\n");
    let before = Tree::of(&home.work());
    try_beside_registry(&home)
        .command(["sh", "-c", "npm install --silent --no-audit --no-fund moss && node ."])
        .stdout("it grows\n")
        .stderr_contains("changes in deps: ")
        .check();
    assert_changed(&before, &home, &[]);
    verb(&home, "diff")
        .args(["deps", "--summary"])
        .stdout_contains("! .envrc  direnv obeys it\n")
        .stdout_contains("+ node_modules/  4 names, ")
        .stdout_contains("~ package.json  ")
        .check();
    verb(&home, "diff")
        .args(["deps", ".envrc", "package.json"])
        .stdout_contains("+curl moss.test\n")
        .stdout_contains("+    \"moss\": \"^1.0.0\"\n")
        .check();
    let wanted = ["package.json", "package-lock.json", "node_modules"];
    verb(&home, "apply")
        .arg("deps")
        .args(wanted)
        .stderr_contains("applied a part of deps; 1 change left")
        .check();
    let taken = [
        "node_modules",
        "node_modules/.package-lock.json",
        "node_modules/moss",
        "node_modules/moss/index.js",
        "node_modules/moss/package.json",
        "package-lock.json",
        "package.json",
    ];
    assert_changed(&before, &home, &taken);
    let applied = Tree::of(&home.work());
    verb(&home, "discard").arg("deps").stderr_contains("discarded deps; what was applied").check();
    assert_changed(&applied, &home, &[]);
    Bryo::program(program("node").unwrap()).at(&home).arg(".").stdout("it grows\n").check();
}

#[test]
fn slow_a_python_package_is_taken_in_part_and_taken_back() {
    needs!("pip3");
    if let Some(reason) = lacking() {
        skip!("{reason}");
    }
    let home = Home::new();
    home.scratch().write("work/main.py", "import moss; moss.main()\n");
    let before = Tree::of(&home.work());
    let install = "pip3 install --quiet --disable-pip-version-check --root-user-action=ignore \
                   --trusted-host 192.0.2.7 --index-url http://192.0.2.7:4873/simple/ \
                   --no-compile --target vendor moss && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=vendor python3 main.py";
    try_beside_registry(&home)
        .command(["sh", "-c", install])
        .stdout("it grows\n")
        .stderr_contains("changes in deps: ")
        .check();
    assert_changed(&before, &home, &[]);
    verb(&home, "diff").arg("deps").stdout_contains("+def main(): print('it grows')\n").check();
    verb(&home, "apply")
        .args(["deps", "vendor/moss.py"])
        .stderr_contains("applied a part of deps; ")
        .check();
    assert_changed(&before, &home, &["vendor", "vendor/moss.py"]);
    verb(&home, "undo").arg("deps").stderr_contains("as it was before").check();
    assert_changed(&before, &home, &[]);
    verb(&home, "discard").arg("deps").stderr_contains("discarded deps").check();
    assert_changed(&before, &home, &[]);
}
