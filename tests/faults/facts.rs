//! What the command says of its sandbox, made comparable between runs: names of the run, numbers of
//! mounts and sizes of memory are taken out. What is left is the same in every launch of a kind.

use std::path::Path;

/// Lines of /proc/self/status that tell of this very process, not of its sandbox.
const PASSING: [&str; 13] = [
    "Tgid:", "Ngid:", "Pid:", "PPid:", "FDSize:", "NStgid:", "NSpid:", "NSpgid:", "NSsid:",
    "SigQ:", "Cpus_", "Mems_", "State:",
];

pub(crate) fn of(said: &[u8], home: &Path) -> String {
    let said = String::from_utf8_lossy(said).replace(&*home.to_string_lossy(), "HOME");
    let lines = said.lines().map(|line| line.trim_end_matches('\r'));
    let lines: Vec<_> = lines.filter(|line| lasts(line)).map(made_comparable).collect();
    lines.join("\n")
}

fn lasts(line: &str) -> bool {
    let Some(field) = line.strip_prefix("status ") else {
        return !line.starts_with("limit Max realtime timeout") && !line.starts_with("pid ");
    };
    let memory = ["Vm", "Rss", "Hugetlb", "voluntary", "nonvoluntary"];
    !memory.iter().chain(&PASSING).any(|name| field.starts_with(name))
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
/// (proc_pid_mountinfo(5)).
fn made_comparable(line: &str) -> String {
    // Addresses are made up anew, and in no order.
    if let Some(address) = line.strip_prefix("address ") {
        return format!("address {}", address.rsplit(' ').next().unwrap_or_default());
    }
    let Some(fields) = line.strip_prefix("mount ") else { return line.to_owned() };
    let fields: Vec<_> = fields.split(' ').collect();
    let behind = fields.iter().position(|field| *field == "-").unwrap_or(0);
    // Cut short: its writer was killed.
    if behind < 6 || fields.len() < behind + 4 {
        return line.to_owned();
    }
    // bryo's own filesystem is shown in parts that are numbered as they come.
    let root = if fields[behind + 1] == "tmpfs" { "/" } else { fields[3] };
    let mut kept = vec!["mount", root, fields[4], fields[5], fields[behind + 1]];
    // An overlay names its layers by descriptors.
    if ["tmpfs", "proc", "devpts"].contains(&fields[behind + 1]) {
        kept.push(fields[behind + 3]);
    }
    kept.join(" ")
}

/// The lines that only one of two has.
pub(crate) fn differing<'a>(truth: &'a str, said: &'a str) -> Vec<&'a str> {
    [lines_of_the_first(truth, said), lines_of_the_first(said, truth)].concat()
}

fn lines_of_the_first<'a>(first: &'a str, second: &str) -> Vec<&'a str> {
    first.lines().filter(|line| !second.lines().any(|it| it == *line)).collect()
}

/// The first lines in which two differ, for a message.
pub(crate) fn difference(truth: &str, said: &str) -> String {
    let lacks = lines_of_the_first(truth, said);
    let new = lines_of_the_first(said, truth);
    let some = |lines: &[&str]| lines.iter().take(4).copied().collect::<Vec<_>>().join(" | ");
    format!("lacks [{}], has [{}]", some(&lacks), some(&new))
}
