//! A machine within the machine: a user and mount namespace with account files, ranges and
//! programs of its own, made by an ordinary user of his subordinate ids. newuidmap works in it,
//! as a copy that the root of that world owns.

use std::path::Path;

use super::{Bryo, Home, place, program};

#[derive(Debug)]
pub(crate) struct World {
    home: Home,
    uid: u32,
    /// What its root does before the run.
    setup: Vec<String>,
}

/// Maps the ids 0 to 1999, and 60,000 from 3,000,000,000 up, of the subordinate ids of the caller.
const MAKE: &str = r#"
set -eu
cd "$1"
mkfifo up down
unshare --user --mount bash -c 'echo $$ > up; read go < down
    exec setpriv --reuid 0 --regid 0 --clear-groups bash ./setup' &
world=$!
read pid < up
read first < <(awk -F: -v name="$(id -un)" -v uid="$(id -u)" \
    '$1 == name || $1 == uid { print $2 }' /etc/subuid)
read gfirst < <(awk -F: -v name="$(id -un)" -v uid="$(id -u)" \
    '$1 == name || $1 == uid { print $2 }' /etc/subgid)
newuidmap "$pid" 0 "$(id -u)" 1 1 "$first" 1999 3000000000 $((first + 2000)) 60000
newgidmap "$pid" 0 "$(id -g)" 1 1 "$gfirst" 1999 3000000000 $((gfirst + 2000)) 60000
echo go > down
wait "$world"
"#;

/// Own copies with the bit of their own root: the machine's newuidmap is setuid to a root that does
/// not exist there.
const PROGRAMS: &str = r#"
set -eu
mount -t tmpfs -o mode=755 tmpfs programs
for name in newuidmap newgidmap; do
    path=$(command -v $name)
    cp "$path" programs
    chmod 4755 programs/$name
    mount --bind programs/$name "$path"
done
"#;

impl World {
    /// Whether this user can make one, else why not.
    pub(crate) fn is_lacking() -> Option<&'static str> {
        let of_this_user = |line: &str, name: &str| {
            let uid = rustix::process::getuid().as_raw().to_string();
            line.split(':').next().is_some_and(|owner| owner == name || owner == uid)
        };
        let name = std::env::var("USER").unwrap_or_default();
        for file in ["/etc/subuid", "/etc/subgid"] {
            let content = std::fs::read_to_string(file).unwrap_or_default();
            if !content.lines().any(|line| of_this_user(line, &name)) {
                return Some("no subordinate ids");
            }
        }
        program("newuidmap").is_none().then_some("no newuidmap")
    }

    pub(crate) fn new(uid: u32) -> Self {
        let world = Self { home: Home::new(), uid, setup: Vec::new() };
        let account = format!("root:x:0:0::/root:/bin/sh\nada:x:{uid}:{uid}::/nowhere:/bin/sh\n");
        world.file("/etc/passwd", &account).file("/etc/group", &format!("ada:x:{uid}:\n"))
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Other content for a file that the machine has.
    pub(crate) fn file(mut self, path: &str, content: &str) -> Self {
        let own = self.home.scratch().script(format!("world{path}"), content);
        self.setup.push(format!("mount --bind '{}' '{path}'", own.display()));
        self
    }

    /// The same ranges of user and of group ids.
    pub(crate) fn ranges(self, content: &str) -> Self {
        self.file("/etc/subuid", content).file("/etc/subgid", content)
    }

    /// A program that this world has not.
    pub(crate) fn without(mut self, name: &str) -> Self {
        if let Some(path) = program(name) {
            self.setup.push(format!("mount --bind /dev/null '{}'", path.display()));
        }
        self
    }

    /// `bryo run …` as the user of this world.
    pub(crate) fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Bryo {
        let bryo = place::binary();
        self.call(&bryo, ["run"].into_iter().chain(words))
    }

    /// Any program as the user of this world.
    pub(crate) fn call<'a>(
        &self,
        program: &Path,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Bryo {
        let work = self.home.work();
        let quoted = |word: &str| format!("'{}'", word.replace('\'', r"'\''"));
        let words: Vec<_> = words.into_iter().map(quoted).collect();
        let uid = self.uid;
        let setup = format!(
            "{PROGRAMS}\n{}\nrm -f up down\nexec setpriv --reuid {uid} --regid {uid} --clear-groups '{}' {}\n",
            self.setup.join("\n"),
            program.display(),
            words.join(" ")
        );
        std::fs::create_dir_all(work.join("programs")).unwrap();
        std::fs::write(work.join("setup"), setup).unwrap();
        let work = work.to_string_lossy().into_owned();
        Bryo::program("/bin/bash").at(&self.home).args(["-c", MAKE, "world", &work])
    }
}
