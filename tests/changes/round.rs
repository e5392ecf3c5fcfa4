//! One round: trees made twice, changed plainly and in a sandbox, and then compared at every stage
//! of an apply. `random_tree.py` makes, changes and shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Bryo, Home, Outcome, place};

use super::Driver;

/// So many in one round: as many cases for the price of one sandbox.
pub(super) const TREES: u64 = 40;
const LIMIT: Duration = Duration::from_secs(100);
const NAME: &str = "it";

pub(super) struct Round {
    seed: u64,
    driver: Driver,
    home: Home,
    script: PathBuf,
}

type Result<T> = std::result::Result<T, String>;

/// Every tree by its number, as `random_tree.py show` has it.
type Trees = BTreeMap<u64, Vec<String>>;

/// What has been applied so far, and what is to come.
enum Applied {
    Whole,
    Part { middle: Trees },
}

impl Round {
    pub(super) fn new(seed: u64, driver: Driver) -> Self {
        let home = Home::new();
        let script = home.work().join("random_tree.py");
        fs::copy(place::tree().join("tests/changes/random_tree.py"), &script).unwrap();
        for name in ["plain", "tried"] {
            fs::create_dir(home.work().join(name)).unwrap();
        }
        Self { seed, driver, home, script }
    }

    /// How many trees the sandbox itself saw otherwise than they are plainly: none under the kernel.
    pub(super) fn run(&self) -> Result<u64> {
        self.python(self.words("make").into_iter().chain(["plain".into(), "tried".into()]))?;
        let before = self.show("tried")?;
        same("made", &self.show("plain")?, &before)?;

        let plainly_said = self.python(self.change("plain"))?;
        let wanted = self.show("plain")?;
        let (said, seen) = self.run_in_sandbox()?;
        same("after the try", &before, &self.show("tried")?)?;

        let (plainly, seen) = (without_inodes(&wanted), without_inodes(&seen));
        let strange = strange(&lines(&plainly_said), &said, &plainly, &seen);
        if self.driver == Driver::Kernel {
            same("in the sandbox", &plainly, &seen)?;
            same_text("in the sandbox", &lines(&plainly_said), &said)?;
        }
        let equal = |when: &str, wanted: &Trees, is: Trees| {
            let but_strange = |trees: &Trees| {
                let mut trees = trees.clone();
                trees.retain(|tree, _| !strange.contains(tree));
                trees
            };
            same(when, &but_strange(wanted), &but_strange(&is))
        };
        let applied = self.apply_in_steps(&strange)?;
        equal("applied", &wanted, self.show("tried")?)?;
        self.bryo("undo", [NAME])?;
        let was = match &applied {
            Applied::Whole => &before,
            Applied::Part { middle } => middle,
        };
        same("undone", was, &self.show("tried")?)?;
        self.bryo("apply", [NAME])?;
        equal("applied again", &wanted, self.show("tried")?)?;
        Ok(strange.len() as u64)
    }

    /// What the change said, and what the sandbox saw afterwards.
    fn run_in_sandbox(&self) -> Result<(Vec<String>, Trees)> {
        let script = self.script.to_str().unwrap();
        let inside = format!("python3 {script} \"$@\" && python3 {script} show .");
        let outcome = Bryo::verb("try")
            .at(&self.home)
            .cwd(self.home.work().join("tried"))
            .args(["--name", NAME, "--overlay-driver", self.driver.name(), "--ro", script])
            .command(["sh", "-c", &inside, "sh"])
            .args(self.change("."))
            .limit(LIMIT)
            .start()
            .finish();
        let lines = lines(&said("try", outcome)?);
        let (said, seen) = lines.split_at(lines.len().min(TREES as usize));
        Ok((said.to_vec(), trees(seen)))
    }

    /// Half of the rounds in one go, the other half by some of the paths first.
    fn apply_in_steps(&self, strange: &BTreeSet<u64>) -> Result<Applied> {
        if self.seed.is_multiple_of(2) {
            self.bryo("apply", [NAME])?;
            return Ok(Applied::Whole);
        }
        let seed = self.seed.to_string();
        let paths = self.python(["choose", &seed, "tried", "plain"].map(str::to_owned))?;
        let is_meant = |path: &&[u8]| {
            let tree = path.split(|byte| *byte == b'/').next().unwrap_or_default();
            let tree = std::str::from_utf8(tree).ok().and_then(|tree| tree.parse().ok());
            tree.is_some_and(|tree| !strange.contains(&tree))
        };
        let paths = paths.split(|byte| *byte == 0).filter(is_meant);
        let words = [NAME.as_bytes(), b"--"].into_iter().chain(paths);
        self.bryo("apply", words.map(std::ffi::OsStr::from_bytes))?;
        let middle = self.show("tried")?;
        self.bryo("apply", [NAME])?;
        Ok(Applied::Part { middle })
    }

    /// `VERB SEED COUNT LONGEST`
    fn words(&self, verb: &str) -> Vec<String> {
        // fuse-overlayfs 1.10 dies when it copies a file up whose name has more than 251 bytes, since
        // `.wh.` before it is too long (main.c, get_node_up: Assertion `node->layer == …' failed).
        let longest = match self.driver {
            Driver::Kernel => 255,
            Driver::Fuse => 251,
        };
        vec![verb.to_owned(), self.seed.to_string(), TREES.to_string(), longest.to_string()]
    }

    fn change(&self, directory: &str) -> Vec<String> {
        let mut words = self.words("change");
        words.push(directory.to_owned());
        words
    }

    fn show(&self, directory: &str) -> Result<Trees> {
        let shown = self.python(["show".to_owned(), directory.to_owned()])?;
        Ok(trees(&lines(&shown)))
    }

    fn python(&self, words: impl IntoIterator<Item = String>) -> Result<Vec<u8>> {
        let outcome = Bryo::program("/usr/bin/python3")
            .at(&self.home)
            .arg(&self.script)
            .args(words)
            .limit(LIMIT)
            .start()
            .finish();
        said("random_tree.py", outcome)
    }

    fn bryo<W: AsRef<std::ffi::OsStr>>(
        &self,
        verb: &str,
        words: impl IntoIterator<Item = W>,
    ) -> Result<Vec<u8>> {
        let tried: &Path = &self.home.work().join("tried");
        let run = Bryo::verb(verb).at(&self.home).cwd(tried).args(words).limit(LIMIT);
        said(verb, run.start().finish())
    }
}

fn said(what: &str, outcome: Outcome) -> Result<Vec<u8>> {
    match outcome.status {
        0 => Ok(outcome.stdout),
        status => {
            let talk = String::from_utf8_lossy(&outcome.stderr).into_owned();
            Err(format!("{what}: status {status}: {talk}"))
        }
    }
}

fn lines(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().map(str::to_owned).collect()
}

/// Each line begins with a path in hexadecimal digits, which begins with the number of its tree.
fn trees(lines: &[String]) -> Trees {
    let mut trees: Trees = (0..TREES).map(|tree| (tree, Vec::new())).collect();
    for line in lines {
        let path = line.split([' ', '/']).next().unwrap_or_default();
        let digits = path.as_bytes().chunks(2).take_while(|byte| byte != b"2f");
        let number = digits.fold(0, |number, digit| number * 10 + u64::from(digit[1] - b'0'));
        trees.entry(number).or_default().push(line.clone());
    }
    trees
}

/// Without which names are one file: an overlay without an index gives the names of a file that it
/// copied up inode numbers of their own, as long as it is mounted
/// (Documentation/filesystems/overlayfs.rst, "Inode properties").
fn without_inodes(trees: &Trees) -> Trees {
    let without = |line: &String| {
        let words = line.split(' ').enumerate();
        words.filter(|(index, _)| *index != 5).map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    };
    trees.iter().map(|(tree, lines)| (*tree, lines.iter().map(without).collect())).collect()
}

/// Those that the driver showed otherwise than they are plainly.
fn strange(plainly: &[String], said: &[String], wanted: &Trees, seen: &Trees) -> BTreeSet<u64> {
    let is_strange = |tree: &u64| {
        plainly.get(*tree as usize) != said.get(*tree as usize)
            || wanted.get(tree) != seen.get(tree)
    };
    (0..TREES).filter(is_strange).collect()
}

fn same(when: &str, wanted: &Trees, is: &Trees) -> Result<()> {
    for (tree, lines) in wanted {
        same_text(&format!("{when}, tree {tree}"), lines, is.get(tree).map_or(&[], Vec::as_slice))?;
    }
    Ok(())
}

fn same_text(when: &str, wanted: &[String], is: &[String]) -> Result<()> {
    let lacks = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).take(3).cloned().collect()
    };
    match wanted == is {
        true => Ok(()),
        false => {
            let (missing, extra) = (lacks(wanted, is), lacks(is, wanted));
            Err(format!("{when}: expected {missing:#?}, found {extra:#?}"))
        }
    }
}
