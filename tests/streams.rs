//! Standard streams that are files of the host: what the command can do to them, and that nothing
//! is lost where a pipe takes their place. Judged by what is in the file.

use std::fs;
use std::fs::{File, OpenOptions};

use crate::support::{Bryo, Home, place};

const CANARY: &str = "canary\n";

/// A home with a file beside the working directory, which no sandbox sees.
fn home_with_canary() -> (Home, std::path::PathBuf) {
    let home = Home::new();
    let canary = home.scratch().join("canary");
    fs::write(&canary, CANARY).unwrap();
    (home, canary)
}

#[test]
fn a_file_as_standard_input_is_not_opened_again_for_writing() {
    let (home, canary) = home_with_canary();
    let write =
        "echo planted >/proc/self/fd/0; exec 9<>/dev/stdin; echo planted >&9; exec 9>&-; cat";
    for flags in [&[][..], &["--root"], &["--allow", "nested-userns"]] {
        Bryo::run()
            .at(&home)
            .args(flags)
            .stdin_file(File::open(&canary).unwrap())
            .command(["bash", "-c", write])
            .stdout_contains(CANARY)
            .stderr_any()
            .check();
        assert_eq!(fs::read_to_string(&canary).unwrap(), CANARY, "{flags:?}");
    }
}

#[test]
fn a_file_that_is_shown_writable_stays_so_as_a_stream() {
    needs_landlock!(2);
    let home = Home::new();
    let file = home.work().join("mine");
    fs::write(&file, CANARY).unwrap();
    Bryo::run()
        .at(&home)
        .stdin_file(File::open(&file).unwrap())
        .shell("echo changed >/proc/self/fd/0")
        .check();
    assert_eq!(fs::read_to_string(&file).unwrap(), "changed\n");
}

#[test]
fn a_file_that_is_appended_to_keeps_what_it_had() {
    let (home, canary) = home_with_canary();
    let script = "import os
def tried(act):
    try: act()
    except OSError: pass
tried(lambda: os.ftruncate(1, 0))
tried(lambda: os.pwrite(1, b'planted', 0))
tried(lambda: open('/proc/self/fd/1', 'w').write('reopened\\n'))
tried(lambda: os.truncate('/proc/self/fd/1', 0))
os.write(1, b'appended\\n')
os.write(2, b'too\\n')";
    for flags in [&[][..], &["--allow", "nested-userns"]] {
        fs::write(&canary, CANARY).unwrap();
        let file = OpenOptions::new().append(true).open(&canary).unwrap();
        let both = format!("exec \"$bryo\" run {} -- python3 -c \"$0\" 2>&1", flags.join(" "));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &both, script]).env("bryo", place::binary()).current_dir(home.work());
        command.env_clear().envs(home.environment()).env("bryo", place::binary());
        let status = command.stdin(std::process::Stdio::null()).stdout(file).status().unwrap();
        assert!(status.success());
        let text = fs::read_to_string(&canary).unwrap();
        let rest = text.strip_prefix(CANARY).unwrap_or_else(|| panic!("{flags:?}: {text}"));
        // One pipe for both: in the order in which they were written.
        assert!(rest.ends_with("reopened\nappended\ntoo\n"), "{flags:?}: {text}");
    }
}

#[test]
fn a_stream_is_opened_again_for_what_it_is_for() {
    let (home, canary) = home_with_canary();
    for flags in [&[][..], &["--allow", "nested-userns"]] {
        let out = File::create(home.scratch().join("out")).unwrap();
        let mut command = std::process::Command::new(place::binary());
        command.args(["run", "--root"]).args(flags).args(["--", "sh", "-c"]);
        command.arg("cat /dev/stdin >/dev/stdout; echo end >>/dev/stderr; : </dev/null");
        command.env_clear().envs(home.environment()).current_dir(home.work());
        command.stdin(File::open(&canary).unwrap()).stdout(out);
        let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.ends_with("end\n"), "{flags:?}: {said}");
        assert_eq!(fs::read_to_string(home.scratch().join("out")).unwrap(), CANARY);
    }
}

#[test]
fn relayed_streams_lose_nothing_and_hold_nobody_up() {
    let home = Home::new();
    let numbers: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    let (source, copy) = (home.scratch().join("numbers"), home.scratch().join("copy"));
    fs::write(&source, &numbers).unwrap();
    let run = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]).env_clear().envs(home.environment());
        command.env("bryo", place::binary()).current_dir(home.work());
        let output = command.env("home", home.root()).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let relayed = "\"$bryo\" run --allow nested-userns --";
    run(&format!("{relayed} cat <\"$home\"/numbers >\"$home\"/copy"));
    assert!(fs::read_to_string(&copy).unwrap() == numbers);
    // Whoever reads on begins where the command stopped.
    let rest = run(&format!(
        "{{ {relayed} sh -c 'read a; read b'; read c; echo $c; }} <\"$home\"/numbers"
    ));
    assert_eq!(rest, "2\n");
    // Closed streams end nothing and are waited for by nobody.
    run(&format!("{relayed} sh -c 'exec <&- >&-; sleep 0.1' <\"$home\"/numbers >\"$home\"/copy"));
    assert_eq!(fs::read_to_string(&copy).unwrap(), "");
}

#[test]
fn a_directory_is_no_stream() {
    let home = Home::new();
    Bryo::run()
        .at(&home)
        .stdin_file(File::open(home.root()).unwrap())
        .shell("echo started")
        .stderr_contains("cannot pass standard input to the sandbox: it is a directory of the host")
        .status(125)
        .check();
}
