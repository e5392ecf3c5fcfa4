//! Random stacks on disk, in both dialects, against a model in memory that knows nothing of
//! descriptors; and the walk of a layer on top of them against what differs between two models.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;
use crate::base::HostPath;
use crate::changes::change::What;
use crate::changes::layer::{Owners, Sheet};
use crate::changes::walk::walk;

/// What is written at a name of a layer.
#[derive(Clone, Debug)]
enum Node {
    File(u8),
    /// It hides what is below it.
    Deleted(Form),
    Directory {
        opaque: bool,
        names: Tree,
    },
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Device,
    Note,
}

type Tree = BTreeMap<String, Node>;

/// What a path is, as one sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    File(u8),
    Directory,
}

type View = BTreeMap<PathBuf, Seen>;

/// A layer over a view, as the documentation of overlayfs has it.
fn over(view: &mut View, at: &Path, tree: &Tree) {
    for (name, node) in tree {
        let path = at.join(name);
        let was = view.get(&path).copied();
        let hides = match node {
            Node::Directory { opaque, .. } => *opaque || was != Some(Seen::Directory),
            Node::File(_) | Node::Deleted(_) => true,
        };
        if hides {
            view.retain(|other, _| !other.starts_with(&path));
        }
        match node {
            Node::File(content) => drop(view.insert(path, Seen::File(*content))),
            Node::Deleted(_) => {}
            Node::Directory { names, .. } => {
                view.insert(path.clone(), Seen::Directory);
                over(view, &path, names);
            }
        }
    }
}

fn nodes(depth: u32) -> BoxedStrategy<Tree> {
    let form = prop_oneof![Just(Form::Device), Just(Form::Note)];
    let leaf = prop_oneof![
        3 => any::<u8>().prop_map(Node::File),
        2 => form.prop_map(Node::Deleted),
    ];
    let node = if depth == 0 {
        leaf.boxed()
    } else {
        let directory = (any::<bool>(), nodes(depth - 1))
            .prop_map(|(opaque, names)| Node::Directory { opaque, names });
        prop_oneof![2 => leaf, 3 => directory].boxed()
    };
    prop::collection::btree_map("[abc]", node, 0..4).boxed()
}

/// Nothing is deleted or hidden in the tree of the host.
fn plain(tree: &Tree) -> Tree {
    let kept = tree.iter().filter(|(_, node)| !matches!(node, Node::Deleted(_)));
    kept.map(|(name, node)| match node {
        Node::Directory { names, .. } => {
            (name.clone(), Node::Directory { opaque: false, names: plain(names) })
        }
        node => (name.clone(), node.clone()),
    })
    .collect()
}

/// Where one tree is on disk, removed at the end.
struct Disk(PathBuf);

impl Disk {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bryo-lower-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, tree: &Tree, dialect: Dialect) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir(&path).unwrap();
        write(&path, tree, dialect);
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn opened(path: &Path) -> OwnedFd {
    File::open(path).unwrap().into()
}

fn write(at: &Path, tree: &Tree, dialect: Dialect) {
    for (name, node) in tree {
        let path = at.join(name);
        match node {
            Node::File(content) => fs::write(path, [*content]).unwrap(),
            Node::Deleted(Form::Note) if dialect == Dialect::Fuse => {
                fs::write(at.join(format!(".wh.{name}")), "").unwrap();
            }
            Node::Deleted(_) => {
                entry::make_whiteout_at(opened(at).as_fd(), name.as_ref()).unwrap();
            }
            Node::Directory { opaque, names } => {
                fs::create_dir(&path).unwrap();
                if *opaque {
                    dialect.mark(opened(&path).as_fd()).unwrap();
                }
                write(&path, names, dialect);
            }
        }
    }
}

fn seen(lower: &Lower, at: &Path, view: &mut View) {
    let names = lower.names().unwrap();
    for name in names.iter() {
        let found = lower.find(name).unwrap().unwrap();
        let path = at.join(name);
        if let Some(below) =
            lower.enter(name, &found).unwrap().filter(|_| found.facts.is_directory())
        {
            view.insert(path.clone(), Seen::Directory);
            seen(&below, &path, view);
        } else {
            view.insert(
                path.clone(),
                Seen::File(content(lower.holder(Some(&found)).unwrap(), name)),
            );
        }
    }
}

fn content(directory: BorrowedFd<'_>, name: &OsStr) -> u8 {
    let fd = entry::open_file_at(directory, name).unwrap();
    file::read_all(fd.as_fd(), 16).unwrap()[0]
}

/// What a layer changes, by the models before and after it; nothing in a directory that is gone.
fn differences(before: &View, after: &View) -> BTreeMap<PathBuf, &'static str> {
    let mut all = BTreeMap::new();
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let what = match (before.get(path), after.get(path)) {
            (Some(Seen::Directory), Some(Seen::Directory)) => continue,
            (Some(Seen::File(was)), Some(Seen::File(is))) if was == is => continue,
            (Some(Seen::File(_)), Some(Seen::File(_))) => "modified",
            (Some(_), Some(_)) => "replaced",
            (None, Some(_)) => "added",
            (_, None) => {
                let above = path.parent().unwrap();
                let stays = above == Path::new("") || after.get(above) == Some(&Seen::Directory);
                if !stays {
                    continue;
                }
                "deleted"
            }
        };
        all.insert(path.clone(), what);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_stack_is_seen_as_the_model_has_it(
        host in nodes(3),
        sheets in prop::collection::vec((nodes(3), any::<bool>()), 0..4),
        top in nodes(3),
        top_is_kernel in any::<bool>(),
    ) {
        let disk = Disk::new();
        let dialect = |is_kernel| if is_kernel { Dialect::Kernel } else { Dialect::Fuse };
        let host = plain(&host);
        let lower = disk.write("host", &host, Dialect::Kernel);
        let mut model = View::new();
        over(&mut model, Path::new(""), &host);
        let mut below = Vec::new();
        for (number, (tree, is_kernel)) in sheets.iter().enumerate() {
            over(&mut model, Path::new(""), tree);
            let upper = disk.write(&number.to_string(), tree, dialect(*is_kernel));
            below.insert(0, Sheet { dialect: dialect(*is_kernel), upper: opened(&upper) });
        }
        let layer = Layer {
            lower: HostPath::absolute(lower),
            dialect: dialect(top_is_kernel),
            owners: Owners::Theirs,
            upper: opened(&disk.write("top", &top, dialect(top_is_kernel))),
            below,
        };
        let mut view = View::new();
        seen(&Lower::of(&layer).unwrap().unwrap(), Path::new(""), &mut view);
        prop_assert_eq!(&view, &model);

        let before = model.clone();
        over(&mut model, Path::new(""), &top);
        let mut changes = BTreeMap::new();
        walk(&layer, &mut |change, spot| {
            let what = match change.what {
                What::Added => "added",
                What::Deleted => "deleted",
                What::Replaced => "replaced",
                // Written anew with the same content: its time says so, and not the model.
                What::Modified(_) if before.get(spot.path) == model.get(spot.path) => return Ok(()),
                What::Modified(_) => "modified",
            };
            changes.insert(spot.path.to_owned(), what);
            Ok(())
        }).unwrap();
        prop_assert_eq!(changes, differences(&before, &model));
    }
}

#[test]
fn a_deep_stack_is_walked_with_few_descriptors() {
    let disk = Disk::new();
    let names = ["host", "one", "two", "top"].map(|name| disk.0.join(name));
    let depth = 300;
    for (number, name) in names.iter().enumerate() {
        let mut at = name.clone();
        fs::create_dir(&at).unwrap();
        for level in 0..depth {
            at.push("d");
            fs::create_dir(&at).unwrap();
            // Those in the middle end early; what is read there is the host's.
            if level == depth / 2 && number == 1 {
                break;
            }
        }
        fs::write(at.join(format!("end{number}")), "").unwrap();
    }
    let [host, one, two, top] = names;
    let sheet = |path: &Path| Sheet { dialect: Dialect::Kernel, upper: opened(path) };
    let layer = Layer {
        lower: HostPath::absolute(host),
        dialect: Dialect::Kernel,
        owners: Owners::Theirs,
        upper: opened(&top),
        below: vec![sheet(&two), sheet(&one)],
    };
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let (before, mut most, mut seen) = (open(), 0, Vec::new());
    walk(&layer, &mut |change, spot| {
        most = most.max(open());
        seen.push((spot.name.to_owned(), change.what));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [("end3".into(), What::Added)]);
    // Other tests of this process have some, too; all levels would be more than a thousand.
    assert!(most < before + 300, "{most} were open");
}
