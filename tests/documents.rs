//! What a stranger reads is true: the commands of the README and of the man pages are run, and
//! whatever can be asked of bryo is documented. `try::installer` runs the first example of the README.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use bryo::spec::profile;
use bryo::spec::word::{InProjectPolicy, Takes};
use bryo::spec::words::WORDS;

use crate::support::source::Source;
use crate::support::{Bryo, Home, place, program, readme};

/// Blocks of the README that no machine of ours can run. Each has its reason beside it.
const NOT_RUN: usize = 1;

// ---------------------------------------------------------------- README

#[test]
fn what_is_not_trusted_finds_neither_keys_nor_network() {
    needs!("curl");
    run_block_of_readme("2. Run what you do not trust");
}

#[test]
fn a_build_has_what_it_needs() {
    needs!("make", "cc", "slirp4netns");
    run_block_of_readme("3. Build something");
}

#[test]
fn root_of_a_tree_is_nobody_outside() {
    needs!("busybox", "newuidmap");
    run_block_of_readme("4. Be root without root");
}

#[test]
fn a_server_is_reached_and_ends() {
    needs!("curl", "python3");
    run_block_of_readme("5. Serve, bounded");
}

#[test]
fn every_block_of_the_readme_is_run_or_says_why_not() {
    let blocks = readme::blocks();
    let not_run = blocks.iter().filter(|block| block.language == "sh").collect::<Vec<_>>();
    let with_reason = |block: &&&readme::Block| block.before.starts_with("<!-- not run: ");
    // Besides those with a reason, the two commands of the set-up: one of them runs this test.
    assert_eq!(not_run.iter().filter(with_reason).count(), NOT_RUN);
    assert_eq!(not_run.len(), NOT_RUN + 1);
    assert_eq!(blocks.iter().filter(|block| block.language == "console").count(), 5);
    for line in not_run[0].text.lines() {
        let script = place::tree().join(line.split_whitespace().next().unwrap());
        let mode = fs::metadata(&script).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{}", script.display());
    }
}

/// Runs the commands of the first block behind a heading, in one shell, and holds what they print
/// to what is printed there.
#[track_caller]
fn run_block_of_readme(heading: &str) {
    let steps = readme::steps(heading);
    let commands: Vec<_> = steps.iter().map(|step| step.command.as_str()).collect();
    let expected: Vec<_> = steps.iter().flat_map(|step| step.printed.clone()).collect();
    let outcome = shell(&workshop(), &format!("exec 2>&1\n{}\n:", commands.join("\n"))).check();
    readme::assert_printed(outcome.text(), &expected);
}

/// A home with a key in it, a project to work in, and beside it a small system for root.
fn workshop() -> Home {
    let home = Home::new();
    let scratch = home.scratch();
    scratch.write("home/.ssh/id_ed25519", "secret\n");
    scratch.write("work/hello.c", "int main(void) { return 0; }\n");
    scratch.write("work/Makefile", "hello: hello.c\n");
    scratch.write("work/src/lib.c", "");
    if let Some(busybox) = program("busybox") {
        scratch.dir("rootfs/bin");
        fs::copy(busybox, scratch.join("rootfs/bin/busybox")).unwrap();
        for name in ["sh", "id", "chown", "stat", "rm", "ls", "cat"] {
            symlink("busybox", scratch.join("rootfs/bin").join(name)).unwrap();
        }
        for name in ["etc", "proc", "dev", "tmp", "run", "root"] {
            scratch.dir(format!("rootfs/{name}"));
        }
    }
    home
}

/// Every command stands in a shell that knows bryo; it is the text that is judged.
fn shell(home: &Home, script: &str) -> Bryo {
    let binary = place::binary();
    let path = std::env::var("PATH").unwrap_or_default();
    Bryo::program("/bin/bash")
        .args(["-c", script])
        .at(home)
        .env("PATH", format!("{}:{path}", binary.parent().unwrap().display()))
        .stdout_any()
        .stderr_any()
}

// ---------------------------------------------------------------- man pages

#[test]
fn the_examples_of_bryo_1_work() {
    needs!("make", "cc", "python3", "slirp4netns", "busybox");
    for example in examples_of("man/bryo.1") {
        // Their changes and homes are kept on purpose.
        run_example(&workshop(), &example);
    }
}

#[test]
fn the_examples_of_bryo_policy_5_work() {
    needs!("make", "cc", "slirp4netns");
    let home = workshop();
    home.scratch().dir("work/deploy");
    home.scratch().dir("work/target");
    let mut files = ["config/bryo/site.toml", "work/bryo.toml"].into_iter();
    for example in examples_of("man/bryo-policy.5") {
        if commands_of(&example).is_empty() {
            home.scratch().write(files.next().expect("a file for each policy"), example);
        } else {
            run_example(&home, &example);
        }
    }
    assert_eq!(files.next(), None);
}

/// Every command of an example must succeed.
#[track_caller]
fn run_example(home: &Home, example: &str) {
    let script = format!("set -e\n{}", commands_of(example).join("\n"));
    shell(home, &script).leftovers_unjudged().check();
}

fn commands_of(example: &str) -> Vec<&str> {
    example.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}

/// The literal displays of the section EXAMPLES, as a reader sees them.
fn examples_of(page: &str) -> Vec<String> {
    let text = read(page);
    let (_, section) = text.split_once(".Sh EXAMPLES\n").expect("a section EXAMPLES");
    let section = section.split(".Sh ").next().unwrap_or_default();
    let displays = section.split(".Bd -literal -offset indent\n").skip(1);
    let displays = displays.map(|display| display.split(".Ed").next().unwrap_or_default());
    let read = |display: &str| display.replace("\\(aq", "'").replace("\\(dq", "\"");
    let examples: Vec<_> = displays.map(read).collect();
    assert!(!examples.is_empty(), "{page}");
    examples
}

#[test]
fn the_man_pages_are_well_formed() {
    needs!("mandoc");
    for page in ["man/bryo.1", "man/bryo-policy.5"] {
        let lint = Command::new("mandoc")
            .args(["-Tlint", "-W", "warning"])
            .arg(place::tree().join(page))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&lint.stdout), "");
        assert_eq!(String::from_utf8_lossy(&lint.stderr), "");
    }
}

#[test]
fn every_flag_and_verb_is_documented_and_completed() {
    let page = read("man/bryo.1");
    let completions = ["bash", "zsh", "fish"].map(completions);
    let mut flags: BTreeSet<_> = verbs().iter().flat_map(|verb| flags_of_verb(verb)).collect();
    for verb in ["export", "import"] {
        assert!(page.contains(&format!(".It Cm changes {verb}")), "`changes {verb}`");
        flags.extend(flags_in(Bryo::verb("changes").arg(verb)));
    }
    for word in WORDS {
        assert!(flags.contains(word.name), "`--{}` is not in the help", word.name);
    }
    for flag in &flags {
        if flag == "help" {
            continue;
        }
        let item = |line: &str| {
            line.starts_with(".It ")
                && line.split(' ').any(|word| word.strip_prefix('-') == Some(flag.as_str()))
        };
        assert!(page.lines().any(item), "`--{flag}` is not in bryo.1");
        for script in &completions {
            assert!(script.contains(flag.as_str()), "`--{flag}` is not completed");
        }
    }
    for word in WORDS {
        if let Some(letter) = word.short {
            assert!(page.contains(&format!(".It Fl {letter} , -{}", word.name)), "-{letter}");
        }
    }
    for verb in verbs() {
        assert!(page.contains(&format!(".It Cm {verb}")), "`{verb}` is not in bryo.1");
        for script in &completions {
            assert!(script.contains(&verb), "`{verb}` is not completed");
        }
    }
}

/// The long flags that the help of a verb lists, each at the beginning of its line.
fn flags_of_verb(verb: &str) -> BTreeSet<String> {
    flags_in(Bryo::verb(verb))
}

fn flags_in(verb: Bryo) -> BTreeSet<String> {
    let help = verb.arg("--help").stdout_any().check();
    let flag = |line: &str| {
        let line = line.trim_start();
        let long = line.split(' ').find(|word| word.starts_with("--"))?;
        let is_listed = line.starts_with('-');
        let name = long.trim_start_matches('-').split(['[', '=']).next()?;
        is_listed.then(|| name.to_owned())
    };
    help.text().lines().filter_map(flag).collect()
}

fn verbs() -> Vec<String> {
    let help = Bryo::bare().arg("--help").stdout_any().check();
    let commands = help.text().split("Verbs:\n").nth(1).expect("a list of verbs");
    let listed = commands.lines().take_while(|line| !line.is_empty());
    listed.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn completions(shell: &str) -> String {
    Bryo::verb("completions").arg(shell).stdout_any().check().text().to_owned()
}

#[test]
fn completions_are_scripts_that_their_shell_can_read() {
    needs!("bash", "zsh", "fish");
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.scratch().write(shell, completions(shell));
        Bryo::program(program(shell).unwrap()).arg("-n").arg(script).check();
    }
    Bryo::verb("completions").arg("ksh").stderr_contains("ksh").status(125).check();
}

#[test]
fn names_of_changes_and_commands_are_completed() {
    needs!("bash", "fish");
    let home = Home::new();
    let tried = Bryo::verb("try").at(&home).leftovers_unjudged().args(["--name", "moss"]);
    tried.shell("echo > n").stderr_any().check();
    let bash = |words: &str, offered: &str| {
        let asked = format!(
            "eval \"$0\"; COMP_WORDS=({words}) COMP_CWORD=$1; \
             _bryo_more bryo \"${{COMP_WORDS[$1]}}\" \"${{COMP_WORDS[$1 - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let last = (words.split(' ').count() - 1).to_string();
        let shell = Bryo::program(program("bash").unwrap()).at(&home).leftovers_unjudged();
        shell.args(["-c", &asked, &completions("bash"), &last]).stdout_contains(offered).check();
    };
    bash("bryo diff mo", "moss\n");
    bash("bryo try --on m", "moss\n");
    bash("bryo changes export m", "moss\n");
    bash("bryo try --profile buil", "build\n");
    bash("bryo try --allow nest", "nested-userns\n");
    bash("bryo run -- setpri", "setpriv");
    bash("bryo try setpri", "setpriv");
    bash("bryo diff --summ", "--summary\n");
    let fish = |line: &str, offered: &str| {
        let asked = format!("eval (string collect -- $argv[1]); complete -C '{line}'");
        let shell = Bryo::program(program("fish").unwrap()).at(&home).leftovers_unjudged();
        let script = completions("fish");
        shell.args(["-c", &asked, &script]).stdout_contains(offered).check();
    };
    fish("bryo diff mo", "moss\n");
    fish("bryo try setpri", "setpriv");
}

#[test]
fn every_group_of_flags_has_its_place_in_the_help() {
    for flag in ["-h", "--help"] {
        let help = Bryo::run().arg(flag).stdout_any().check();
        for heading in ["Options", "Identity", "View", "Network", "Process"] {
            assert!(help.text().contains(&format!("\n{heading}:\n")), "{heading}");
        }
        let widest = help.text().lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 80), "{widest:?}");
        assert_eq!(help.text().contains("Examples:"), flag == "--help");
    }
}

// ---------------------------------------------------------------- tables

#[test]
fn the_table_of_keys_is_that_of_the_words() {
    let page = read("man/bryo-policy.5");
    for word in WORDS {
        let row = page.lines().find(|line| line.starts_with(&format!(".It Ic {} Ta ", word.name)));
        let row = row.unwrap_or_else(|| panic!("`{}` is not in bryo-policy.5", word.name));
        let cells: Vec<_> = row.split(" Ta ").collect();
        let may = match word.in_project_policy {
            InProjectPolicy::Allowed => cells[2] == "yes",
            InProjectPolicy::AllowedAs(only) => {
                cells[2].replace("\\(dq", "") == format!("only Li {only}")
            }
            InProjectPolicy::AllowedWithinProject => cells[2].starts_with("within the project"),
            InProjectPolicy::Refused => cells[2] == "\\(em",
        };
        assert!(may, "{row}");
        let list = cells[1].contains("array");
        assert_eq!(list, matches!(word.takes, Takes::Each(_)), "{row}");
        assert_eq!(cells[1] == "boolean", word.takes == Takes::Nothing, "{row}");
    }
    for name in profile::names() {
        assert!(page.contains(&format!(".It Ic {name}\n")), "`{name}` is not in bryo-policy.5");
    }
}

#[test]
fn every_secret_of_a_home_is_listed() {
    let page = read("man/bryo.1");
    let source = read("src/plan/resolve/secrets.rs");
    let secrets =
        source.lines().filter_map(|line| line.strip_prefix("    \"")?.strip_suffix("\","));
    let is_listed = |it: &&str| {
        let item = format!(".Pa ~/{}", it.replace(' ', "\\ "));
        page.lines().any(|line| line == item || line.starts_with(&format!("{item} ")))
    };
    let missing: Vec<_> = secrets.clone().filter(|it| !is_listed(it)).collect();
    assert!(secrets.count() > 50 && missing.is_empty(), "{missing:?}");
}

#[test]
fn every_variable_that_is_read_is_documented() {
    let page = read("man/bryo.1");
    for source in Source::all("src", "rs") {
        for (_, word) in crate::support::source::words_of(&source.text) {
            let is_variable = word.starts_with("BRYO_") && word.len() > "BRYO_".len();
            assert!(!is_variable || page.contains(word), "`{word}` is not in bryo.1");
        }
    }
}

#[test]
fn the_version_is_in_the_list_of_changes() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("CHANGELOG.md").contains(&format!("\n## {version}\n")), "{version}");
    Bryo::verb("version").stdout(format!("bryo {version}\n")).check();
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in ["README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"] {
        let text = read(document);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let exists = match target.strip_prefix('#') {
                Some(anchor) => text.lines().any(|line| anchor_of(line) == Some(anchor.to_owned())),
                None => target.contains("://") || place::tree().join(target).exists(),
            };
            assert!(exists, "{document}: {target}");
        }
    }
}

/// As GitHub makes it of a heading.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    Some(kept.collect::<String>().replace(' ', "-"))
}

fn read(document: &str) -> String {
    let path = place::tree().join(document);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
