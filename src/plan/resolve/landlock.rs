//! Which files Landlock leaves open, and what else of it is used.

use crate::base::{BoxPath, Error, HostPath, Result};
use crate::host::Host;
use crate::plan::view::{Layer, Root, Step, View};
use crate::plan::{FileAccess, FileRule, Files, Landlock, Link, Rung};
use crate::spec::{Access, Door, Spec};

use super::Remarks;

/// Before it (Linux 5.19), every rename between two directories was refused, and builds do that.
const RENAMES: u32 = 2;
const TCP: u32 = 4;
/// Signals and abstract sockets (Linux 6.12).
const SCOPES: u32 = 6;

pub(super) fn decide(
    spec: &Spec,
    host: &Host,
    view: &View,
    link: &Link,
    doors: &[Door],
    remarks: &mut Remarks,
) -> Result<Landlock> {
    let abi = host.kernel.landlock;
    check_abstract_sockets(spec, abi, link, remarks)?;
    let (files, took, why) = match abi {
        0 => (Files::Relay, "relay", "this kernel has no Landlock".to_owned()),
        abi if abi < RENAMES => {
            let why = "Landlock ABI 1 would refuse renames between directories";
            (Files::Relay, "relay", why.to_owned())
        }
        // `hook_sb_mount` and its sisters refuse every mount to a domain that handles files.
        _ if doors.contains(&Door::NestedUserns) => {
            let why = "Landlock would refuse the mounts of nested sandboxes";
            (Files::Relay, "relay", why.to_owned())
        }
        abi => (Files::Rules(rules(view)), "landlock", format!("ABI {abi}")),
    };
    remarks.rungs.push(Rung { need: "files", took: took.to_owned(), why });
    Ok(Landlock {
        abi,
        files,
        scopes: abi >= SCOPES,
        tcp_closed: *link == Link::Closed && abi >= TCP,
    })
}

/// Desktops and services listen there, and a shared network shares them all.
fn check_abstract_sockets(spec: &Spec, abi: u32, link: &Link, remarks: &mut Remarks) -> Result<()> {
    if *link != Link::Host || abi >= SCOPES {
        return Ok(());
    }
    let has = match abi {
        0 => "this kernel has no Landlock".to_owned(),
        abi => format!("this kernel's Landlock has ABI {abi}, and {SCOPES} is needed"),
    };
    if spec.best_effort.as_ref().is_some_and(|wish| wish.value) {
        remarks.warnings.push(format!(
            "the host's abstract sockets, such as those of X11 and D-Bus, are open to the command: {has}"
        ));
        return Ok(());
    }
    let origin = spec.net.as_ref().map(|net| net.origin.to_string()).unwrap_or_default();
    Err(Error::new(format!("the host's abstract sockets cannot be closed: {has}"))
        .within(format!("cannot use `{origin}`"))
        .hint("use `--net`, boot Linux 6.12 or later, or take the risk with `--best-effort`"))
}

/// Places and what may be done below them: as few as will do, for each costs its part of the start.
///
/// A right that is given to a directory holds for all that is mounted below it, so what is
/// read-only below a writable place is kept so by its mount alone.
fn rules(view: &View) -> Vec<FileRule> {
    let mut rules = Rules(Vec::new());
    rules.add(
        BoxPath::root(),
        match &view.root {
            // It is the sandbox's own, but nothing more than its list of names is needed.
            Root::Assembled => FileAccess::List,
            Root::Tree { access: Access::ReadOnly, .. } => FileAccess::Read,
            Root::Tree { access: Access::ReadWrite, .. } | Root::OverlaidTree { .. } => {
                FileAccess::Write
            }
        },
    );
    for step in &view.steps {
        rules.take(step);
    }
    rules.without_the_needless()
}

struct Rules(Vec<Rule>);

struct Rule {
    at: BoxPath,
    access: FileAccess,
    /// What of the host it is, where that may be written to: a descriptor that comes from outside
    /// leads there by the host's own path.
    source: Option<HostPath>,
}

impl Rules {
    fn add(&mut self, at: BoxPath, access: FileAccess) {
        self.0.push(Rule { at, access, source: None });
    }

    fn add_of_host(&mut self, at: &BoxPath, source: &HostPath) {
        let source = Some(source.clone());
        self.0.push(Rule { at: at.clone(), access: FileAccess::Write, source });
    }

    fn take(&mut self, Step { at, layer, .. }: &Step) {
        match layer {
            Layer::Bind { access: Access::ReadOnly, .. } => {
                self.cover(at);
                self.add(top_of(at), FileAccess::Read);
            }
            // Where something is in the way, it stays.
            Layer::Copy { .. } | Layer::File { .. } | Layer::Written { .. } => {
                self.add(top_of(at), FileAccess::Read);
            }
            Layer::Bind { access: Access::ReadWrite, source } | Layer::Home { source } => {
                self.cover(at);
                self.add_of_host(at, source);
            }
            Layer::Overlay { .. } | Layer::Private { .. } | Layer::Tmpfs { .. } => {
                self.cover(at);
                self.add(at.clone(), FileAccess::Write);
            }
            Layer::Device { .. } => self.add(at.clone(), FileAccess::Device),
            Layer::Proc => {
                self.cover(at);
                self.add(at.clone(), FileAccess::Proc);
            }
            Layer::Dev => {
                self.cover(at);
                self.add(at.clone(), FileAccess::Device);
                self.add(at.join("shm"), FileAccess::Write);
            }
            Layer::Hidden | Layer::Symlink { .. } => self.cover(at),
            Layer::Directory { .. } => {}
        }
    }

    /// What was there is out of sight, and what is there now has rules of its own. What other
    /// steps read next to it, they read still.
    fn cover(&mut self, at: &BoxPath) {
        let is_top = *at == top_of(at);
        self.0.retain(|rule| !rule.at.is_within(at) || rule.access == FileAccess::Read && !is_top);
    }

    /// Without those that another one, at the same place or above, makes needless.
    fn without_the_needless(self) -> Vec<FileRule> {
        let is_needless = |index: usize, rule: &Rule| {
            let mut others = self.0.iter().enumerate().filter(|(other, _)| *other != index);
            others.any(|(other_index, other)| {
                rule.is_granted_by(other) && (other_index < index || !other.is_granted_by(rule))
            })
        };
        let rules = self.0.iter().enumerate().filter(|(index, rule)| !is_needless(*index, rule));
        rules
            .map(|(_, Rule { at, access, .. })| FileRule { at: at.clone(), access: *access })
            .collect()
    }
}

impl Rule {
    fn is_granted_by(&self, other: &Self) -> bool {
        let is_on_its_way = match (&self.source, &other.source) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(source), Some(other)) => source.is_within(other),
        };
        is_on_its_way && self.at.is_within(&other.at) && other.access.covers(self.access)
    }
}

/// The first directory of a path: in an assembled root it is the sandbox's own, or mounted itself.
fn top_of(at: &BoxPath) -> BoxPath {
    let mut parts = at.as_path().components().skip(1);
    parts.next().map_or_else(BoxPath::root, |first| BoxPath::root().join(first.as_os_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::size::Size;

    fn of(steps: &[(&'static str, Layer)]) -> Vec<(String, FileAccess)> {
        let steps = steps.iter().map(|(at, layer)| Step {
            at: BoxPath::fixed(at),
            layer: layer.clone(),
            origin: String::new(),
        });
        let view = View {
            root: Root::Assembled,
            steps: steps.collect(),
            workdir: BoxPath::root(),
            overlay: None,
        };
        rules(&view).into_iter().map(|rule| (rule.at.to_string(), rule.access)).collect()
    }

    fn bind(access: Access) -> Layer {
        Layer::Bind { source: HostPath::absolute("/x"), access }
    }

    fn own(at: &str, access: FileAccess) -> (String, FileAccess) {
        (at.to_owned(), access)
    }

    #[test]
    fn what_is_read_only_is_opened_at_the_top_and_what_is_writable_in_its_place() {
        let rules = of(&[
            ("/usr", bind(Access::ReadOnly)),
            ("/etc/passwd", Layer::Written { content: "".into() }),
            ("/etc/ssl", bind(Access::ReadOnly)),
            ("/home/ada", Layer::Private { mode: 0o700 }),
            ("/home/ada/.cargo/bin", bind(Access::ReadOnly)),
            ("/home/ada/project", bind(Access::ReadWrite)),
        ]);
        let expected = [
            own("/", FileAccess::List),
            own("/usr", FileAccess::Read),
            own("/etc", FileAccess::Read),
            own("/home/ada", FileAccess::Write),
            own("/home", FileAccess::Read),
            own("/home/ada/project", FileAccess::Write),
        ];
        assert_eq!(rules, expected);
    }

    #[test]
    fn what_is_covered_gives_no_right_to_what_covers_it() {
        let rules = of(&[
            ("/srv/data", bind(Access::ReadWrite)),
            ("/srv", bind(Access::ReadOnly)),
            ("/mnt", Layer::Tmpfs { size: Size(1), mode: 0o755 }),
            ("/mnt", Layer::Hidden),
            ("/file", Layer::Written { content: "".into() }),
            ("/file", Layer::Symlink { target: "mnt".into() }),
        ]);
        assert_eq!(rules, [own("/", FileAccess::List), own("/srv", FileAccess::Read)]);
    }

    #[test]
    fn what_is_writable_on_the_host_is_found_by_the_hosts_own_path() {
        let bind = |source: &str| Layer::Bind {
            source: HostPath::absolute(source),
            access: Access::ReadWrite,
        };
        let rules = of(&[
            ("/tmp", Layer::Private { mode: 0o1777 }),
            ("/tmp/project", bind("/tmp/project")),
            ("/tmp/project/.git", bind("/tmp/project/.git")),
            ("/tmp/project/data", bind("/srv/data")),
        ]);
        let writable = ["/tmp", "/tmp/project", "/tmp/project/data"];
        let expected = [
            vec![own("/", FileAccess::List)],
            writable.map(|at| own(at, FileAccess::Write)).to_vec(),
        ];
        assert_eq!(rules, expected.concat());
    }

    #[test]
    fn the_root_is_never_more_than_listed_where_it_is_assembled() {
        let rules = of(&[("/etc/hosts", Layer::Copy { source: HostPath::absolute("/etc/hosts") })]);
        assert!(rules.contains(&own("/", FileAccess::List)));
        assert!(rules.iter().all(|(at, access)| at != "/" || *access == FileAccess::List));
    }
}
