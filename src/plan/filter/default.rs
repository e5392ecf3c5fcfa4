//! bryo's own filter: the table, with the rows open whose keys a sandbox holds.

use crate::base::syscall::Abi;
use crate::spec::Door;

use super::table::{Answer, Check, Row, TABLE};
use super::{AbiFilter, Action, Condition, Filter, Rule, Verdict, multiplexed, rows};

/// What opens a row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    Opened(Door),
    /// The payload keeps it: the kernel itself would let it.
    Capability(&'static str),
}

/// What a sandbox has been given.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    pub doors: &'a [Door],
    pub capabilities: &'a [&'static str],
    pub setuid_bits: SetuidBits,
}

/// Whether a setuid bit could outlive the sandbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetuidBits {
    /// Files of the host can be written: no bit may be set anywhere, since a filter sees no paths.
    OnHostFiles,
    /// They end with the sandbox, or stay in its own tree, as package managers need it.
    InsideOnly,
}

impl Keys<'_> {
    fn opens(&self, door: Door) -> bool {
        self.doors.contains(&door)
            || (door == Door::SetuidBits && self.setuid_bits == SetuidBits::InsideOnly)
    }

    fn open(&self, row: &Row) -> bool {
        row.opened_by.iter().any(|key| match key {
            Key::Opened(door) => self.opens(*door),
            Key::Capability(name) => self.capabilities.contains(name),
        })
    }
}

/// The full table for one machine: every call that is known is answered in so many words, every
/// other number is no call (ENOSYS), and other ABIs have none at all.
#[must_use]
pub fn default_filter(native: Abi, keys: &Keys<'_>) -> Filter {
    let verdicts = verdicts(keys);
    let compat = native.compat().filter(|_| keys.opens(Door::Compat32));
    Filter {
        abis: [Some(native), compat]
            .into_iter()
            .flatten()
            .map(|abi| filter_of(abi, &verdicts))
            .collect(),
        foreign: Action::ENOSYS,
        flags: Vec::new(),
    }
}

fn filter_of(abi: Abi, verdicts: &[Verdict]) -> AbiFilter {
    let rows = rows::of(abi);
    let mut calls = Vec::with_capacity(rows.len());
    for (number, row) in rows {
        calls.extend(verdicts.get(usize::from(*row)).map(|verdict| (*number, verdict.clone())));
    }
    let mut filter = AbiFilter { abi, calls, others: Action::ENOSYS };
    multiplexed::close(&mut filter);
    filter
}

/// What each row of the table comes to.
fn verdicts(keys: &Keys<'_>) -> Vec<Verdict> {
    let of_row = |row: &Row| match row.answer {
        _ if keys.open(row) => Verdict::always(Action::Allow),
        Answer::Allowed => Verdict::always(Action::Allow),
        Answer::Refused(action) => Verdict::always(action),
        Answer::Checked(check) => check.verdict(keys),
    };
    TABLE.iter().map(of_row).collect()
}

impl Check {
    fn verdict(self, keys: &Keys<'_>) -> Verdict {
        match self {
            Self::NewNamespaces => refused_if([vec![Condition::any_bit(0, NEW_NAMESPACES)]]),
            Self::Ioctl => refused_if(
                terminal_commands(keys).map(|command| vec![Condition::low_equals(1, command)]),
            ),
            Self::Socket => sockets(),
            Self::SocketPair => {
                only(Action::EAFNOSUPPORT, FAMILIES.map(|it| vec![Condition::low_equals(0, it)]))
            }
            Self::Personality => only(Action::EPERM, personas(keys)),
            Self::Prctl => refused_if([vec![Condition::low_equals(0, PR_SET_MM)]]),
            Self::Seccomp => refused_if([vec![Condition::any_bit(1, NEW_LISTENER)]]),
            Self::Mode(mode) => refused_if([vec![Condition::any_bit(mode, SET_ID_BITS)]]),
            // Without O_CREAT nobody gives a mode, and the register holds whatever it held.
            Self::OpenMode(flags, mode) => refused_if([vec![
                Condition::any_bit(flags, O_CREAT | O_TMPFILE),
                Condition::any_bit(mode, SET_ID_BITS),
            ]]),
        }
    }
}

fn rule(when: impl Into<Vec<Condition>>, action: Action) -> Rule {
    Rule { when: when.into(), action }
}

fn refused_if(cases: impl IntoIterator<Item = Vec<Condition>>) -> Verdict {
    let rules = cases.into_iter().map(|when| rule(when, Action::EPERM)).collect();
    Verdict { rules, otherwise: Action::Allow }
}

fn only(otherwise: Action, cases: impl IntoIterator<Item = Vec<Condition>>) -> Verdict {
    let rules = cases.into_iter().map(|when| rule(when, Action::Allow)).collect();
    Verdict { rules, otherwise }
}

/// CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h). To
/// clone(2) the first of them is a bit of the exit signal, which no signal has.
const NEW_NAMESPACES: u32 = 0x80
    | 0x0002_0000
    | 0x0200_0000
    | 0x0400_0000
    | 0x0800_0000
    | 0x1000_0000
    | 0x2000_0000
    | 0x4000_0000;

/// prctl(2).
const PR_SET_MM: u32 = 35;

/// SECCOMP_FILTER_FLAG_NEW_LISTENER: whoever listens answers the calls of all below (seccomp(2)).
const NEW_LISTENER: u32 = 1 << 3;

const SET_ID_BITS: u32 = 0o6000;
const O_CREAT: u32 = 0o100;
/// Without the O_DIRECTORY that it comes with.
const O_TMPFILE: u32 = 0o20_000_000;

/// What types into a terminal or takes it over: TIOCCONS, TIOCSETD, and behind its door TIOCSTI and
/// TIOCLINUX (CVE-2017-5226, CVE-2023-28100). The numbers of asm-generic/ioctls.h, which all three
/// ABIs share.
fn terminal_commands(keys: &Keys<'_>) -> impl Iterator<Item = u32> {
    const TAKING_OVER: [u32; 2] = [0x541d, 0x5423];
    const TYPING: [u32; 2] = [0x5412, 0x541c];
    let typing = TYPING.into_iter().filter(|_| !keys.opens(Door::TerminalInput));
    typing.chain(TAKING_OVER).collect::<Vec<_>>().into_iter()
}

/// AF_UNIX, AF_INET, AF_INET6.
const FAMILIES: [u32; 3] = [1, 2, 10];
const AF_NETLINK: u32 = 16;
const NETLINK_ROUTE: u32 = 0;

/// DCCP, L2TP, SCTP and SMC over IP: modules of the kernel that whoever asks for one loads. They
/// mean nothing to the other families.
const RARE_PROTOCOLS: [u32; 4] = [33, 115, 132, 256];

fn sockets() -> Verdict {
    let rare = RARE_PROTOCOLS.map(|protocol| vec![Condition::low_equals(2, protocol)]);
    let families = FAMILIES.map(|family| vec![Condition::low_equals(0, family)]);
    let route = vec![Condition::low_equals(0, AF_NETLINK), Condition::low_equals(2, NETLINK_ROUTE)];
    let mut verdict = only(Action::EAFNOSUPPORT, families.into_iter().chain([route]));
    verdict.rules.splice(0..0, rare.map(|when| rule(when, Action::EPROTONOSUPPORT)));
    verdict
}

/// The plain one, PER_LINUX32, each with UNAME26 too, and the question for the present one; to
/// debuggers also ADDR_NO_RANDOMIZE (linux/personality.h). Others weaken the process, such as
/// READ_IMPLIES_EXEC.
fn personas(keys: &Keys<'_>) -> impl Iterator<Item = Vec<Condition>> {
    const PERSONAS: [u32; 5] = [0, 0x8, 0x2_0000, 0x2_0008, u32::MAX];
    const ADDR_NO_RANDOMIZE: u32 = 0x4_0000;
    let debugged = keys.opens(Door::Ptrace);
    PERSONAS.into_iter().map(move |persona| {
        let mut condition = Condition::low_equals(0, persona);
        if debugged && persona != u32::MAX {
            condition.mask &= !u64::from(ADDR_NO_RANDOMIZE);
        }
        vec![condition]
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn closed() -> Keys<'static> {
        Keys { doors: &[], capabilities: &[], setuid_bits: SetuidBits::OnHostFiles }
    }

    #[test]
    fn every_known_call_is_in_exactly_one_row_and_no_other_name_is() {
        let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
        for name in TABLE.iter().flat_map(|row| row.names.split_ascii_whitespace()) {
            *rows.entry(name).or_default() += 1;
        }
        let known: BTreeMap<&str, usize> =
            Abi::ALL.into_iter().flat_map(Abi::calls).map(|(_, name)| (name, 1)).collect();
        assert_eq!(rows, known);
    }

    #[test]
    fn every_door_of_the_filter_opens_something_and_no_other_does() {
        let shut = default_filter(Abi::X86_64, &closed());
        for (door, name, _) in Door::ALL {
            let doors = [door];
            let open = default_filter(Abi::X86_64, &Keys { doors: &doors, ..closed() });
            let is_of_the_filter = door != Door::Proc;
            assert_eq!(open != shut, is_of_the_filter, "{name}");
        }
    }

    #[test]
    fn a_door_opens_its_calls_and_leaves_the_rest() {
        let changed = |doors: &[Door], capabilities: &[&'static str], setuid_bits| {
            let verdicts = |keys: &Keys<'_>| {
                let filter = default_filter(Abi::X86_64, keys).abis.remove(0);
                filter.calls.into_iter().collect::<BTreeMap<_, _>>()
            };
            let (shut, open) =
                (verdicts(&closed()), verdicts(&Keys { doors, capabilities, setuid_bits }));
            let names: BTreeMap<_, _> = Abi::X86_64.calls().collect();
            shut.iter().filter(|(n, v)| open[n] != **v).map(|(n, _)| names[n]).collect::<Vec<_>>()
        };
        let by_door = |door| changed(&[door], &[], SetuidBits::OnHostFiles);
        assert_eq!(
            by_door(Door::Ptrace),
            [
                "ptrace",
                "personality",
                "process_vm_readv",
                "process_vm_writev",
                "kcmp",
                "pidfd_getfd",
                "process_madvise"
            ]
        );
        assert_eq!(by_door(Door::Keyring), ["add_key", "request_key", "keyctl"]);
        assert_eq!(by_door(Door::Sockets), ["socket", "socketpair"]);
        assert_eq!(by_door(Door::TerminalInput), ["ioctl"]);
        assert_eq!(by_door(Door::Compat32), [""; 0]);
        let modes = [
            "open",
            "creat",
            "chmod",
            "fchmod",
            "mknod",
            "openat",
            "mknodat",
            "fchmodat",
            "openat2",
            "fchmodat2",
        ];
        assert_eq!(by_door(Door::SetuidBits), modes);
        assert_eq!(changed(&[], &[], SetuidBits::InsideOnly), modes);
        assert_eq!(changed(&[], &["sys_chroot"], SetuidBits::OnHostFiles), ["chroot"]);
    }

    #[test]
    fn only_the_door_for_it_opens_a_second_abi() {
        let abis = |native, doors: &[Door]| {
            let filter = default_filter(native, &Keys { doors, ..closed() });
            filter.abis.iter().map(|filter| filter.abi).collect::<Vec<_>>()
        };
        assert_eq!(abis(Abi::X86_64, &[]), [Abi::X86_64]);
        assert_eq!(abis(Abi::X86_64, &[Door::Compat32]), [Abi::X86_64, Abi::I386]);
        assert_eq!(abis(Abi::Aarch64, &[]), [Abi::Aarch64]);
    }
}
