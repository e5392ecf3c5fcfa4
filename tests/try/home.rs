//! The real home under an overlay: all of it but what is secret, and nothing of it changed.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Bryo, Home, Tree, place};

use super::{attempt, kept, verb};

const DRIVERS: [&str; 2] = ["kernel", "fuse"];

/// A lived-in home, with its data in it, a project, and secrets that hold a canary.
fn lived_in() -> Home {
    let home = Home::new();
    let scratch = home.scratch();
    scratch.write("home/.bashrc", "alias l=ls\n");
    scratch.write("home/project/p", "p\n");
    for secret in [".ssh/id", ".gnupg/private", ".config/gh/hosts.yml", ".mozilla/profile/key"] {
        scratch.write(format!("home/{secret}"), "canary\n");
    }
    for secret in [".netrc", ".npmrc", ".bash_history", ".docker/config.json"] {
        scratch.write(format!("home/{secret}"), "canary\n");
    }
    scratch.write("home/elsewhere/credentials", "canary\n");
    symlink(home.home().join("elsewhere"), home.home().join(".aws")).unwrap();
    scratch.write("home/.config/bryo/own.toml", "description = 'canary'\n");
    scratch.write("home/.local/share/bryo/allowed/x", "canary\n");
    home
}

/// With its data and settings where they are by default.
fn at(home: &Home, bryo: Bryo) -> Bryo {
    let bryo = bryo.at(home).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
    bryo.cwd(home.home().join("project")).leftovers_unjudged()
}

#[test]
fn it_is_shown_without_secrets_and_not_changed() {
    for driver in DRIVERS {
        let home = lived_in();
        let script = "cat ~/.bashrc p; echo hi >> ~/.bashrc; cat ~/.bashrc; pwd; \
                      grep -rs canary ~ /tmp; cat ~/.npmrc; echo end";
        let pwd = home.home().join("project");
        at(&home, Bryo::run())
            .args(["--home", "overlay", "--overlay-driver", driver])
            .shell(script)
            .stdout(format!("alias l=ls\np\nalias l=ls\nhi\n{}\nend\n", pwd.display()))
            .check();
        assert_eq!(home.scratch().read("home/.bashrc"), "alias l=ls\n");
        // Each of them is there to be found, where nothing hides it.
        let grep = "grep -rs canary /low | wc -l";
        let low = format!("{}:/low", home.home().display());
        at(&home, Bryo::run()).args(["--ro", &low]).shell(grep).stdout("11\n").check();
    }
}

#[test]
fn no_secret_can_be_written_moved_or_replaced() {
    for driver in DRIVERS {
        let home = lived_in();
        let script = "for p in .ssh .gnupg .netrc .npmrc .config/gh .docker/config.json \
                      .local/share/bryo; do \
                      mv ~/$p ~/moved 2>/dev/null && echo moved $p; \
                      rm -rf ~/$p 2>/dev/null; test -e ~/$p || echo removed $p; \
                      (echo x > ~/$p/new) 2>/dev/null && echo wrote in $p; \
                      (echo x >> ~/$p) 2>/dev/null && echo wrote $p; done; true";
        let run = at(&home, Bryo::run());
        run.args(["--home", "overlay", "--overlay-driver", driver]).shell(script).check();
    }
}

#[test]
fn what_a_try_writes_to_it_is_one_layer_that_can_be_applied() {
    for driver in DRIVERS {
        let home = lived_in();
        let run = |words: &[&str]| at(&home, Bryo::bare()).args(words);
        run(&["try", "--name", "x", "--home", "overlay", "--overlay-driver", driver])
            .shell("echo hi >> ~/.bashrc; mv ~/project/p ~/q; ls ~/.local/share/bryo; mkdir ~/new")
            .stdout("")
            .stderr_contains("4 changes in x: 2 added, 1 modified, 1 deleted")
            .status(0)
            .stderr_contains("ls: cannot open directory")
            .check();
        let layers = home.home().join(".local/share/bryo/changes/x/layers");
        assert!(layers.join("0").exists() && !layers.join("1").exists());
        run(&["apply", "x"]).stderr_contains("applied all of x").check();
        assert_eq!(home.scratch().read("home/.bashrc"), "alias l=ls\nhi\n");
        assert_eq!(home.scratch().read("home/q"), "p\n");
        assert_eq!(home.scratch().read("home/.ssh/id"), "canary\n");
        run(&["undo", "x"]).stderr_any().check();
        assert_eq!(home.scratch().read("home/project/p"), "p\n");
    }
}

#[test]
fn a_working_directory_elsewhere_is_a_layer_of_its_own() {
    let home = lived_in();
    attempt(&home)
        .args(["--name", "x", "--home", "overlay"])
        .shell("echo w > w; echo h > ~/h; cd; pwd")
        .stdout(format!("{}\n", home.home().display()))
        .stderr_contains("2 changes in x: 2 added")
        .check();
    assert!(
        kept(&home, "x/layers/1/upper/w").exists() || kept(&home, "x/layers/0/upper/w").exists()
    );
    verb(&home, "diff").arg("x").stdout_contains("+w").stdout_contains("+h").check();
}

#[test]
fn the_home_itself_can_be_where_it_starts_and_a_secret_cannot() {
    let home = lived_in();
    let run = |directory: &str| {
        let run = at(&home, Bryo::run()).args(["--home", "overlay"]);
        run.cwd(home.home().join(directory))
    };
    run("").shell("pwd").stdout(format!("{}\n", home.home().display())).check();
    let refused = run(".ssh").shell("true").status(125);
    refused.stderr_contains("is never shown with the home").check();
    let refused = run(".local/share/bryo").shell("true").status(125);
    refused.stderr_contains("is never shown with the home").check();
}

#[test]
fn a_home_that_is_a_link_is_found_behind_it() {
    let home = lived_in();
    let link = home.root().join("link");
    symlink(home.home(), &link).unwrap();
    attempt(&home)
        .env("HOME", &link)
        .args(["--name", "x", "--home", "overlay"])
        .shell("cat ~/.bashrc; cat ~/.ssh/id; echo x > ~/n")
        .stdout("alias l=ls\n")
        .stderr_contains("1 change in x")
        .check();
    assert!(!home.home().join("n").exists());
    // bryo's own files are known by both names.
    at(&home, Bryo::run())
        .env("HOME", &link)
        .args(["--home", "overlay"])
        .shell("grep -rs canary ~/ ~/.local/share/bryo ~/.config/bryo; echo end")
        .stdout("end\n")
        .check();
    at(&home, Bryo::run())
        .env("HOME", &link)
        .cwd(home.home().join(".local/share/bryo"))
        .command(["true"])
        .stderr_contains("your policies, and which of them you trust, are in it")
        .status(125)
        .check();
    fs::remove_file(link).unwrap();
}

/// The list in the source, which bryo(1) tells, too.
fn listed() -> Vec<String> {
    let source = place::tree().join("src/plan/resolve/secrets.rs");
    let source = fs::read_to_string(source).unwrap();
    let entry = |line: &str| Some(line.strip_prefix("    \"")?.strip_suffix("\",")?.to_owned());
    let listed: Vec<_> = source.lines().filter_map(entry).collect();
    assert!(listed.len() > 250, "{}", listed.len());
    listed
}

#[test]
fn every_place_of_the_list_is_covered_and_never_changed() {
    for driver in DRIVERS {
        let home = Home::new();
        home.scratch().dir("home/project");
        for (number, path) in listed().iter().enumerate() {
            // Some of them are files for one program and directories for another.
            let below = if number % 2 == 0 { "/in/it" } else { "" };
            home.scratch().write(format!("home/{path}{below}"), "canary\n");
        }
        home.scratch().write("home/project/list", listed().join("\n") + "\n");
        let before = Tree::of(&home.home());
        let script = "grep -rs canary ~; while read -r path; do \
                      (echo x >> ~/\"$path\") 2>/dev/null && echo wrote \"$path\"; \
                      (echo x > ~/\"$path/new\") 2>/dev/null && echo wrote in \"$path\"; \
                      mv ~/\"$path\" ~/moved 2>/dev/null && echo moved \"$path\"; \
                      done < list; rm -rf ~/.config 2>/dev/null; echo seen > ~/seen";
        let run =
            |words: &[&str]| at(&home, Bryo::bare()).args(words).env("XDG_DATA_HOME", home.data());
        run(&["try", "--name", "x", "--home", "overlay", "--overlay-driver", driver])
            .shell(script)
            .stderr_contains("1 change in x: 1 added")
            .check();
        let seen = format!("{}\n", home.home().join("seen").display());
        run(&["diff", "x", "--name-only"]).stdout(seen).check();
        run(&["apply", "x"]).stderr_contains("applied all of x").check();
        assert_eq!(before.changed_in(&Tree::of(&home.home())), ["seen"]);
    }
}

#[test]
fn a_secret_can_be_opened_by_name() {
    let home = lived_in();
    at(&home, Bryo::run())
        .args(["--home", "overlay", "--ro", "~/.netrc"])
        .shell("cat ~/.netrc; cat ~/.npmrc")
        .stdout("canary\n")
        .check();
}
