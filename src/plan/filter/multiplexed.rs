//! The calls of i386 that stand for many: `socketcall` and `ipc` hand the arguments over behind a
//! pointer, where no filter sees them.

use std::collections::HashMap;

use crate::base::syscall::Abi;

use super::{AbiFilter, Action, Comparison, Condition, Rule, Verdict};

/// What argument 0 of `socketcall` says, from 1 on (linux/net.h).
const SOCKETCALL: &str = "socket bind connect listen accept getsockname getpeername socketpair \
    send recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg \
    sendmmsg";

/// What the low half of argument 0 of `ipc` says (linux/ipc.h); its high half is a version.
const IPC: [(&str, u64); 11] = [
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop_time64", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// Gives each call that goes through a multiplexer at least the answer that it has of its own; one
/// that depends on arguments, the strictest that it may have.
pub(super) fn close(filter: &mut AbiFilter) {
    if filter.abi != Abi::I386 {
        return;
    }
    let numbers: HashMap<&str, u32> =
        filter.abi.calls().map(|(number, name)| (name, number)).collect();
    let answer = |filter: &AbiFilter, name| {
        let number = *numbers.get(name)?;
        Some(filter.verdict_of(number).map_or(filter.others, strictest))
    };
    let sockets = (1..).zip(SOCKETCALL.split_ascii_whitespace()).map(|(call, name)| (name, call));
    for (multiplexer, mask, calls) in [
        ("socketcall", u64::from(u32::MAX), sockets.collect::<Vec<_>>()),
        ("ipc", 0xffff, IPC.to_vec()),
    ] {
        let answers: Vec<(u64, Action)> = calls
            .into_iter()
            .filter_map(|(name, call)| Some((call, answer(filter, name)?)))
            .collect();
        let Some(number) = numbers.get(multiplexer) else { continue };
        if let Ok(place) = filter.calls.binary_search_by_key(number, |(number, _)| *number) {
            narrow(&mut filter.calls[place].1, mask, &answers);
        }
    }
}

fn strictest(verdict: &Verdict) -> Action {
    let actions = verdict.rules.iter().map(|rule| rule.action).chain([verdict.otherwise]);
    actions.max_by_key(|action| action.rank()).unwrap_or(verdict.otherwise)
}

fn narrow(verdict: &mut Verdict, mask: u64, answers: &[(u64, Action)]) {
    let own = strictest(verdict).rank();
    let rules = answers.iter().filter(|(_, action)| action.rank() > own).map(|(call, action)| {
        let condition =
            Condition { argument: 0, mask, comparison: Comparison::Equal, value: *call };
        Rule { when: vec![condition], action: *action }
    });
    verdict.rules.splice(..0, rules.collect::<Vec<_>>());
}
