//! An installer on the real home: the first example of the README, step by step, and what is on the
//! host after each.

use crate::support::{Bryo, Home, Tree, place, readme};

const INSTALLER: &str = "mkdir -p ~/bin ~/.moss
printf '#!/bin/sh\\necho it grows\\n' > ~/bin/moss
chmod +x ~/bin/moss
echo 'curl moss.test' > ~/.moss/send-usage-to-vendor
echo '. ~/.moss/send-usage-to-vendor' >> ~/.bashrc
echo moss is installed
";

fn machine() -> Home {
    let home = Home::new();
    home.scratch().write("work/install.sh", INSTALLER);
    home.scratch().write("home/.bashrc", "alias ll='ls -l'\n");
    home.scratch().write("home/.ssh/id_ed25519", "secret\n");
    home
}

/// The home and the working directory; not what bryo keeps.
fn host(home: &Home) -> [Tree; 2] {
    [Tree::of(&home.home()), Tree::of(&home.work())]
}

#[test]
fn the_first_example_of_the_readme_does_what_it_says() {
    let home = machine();
    let before = host(&home);
    let steps = readme::steps("1. Try anything");
    let words = ["try", "diff --summary", "diff moss ~/.bashrc", "apply", "discard", "~/bin/moss"];
    assert_eq!(steps.len(), words.len());
    for (step, word) in steps.iter().zip(words) {
        assert!(step.command.contains(word), "{} where {word} is wanted", step.command);
        let outcome = shell(&home, &step.command);
        readme::assert_printed(&outcome, &step.printed);
        let [was, now] = [&before, &host(&home)];
        assert_eq!(was[1], now[1], "the working directory after {}", step.command);
        let changed = was[0].changed_in(&now[0]);
        match word {
            "apply" | "discard" | "~/bin/moss" => assert_eq!(changed, ["bin", "bin/moss"]),
            _ => assert!(changed.is_empty(), "{changed:?} after {}", step.command),
        }
    }
}

/// What an installer leaves of a person's choice, if all of it is taken: the same as without bryo.
#[test]
fn all_of_it_applied_is_what_the_installer_does_by_itself() {
    let (tried, plain) = (machine(), machine());
    let before = host(&tried);
    let command = readme::steps("1. Try anything").remove(0).command;
    shell(&tried, &command.replace(" -- ", " --apply -- "));
    shell(&plain, "sh install.sh");
    for below in ["bin/moss", ".moss/send-usage-to-vendor", ".bashrc", ".ssh/id_ed25519"] {
        let [one, other] = [&tried, &plain].map(|it| it.scratch().read(format!("home/{below}")));
        assert_eq!(one, other);
    }
    assert!(Tree::of(&plain.home()).names() == Tree::of(&tried.home()).names());
    shell(&tried, "bryo undo moss && bryo discard moss");
    assert_eq!(host(&tried), before);
}

/// As a person types it: both streams on one screen.
#[track_caller]
fn shell(home: &Home, command: &str) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let binary = place::binary();
    let outcome = Bryo::program("/bin/bash")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .at(home)
        .env("PATH", format!("{}:{path}", binary.parent().unwrap().display()))
        .stdout_any()
        .leftovers_unjudged()
        .check();
    outcome.text().to_owned()
}
