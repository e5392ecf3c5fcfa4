//! Policies, profiles, and the policy that a project brings along.

use std::fs;

use crate::support::{Bryo, Home, place};

const NOT_ALLOWED: &str = "bryo: note: the policy `bryo.toml` found here is not used: you have not \
                           allowed it; read it, then `bryo policy allow`\n";
const CHANGED: &str = "bryo: note: the policy `bryo.toml` found here is not used: it has changed \
                       since you allowed it; read it, then `bryo policy allow`\n";

/// A home whose working directory holds the files.
fn home_with(files: &[(&str, &str)]) -> Home {
    let home = Home::new();
    for (name, text) in files {
        let path = home.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

fn bryo(home: &Home, verb: &str) -> Bryo {
    // The trust store is meant to stay.
    Bryo::verb(verb).at(home).leftovers_unjudged()
}

fn allow(home: &Home) {
    bryo(home, "policy").arg("allow").stdout_contains("allowed `").check();
}

#[test]
fn a_policy_says_what_flags_say_and_flags_win() {
    let home = home_with(&[
        (
            "p.toml",
            "profile = 'shell'\nenv = { A = 'policy', B = 'policy' }\nro = 'data:/data'\nnet = false\n",
        ),
        ("data/x", "text\n"),
    ]);
    let script = "hostname; echo $A $B; cat /data/x";
    bryo(&home, "run")
        .args(["--policy", "p.toml", "--env", "A=flag"])
        .shell(script)
        .stdout("bryo-shell\nflag policy\ntext\n")
        .check();
    bryo(&home, "run")
        .args(["--hostname", "own", "--policy", "p.toml", "--profile", "default"])
        .shell("hostname")
        .stdout("own\n")
        .check();
}

#[test]
fn a_policy_of_ones_own_has_a_name_that_no_project_can_take() {
    let home = home_with(&[("mine", "hostname = 'planted'\n")]);
    fs::create_dir(home.config().join("bryo")).unwrap();
    fs::write(home.config().join("bryo/mine.toml"), "hostname = 'mine'\n").unwrap();
    bryo(&home, "run").args(["--policy", "mine"]).shell("hostname").stdout("mine\n").check();
    bryo(&home, "run").args(["--policy", "./mine"]).shell("hostname").stdout("planted\n").check();
}

#[test]
fn what_is_wrong_with_a_policy_is_told_with_its_line_and_nothing_runs() {
    for (text, message) in [
        ("\nhostnam = 'x'", "line 2: unknown key `hostnam`\n\nhint: did you mean `hostname`?\n"),
        ("root = 1", "line 1: `root` wants `true` or `false`, not an integer\n"),
        (
            "net = 'x'",
            "line 1: `net`: `x` is not `none`, `closed`, `user`, `host`, `slirp4netns` or `pasta`\n",
        ),
        ("root = true\nroot = true", "line 2: duplicate key\n"),
    ] {
        let home = home_with(&[("p.toml", text)]);
        bryo(&home, "run")
            .args(["--policy", "p.toml"])
            .shell("echo ran")
            .stderr(format!("bryo: error: cannot use the policy `p.toml`: {message}"))
            .status(125)
            .check();
    }
}

#[test]
fn a_value_that_fails_later_points_at_its_line_too() {
    let home = home_with(&[("p.toml", "\nro = [\n  '/usr',\n  '/nowhere',\n]\n")]);
    bryo(&home, "run")
        .args(["--policy", "p.toml"])
        .shell("echo ran")
        .stderr("bryo: error: cannot use `p.toml:4: ro`: `/nowhere` does not exist\n")
        .status(125)
        .check();
}

#[test]
fn a_policy_found_here_is_used_only_while_it_is_what_was_allowed() {
    let home = home_with(&[("bryo.toml", "hostname = 'project'\n")]);
    let hostname = |home: &Home| bryo(home, "run").shell("hostname");
    hostname(&home).stdout("bryo\n").stderr(NOT_ALLOWED).check();
    allow(&home);
    hostname(&home).stdout("project\n").check();
    hostname(&home).cwd("/usr").stdout("bryo\n").check();
    fs::write(home.work().join("bryo.toml"), "hostname = 'changed'\n").unwrap();
    hostname(&home).stdout("bryo\n").stderr(CHANGED).check();
    allow(&home);
    hostname(&home).stdout("changed\n").check();
    bryo(&home, "policy").arg("forget").stdout_contains("forgot `").check();
    hostname(&home).stdout("bryo\n").stderr(NOT_ALLOWED).check();
}

#[test]
fn what_runs_inside_cannot_allow_itself() {
    let home = home_with(&[("bryo.toml", "hostname = 'project'\n")]);
    allow(&home);
    bryo(&home, "run").shell("echo \"hostname = 'inside'\" > bryo.toml").check();
    bryo(&home, "run").shell("hostname").stdout("bryo\n").stderr(CHANGED).check();
}

#[test]
fn a_project_narrows_and_never_widens() {
    let home = home_with(&[
        ("bryo.toml", "ro = 'kept'\nhide = 'secret'\n"),
        ("kept/x", ""),
        ("secret", "s\n"),
    ]);
    allow(&home);
    let script = "touch kept/y 2>/dev/null || echo kept; cat secret 2>/dev/null; true";
    bryo(&home, "run").shell(script).stdout("kept\n").check();
    assert!(!home.work().join("kept/y").exists());
    for (text, reason) in [
        ("rw = '.'", "line 1: `rw` may not be used"),
        ("net = true", "line 1: `net` may only be `none`"),
        ("ro = '/etc/passwd'", "line 1: `ro` reaches `/etc/passwd`, outside of"),
        ("ro = 'kept:/usr/bin'", "line 1: `ro` reaches `/usr/bin`, outside of"),
    ] {
        fs::write(home.work().join("bryo.toml"), text).unwrap();
        bryo(&home, "policy")
            .arg("allow")
            .stderr_contains(reason)
            .stderr_contains("`bryo run --policy bryo.toml`")
            .status(125)
            .check();
    }
}

#[test]
fn a_link_leads_no_project_policy_out() {
    let home = home_with(&[("bryo.toml", "ro = 'link'\n"), ("link/x", "")]);
    allow(&home);
    bryo(&home, "run").shell("ls link").stdout("x\n").check();
    fs::remove_dir_all(home.work().join("link")).unwrap();
    std::os::unix::fs::symlink(home.home(), home.work().join("link")).unwrap();
    bryo(&home, "run")
        .shell("ls link")
        .stderr_contains("cannot use `bryo.toml:1: ro`: it leads to `")
        .status(125)
        .check();
}

#[test]
fn the_same_file_named_by_the_user_is_the_users_own_word() {
    let home = home_with(&[("bryo.toml", "env = ['A=1']\n")]);
    bryo(&home, "run").args(["--policy", "bryo.toml"]).shell("echo $A").stdout("1\n").check();
}

#[test]
fn no_profile_shows_a_home_that_was_left_out() {
    let home = home_with(&[]);
    fs::write(home.home().join("key"), "secret\n").unwrap();
    for profile in ["default", "strict", "build", "shell"] {
        bryo(&home, "run")
            .args(["--profile", profile, "--net=none", "--workdir", "/tmp"])
            .cwd(home.home())
            .shell("cat ~/key 2>/dev/null || echo none")
            .stdout("none\n")
            .check();
        // Not by an overlay either, which this machine may not be able to make.
        bryo(&home, "run")
            .args(["--profile", profile, "--net=none", "--workdir", "/tmp", "--plan"])
            .cwd(home.home())
            .command(["true"])
            .stdout_lacks(format!("\"lower\": \"{}\"", home.home().display()))
            .check();
    }
}

#[test]
fn under_strict_nothing_lasts_and_little_is_passed() {
    let home = home_with(&[("a", "before\n")]);
    bryo(&home, "run")
        .args(["--profile", "strict"])
        .env("LC_TOKEN", "secret")
        .shell("echo after > a; touch b; cat a; echo ${LC_TOKEN-none} $HOME")
        .stdout(format!("after\nnone {}\n", home.home().display()))
        .check();
    assert_eq!(fs::read_to_string(home.work().join("a")).unwrap(), "before\n");
    assert!(!home.work().join("b").exists());
}

#[test]
fn under_build_a_cache_is_there_and_cannot_be_poisoned() {
    let home = home_with(&[]);
    let cache = home.home().join(".cargo/registry");
    fs::create_dir_all(&cache).unwrap();
    fs::write(cache.join("crate"), "good\n").unwrap();
    fs::write(home.home().join(".cargo/credentials.toml"), "token\n").unwrap();
    bryo(&home, "run")
        .args(["--profile", "build", "--net=none"])
        .shell("cd ~/.cargo; cat registry/crate; echo bad > registry/crate; cat registry/crate; ls")
        .stdout("good\nbad\nregistry\n")
        .check();
    assert_eq!(fs::read_to_string(cache.join("crate")).unwrap(), "good\n");
}

#[test]
fn every_profile_is_listed_and_can_be_shown() {
    let home = home_with(&[]);
    for profile in ["default", "strict", "build", "shell"] {
        bryo(&home, "policy").arg("list").stdout_contains(format!("  {profile}  ")).check();
        let file = place::tree().join(format!("src/spec/profiles/{profile}.toml"));
        let text = fs::read_to_string(file).unwrap();
        bryo(&home, "policy").args(["show", profile]).stdout(text).check();
    }
    bryo(&home, "policy").args(["list", "--json"]).stdout_contains("\"name\": \"strict\"").check();
}
