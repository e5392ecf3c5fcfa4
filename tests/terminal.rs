//! Programs on a terminal: what a person types and sees with bryo in between, and what becomes of
//! the terminal afterwards.

use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::support::{Deadline, Home, Terminal, patient, place};

const SOON: Duration = Duration::from_secs(10);

/// A shell on a terminal, with `bryo` on its path; `$` has come.
fn shell(home: &Home) -> Terminal {
    let mut terminal = Terminal::spawn(home, ["env", "PS1=out: ", "bash", "--norc", "-i"]);
    terminal.wait_for("out: ", SOON);
    let directory = place::binary().parent().unwrap().display().to_string();
    terminal.send(&format!("PATH={directory}:$PATH\r"));
    terminal.wait_for("out: ", SOON);
    terminal
}

/// A script on a terminal, where no shell puts the settings back.
fn script(home: &Home, text: &str) -> Terminal {
    script_with_settings(home, text).0
}

/// The same, and the settings of the terminal before it began.
fn script_with_settings(home: &Home, text: &str) -> (Terminal, String) {
    let directory = place::binary().parent().unwrap().display().to_string();
    let text = format!("read go; PATH={directory}:$PATH; {text}");
    let mut terminal = Terminal::spawn(home, ["sh", "-c", text.as_str()]);
    let before = terminal.settings();
    terminal.send("\n");
    terminal.wait_for("\r\n", SOON);
    (terminal, before)
}

fn bryo(home: &Home, command: &[&str]) -> Terminal {
    let program = place::binary().display().to_string();
    let words = [program.as_str(), "run", "--"].into_iter().chain(command.iter().copied());
    Terminal::spawn(home, words.collect::<Vec<_>>())
}

#[test]
fn the_terminal_is_one_of_the_sandboxs_own() {
    let home = Home::new();
    let mut terminal =
        bryo(&home, &["sh", "-c", "tty; stty size; ls -x /dev/pts; ls -l /proc/self/fd"]);
    terminal.wait_for("/dev/pts/0\r\n24 80\r\n0  ptmx\r\n", SOON);
    for number in 0..3 {
        terminal.wait_for(&format!("{number} -> /dev/pts/0\r\n"), SOON);
    }
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn only_streams_that_were_terminals_are_one() {
    let home = Home::new();
    let ask = "for n in 0 1 2; do test -t $n && found=$n$found; done; echo $found >&2";
    let mut terminal =
        script(&home, &format!("bryo run -- sh -c '{ask}' </dev/null | cat; echo end"));
    terminal.wait_for("end", SOON);
    assert_eq!(terminal.wait(SOON), 0);
    let screen = terminal.screen();
    assert_eq!(screen.split_whitespace().collect::<Vec<_>>(), ["2", "end"], "{screen:?}");
}

#[test]
fn the_exit_status_comes_through() {
    let home = Home::new();
    assert_eq!(bryo(&home, &["sh", "-c", "exit 7"]).wait(SOON), 7);
    assert_eq!(bryo(&home, &["sh", "-c", "kill -9 $$"]).wait(SOON), 137);
}

#[test]
fn keys_for_signals_reach_the_command() {
    let home = Home::new();
    for (key, status) in [("\x03", 130), ("\x1c", 131)] {
        let mut terminal = bryo(&home, &["sh", "-c", "echo on-$((1 + 1)); exec sleep 60"]);
        terminal.wait_for("on-2", SOON);
        terminal.send(key);
        assert_eq!(terminal.wait(SOON), status);
    }
}

#[test]
fn the_window_is_resized_inside() {
    let home = Home::new();
    let watch = "trap 'stty size; exit' WINCH; echo on-$((1 + 1)); while :; do sleep 0.1; done";
    let mut terminal = bryo(&home, &["sh", "-c", watch]);
    terminal.wait_for("on-2", SOON);
    terminal.resize(50, 132);
    terminal.wait_for("50 132", SOON);
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn the_outer_shell_stops_and_continues_a_run() {
    let home = Home::new();
    let mut terminal = shell(&home);
    let before = terminal.settings();
    // A shell that forks would now and then be stopped in vfork(2), where nothing wakes it.
    let watch = "exec 9<> <(:); trap \"echo back-\\$((1 + 1))\" CONT; \
                 echo on-$((1 + 1)); while :; do read -t 0.1 -u 9; done";
    terminal.send(&format!("bryo run -- bash -c '{watch}'\r"));
    terminal.wait_for("on-2", SOON);
    terminal.send("\x1a");
    terminal.wait_for("Stopped", SOON);
    terminal.wait_for("out: ", SOON);
    assert_eq!(terminal.settings(), before, "the shell has its terminal back");
    terminal.send("bg\r");
    terminal.wait_for("back-2", SOON);
    terminal.send("jobs\r");
    terminal.wait_for("Running", SOON);
    terminal.send("fg\r");
    terminal.wait_for("back-2", SOON);
    terminal.send("\x1a");
    terminal.wait_for("Stopped", SOON);
    terminal.send("fg\r");
    terminal.wait_for("back-2", SOON);
    terminal.send("\x03");
    terminal.wait_for("out: ", SOON);
    terminal.send("echo code-$?\r");
    terminal.wait_for("code-130", SOON);
    terminal.send("exit 3\r");
    assert_eq!(terminal.wait(SOON), 3);
}

#[test]
fn a_shell_inside_has_job_control() {
    let home = Home::new();
    let mut terminal = bryo(&home, &["env", "PS1=in: ", "bash", "--norc", "-i"]);
    terminal.wait_for("in: ", SOON);
    terminal.send("sleep 60\r");
    terminal.wait_for("\r\n", SOON);
    std::thread::sleep(Duration::from_millis(300));
    terminal.send("\x1a");
    terminal.wait_for("Stopped", SOON);
    terminal.send("bg\r");
    terminal.wait_for("sleep 60 &", SOON);
    terminal.send("fg\r");
    terminal.wait_for("sleep 60\r\n", SOON);
    std::thread::sleep(Duration::from_millis(300));
    terminal.send("\x03");
    terminal.wait_for("in: ", SOON);
    terminal.send("echo code-$?\r");
    terminal.wait_for("code-130", SOON);
    terminal.send("exit 5\r");
    assert_eq!(terminal.wait(SOON), 5);
}

#[test]
fn a_shell_inside_that_suspends_itself_suspends_the_run() {
    let home = Home::new();
    let mut terminal = shell(&home);
    terminal.send("bryo run -- env PS1='in: ' bash --norc -i\r");
    terminal.wait_for("hin: ", SOON);
    terminal.send("suspend\r");
    terminal.wait_for("Stopped", SOON);
    terminal.wait_for("out: ", SOON);
    terminal.send("fg\r");
    terminal.wait_for("in: ", SOON);
    terminal.send("exit 6\r");
    terminal.wait_for("out: ", SOON);
    terminal.send("exit $?\r");
    assert_eq!(terminal.wait(SOON), 6);
}

#[test]
fn the_settings_come_back_at_the_end() {
    let home = Home::new();
    let after = |command: &str| {
        let text = format!("{command}; echo end-$?; read wait");
        let (mut terminal, before) = script_with_settings(&home, &text);
        terminal.wait_for("end-", SOON);
        assert_eq!(terminal.settings(), before, "{command}");
        terminal.send("\r");
        assert_eq!(terminal.wait(SOON), 0, "{}", terminal.screen());
    };
    after("bryo run -- sh -c 'stty raw -echo'");
    after("bryo run -- nonesuch");
    after("bryo run --rw /nonesuch -- true");
}

/// Sends a signal to the caller of a run that has its terminal in raw mode; the settings before
/// and after.
fn settings_around(signal: Signal) -> (String, String) {
    let home = Home::new();
    let text = "sh -c 'echo $$ > pid; exec bryo run -- sh -c \"echo on-2; exec sleep 60\"'; echo end-$?; read wait";
    let (mut terminal, before) = script_with_settings(&home, text);
    terminal.wait_for("on-2", SOON);
    let deadline = Deadline::after(SOON);
    assert!(deadline.sees(|| terminal.settings() != before), "never raw");
    let pid = home.scratch().read("work/pid").trim().parse().unwrap();
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    terminal.wait_for(&format!("end-{}", 128 + signal.as_raw()), SOON);
    // The guard is a process of its own, and SIGKILL leaves nobody to wait for it.
    deadline.sees(|| terminal.settings() == before);
    let after = terminal.settings();
    terminal.send("\r");
    assert_eq!(terminal.wait(SOON), 0);
    (before, after)
}

#[test]
fn the_settings_come_back_after_a_signal() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::KILL] {
        let (before, after) = settings_around(signal);
        assert_eq!(after, before, "{signal:?}");
    }
}

#[test]
fn vim_edits_a_file() {
    needs!("vim");
    let home = Home::new();
    home.scratch().write("work/text", "old\n");
    let mut terminal = bryo(&home, &["vim", "-u", "NONE", "-n", "text"]);
    terminal.wait_for("old", SOON);
    terminal.send("Onew line\x1b:wq\r");
    assert_eq!(terminal.wait(SOON), 0, "{}", terminal.screen());
    assert_eq!(home.scratch().read("work/text"), "new line\nold\n");
}

#[test]
fn less_and_top_show_a_screen() {
    needs!("less", "top");
    let home = Home::new();
    let lines: String = (1..=200).map(|n| format!("line-{n}\n")).collect();
    home.scratch().write("work/text", &lines);
    let mut terminal = bryo(&home, &["less", "text"]);
    terminal.wait_for("line-23", SOON);
    terminal.send("G");
    terminal.wait_for("line-200", SOON);
    terminal.send("q");
    assert_eq!(terminal.wait(SOON), 0);

    let mut terminal = bryo(&home, &["top", "-n", "1"]);
    terminal.wait_for("PID", SOON);
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn keys_are_left_to_who_reads_them_in_a_pipeline() {
    let home = Home::new();
    let mut terminal = script(
        &home,
        "bryo run -- sh -c 'echo one; sleep 1' | { read line; echo ready-$line; read key </dev/tty; \
         echo [$line] [$key]; }",
    );
    terminal.wait_for("ready-one", SOON);
    terminal.send("typed\r");
    terminal.wait_for("[one] [typed]", SOON);
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn a_command_in_a_pipeline_gets_the_keys_when_it_reads() {
    let home = Home::new();
    let (mut terminal, before) = script_with_settings(&home, "bryo run -- cat | tr a-z A-Z");
    terminal.send("hello\r");
    // The echo may come before or after.
    terminal.wait_for("HELLO", SOON);
    assert!(Deadline::after(SOON).sees(|| terminal.screen().contains("hello")));
    std::thread::sleep(patient(Duration::from_millis(300)));
    terminal.send("\x04");
    assert_eq!(terminal.wait(SOON), 0);
    assert_eq!(terminal.settings(), before);

    let ask = "bryo run -- sh -c 'cat; read a </dev/tty; echo got-$a'";
    let mut terminal = script(&home, &format!("echo piped | {ask}"));
    terminal.wait_for("piped", SOON);
    terminal.send("typed\r");
    terminal.wait_for("got-typed", SOON);
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn an_interrupt_ends_a_whole_pipeline() {
    let home = Home::new();
    let mut terminal = shell(&home);
    terminal.send("bryo run -- sh -c 'echo on-$((1 + 1)) >&2; exec cat' | sleep 60\r");
    terminal.wait_for("on-2", SOON);
    terminal.send("\x03");
    terminal.wait_for("out: ", SOON);
    terminal.send("exit 3\r");
    assert_eq!(terminal.wait(SOON), 3);
}

#[test]
fn a_stop_does_not_stretch_the_timeout() {
    let home = Home::new();
    let mut terminal = shell(&home);
    // The command stops itself, and bryo with it: the shell has the terminal back.
    terminal.send("bryo run --timeout 2s -- sh -c 'kill -STOP $$; sleep 30'\r");
    terminal.wait_for("Stopped", SOON);
    terminal.wait_for("out: ", SOON);
    terminal.send("sleep 4\r");
    terminal.wait_for("Exit 124", SOON);
}

#[test]
fn a_run_in_the_background_stops_when_it_wants_the_terminal() {
    let home = Home::new();
    let mut terminal = shell(&home);
    terminal.send("bryo run -- sh -c 'echo on-$((1 + 1)); read a; echo got-$a' &\r");
    terminal.wait_for("on-2", SOON);
    std::thread::sleep(Duration::from_millis(500));
    terminal.send("\r");
    terminal.wait_for("Stopped", SOON);
    terminal.send("fg\r");
    terminal.wait_for("bryo run", SOON);
    terminal.send("typed\r");
    terminal.wait_for("got-typed", SOON);
    terminal.wait_for("out: ", SOON);
    terminal.send("exit 0\r");
    assert_eq!(terminal.wait(SOON), 0);
}

#[test]
fn more_than_the_kernel_holds_comes_out_whole() {
    let home = Home::new();
    let expected: String = (1..=30_000).map(|n| format!("{n}\r\n")).collect();
    let mut terminal = bryo(&home, &["seq", "30000"]);
    assert_eq!(terminal.wait(SOON), 0);
    std::thread::sleep(Duration::from_millis(100));
    assert!(terminal.screen() == expected, "{} bytes", terminal.screen().len());
}

/// The caller is stopped while the command writes and ends, so that all of it is still in the
/// kernel afterwards.
#[test]
fn nothing_is_lost_on_the_way_out() {
    let home = Home::new();
    let numbers: String = (1..=2000).map(|n| format!("{n}\r\n")).collect();
    let script = "echo on-$((1 + 1)); until test -e go; do sleep 0.01; done; seq 2000; touch ended";
    let mut terminal = bryo(&home, &["sh", "-c", script]);
    terminal.wait_for("on-2\r\n", SOON);
    terminal.signal(Signal::STOP);
    home.scratch().write("work/go", "");
    let has_ended = Deadline::after(SOON).sees(|| home.work().join("ended").exists());
    assert!(has_ended, "the command waits for the caller");
    // Its shell ends, and init hears of it.
    std::thread::sleep(patient(Duration::from_millis(200)));
    terminal.signal(Signal::CONT);
    assert_eq!(terminal.wait(SOON), 0);
    std::thread::sleep(Duration::from_millis(100));
    assert!(terminal.screen() == format!("on-2\r\n{numbers}"), "{} bytes", terminal.screen().len());
}

#[test]
fn nothing_is_lost_on_the_way_in() {
    let home = Home::new();
    let count = "stty raw -echo; echo on-$((1 + 1)); head -c 500000 | cksum; stty sane";
    let mut terminal = bryo(&home, &["sh", "-c", count]);
    terminal.wait_for("on-2", SOON);
    let text = "0123456789".repeat(50_000);
    for part in text.as_bytes().chunks(4000) {
        terminal.send(std::str::from_utf8(part).unwrap());
    }
    let sum = std::process::Command::new("sh")
        .args(["-c", "yes 0123456789 | tr -d '\\n' | head -c 500000 | cksum"])
        .output()
        .unwrap();
    terminal.wait_for(String::from_utf8_lossy(&sum.stdout).trim(), SOON);
    assert_eq!(terminal.wait(SOON), 0);
}
