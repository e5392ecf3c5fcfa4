//! Programs against the filters that they were made of: the filter as data is read by one
//! interpreter, the program by another, and both must say the same of any call.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::base::syscall::Abi;
use crate::plan::filter::{Action, Keys, Rule, SetuidBits, default_filter};
use crate::spec::Door;
use crate::sys::seccomp::answer as returned;

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
struct Call {
    architecture: u32,
    number: u32,
    arguments: [u64; 6],
}

/// What the filter says, read as its documentation has it.
fn by_data(filter: &Filter, call: &Call) -> Action {
    let Some(abi) = filter.abis.iter().find(|it| it.abi.audit_architecture() == call.architecture)
    else {
        return filter.foreign;
    };
    if abi.abi.foreign_numbers().is_some_and(|first| call.number >= first) {
        return filter.foreign;
    }
    let Some(verdict) = abi.verdict_of(call.number) else { return abi.others };
    let holds = |it: &Condition| {
        let argument = call.arguments[usize::from(it.argument)];
        it.comparison.holds(argument & it.mask, it.value)
    };
    let applies = |rule: &&Rule| rule.when.iter().all(holds);
    verdict.rules.iter().find(applies).map_or(verdict.otherwise, |rule| rule.action)
}

/// What the kernel would do, and how many instructions it would take.
fn by_program(program: &[Instruction], call: &Call) -> (Action, usize) {
    let mut data = [call.number, call.architecture, 0xdead, 0xbeef].to_vec();
    data.extend(call.arguments.iter().flat_map(|it| [*it as u32, (*it >> 32) as u32]));
    let (mut accumulator, mut place, mut steps) = (0u32, 0usize, 0);
    loop {
        let it = program[place];
        steps += 1;
        let jump = |holds| usize::from(if holds { it.if_true } else { it.if_false });
        place += 1 + match it.code {
            Code::Load => {
                accumulator = data[it.operand as usize / 4];
                0
            }
            Code::And => {
                accumulator &= it.operand;
                0
            }
            Code::Jump => it.operand as usize,
            Code::IfEqual => jump(accumulator == it.operand),
            Code::IfGreater => jump(accumulator > it.operand),
            Code::IfGreaterOrEqual => jump(accumulator >= it.operand),
            Code::IfAnyBit => jump(accumulator & it.operand != 0),
            Code::Return => return (action_of(it.operand), steps),
        };
    }
}

fn action_of(value: u32) -> Action {
    let data = value as u16;
    match value & 0xffff_0000 {
        returned::ALLOW => Action::Allow,
        returned::LOG => Action::Log,
        returned::TRACE => Action::Trace(data),
        returned::ERRNO => Action::Errno(data),
        returned::TRAP => Action::Trap,
        returned::KILL_THREAD => Action::KillThread,
        returned::KILL_PROCESS => Action::KillProcess,
        other => panic!("{other:#x} is no answer"),
    }
}

/// What the kernel's checker demands of a program (bpf_check_classic, seccomp_check_filter).
fn check(program: &[Instruction]) {
    assert!((1..=LONGEST).contains(&program.len()), "{} instructions", program.len());
    for (place, it) in program.iter().enumerate() {
        let lands = |offset: usize| assert!(place + 1 + offset < program.len(), "{place}: {it:?}");
        match it.code {
            Code::Load => assert!(it.operand % 4 == 0 && it.operand < 64, "{place}: {it:?}"),
            Code::And | Code::Return => {}
            Code::Jump => lands(it.operand as usize),
            _ => {
                lands(it.if_true.into());
                lands(it.if_false.into());
            }
        }
    }
    assert_eq!(program.last().map(|it| it.code), Some(Code::Return));
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Allow),
        4 => (0..4096u16).prop_map(Action::Errno),
        1 => select(vec![Action::Log, Action::Trap, Action::KillThread, Action::KillProcess]),
        1 => any::<u16>().prop_map(Action::Trace),
    ]
}

/// Few bits, in both halves and around their border.
fn words() -> impl Strategy<Value = u64> {
    prop_oneof![
        select(vec![0, 1, 2, 9, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, u64::MAX, 0x8000_0000]),
        0..16u64,
        any::<u64>(),
        (0..64u32).prop_map(|bit| 1 << bit),
    ]
}

fn conditions() -> impl Strategy<Value = Condition> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let comparisons = select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
    let masks = prop_oneof![Just(u64::MAX), Just(0xffff_ffff), words()];
    (0..6u8, masks, comparisons, words()).prop_map(|(argument, mask, comparison, value)| {
        Condition { argument, mask, comparison, value }
    })
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let rule = (prop::collection::vec(conditions(), 0..4), actions())
        .prop_map(|(when, action)| Rule { when, action });
    prop_oneof![
        3 => actions().prop_map(Verdict::always),
        2 => (prop::collection::vec(rule, 0..5), actions())
            .prop_map(|(rules, otherwise)| Verdict { rules, otherwise }),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    let abi = |abi| {
        (prop::collection::btree_map(0..600u32, verdicts(), 0..120), actions()).prop_map(
            move |(calls, others)| AbiFilter { abi, calls: calls.into_iter().collect(), others },
        )
    };
    (abi(Abi::X86_64), prop::option::of(abi(Abi::I386)), actions()).prop_map(
        |(native, compat, foreign)| Filter {
            abis: [Some(native), compat].into_iter().flatten().collect(),
            foreign,
            flags: Vec::new(),
        },
    )
}

fn calls() -> impl Strategy<Value = Call> {
    let architectures = Abi::ALL.map(Abi::audit_architecture).to_vec();
    let numbers = prop_oneof![
        8 => 0..620u32,
        1 => (0..620u32).prop_map(|number| number | 0x4000_0000),
        1 => any::<u32>(),
    ];
    (select(architectures), numbers, prop::array::uniform6(words()))
        .prop_map(|(architecture, number, arguments)| Call { architecture, number, arguments })
}

/// A call that meets a filter where it is narrow: one of its own calls, each argument near a value
/// that it compares with.
fn aimed(filter: &Filter, at: &[prop::sample::Index; 8], near: &[i8; 6]) -> Call {
    let abi = at[6].get(&filter.abis);
    let mut call =
        Call { architecture: abi.abi.audit_architecture(), number: 0, arguments: [0; 6] };
    let Some((number, verdict)) = abi.calls.get(at[7].index(abi.calls.len().max(1))) else {
        return call;
    };
    call.number = *number;
    for (argument, (at, near)) in call.arguments.iter_mut().zip(at.iter().zip(near)) {
        let conditions = verdict.rules.iter().flat_map(|rule| &rule.when);
        let values: Vec<u64> = conditions.flat_map(|it| [it.value, it.value & it.mask]).collect();
        if !values.is_empty() {
            *argument = at.get(&values).wrapping_add_signed((*near).into());
        }
    }
    call
}

fn aims() -> impl Strategy<Value = ([prop::sample::Index; 8], [i8; 6])> {
    let near = prop::array::uniform6(select(vec![0i8, 0, 0, -1, 1]));
    (any::<[prop::sample::Index; 8]>(), near)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_program_says_what_its_filter_says(
        filter in filters(),
        calls in prop::collection::vec(calls(), 50),
        aims in prop::collection::vec(aims(), 100),
    ) {
        let program = compile(&filter);
        check(&program);
        let calls = calls.into_iter().chain(aims.iter().map(|(at, near)| aimed(&filter, at, near)));
        for call in calls {
            prop_assert_eq!(by_program(&program, &call).0, by_data(&filter, &call), "{:?}", call);
        }
    }

    #[test]
    fn so_does_the_program_of_the_default(
        doors in prop::sample::subsequence(Door::ALL.map(|(door, ..)| door).to_vec(), 0..4),
        calls in prop::collection::vec(calls(), 50),
        aims in prop::collection::vec(aims(), 100),
    ) {
        let filter = default_with(Abi::X86_64, &doors);
        let program = compile(&filter);
        check(&program);
        let calls = calls.into_iter().chain(aims.iter().map(|(at, near)| aimed(&filter, at, near)));
        for call in calls {
            prop_assert_eq!(by_program(&program, &call).0, by_data(&filter, &call), "{:?}", call);
        }
    }
}

fn default_with(native: Abi, doors: &[Door]) -> Filter {
    let keys = Keys { doors, capabilities: &[], setuid_bits: SetuidBits::OnHostFiles };
    default_filter(native, &keys)
}

#[test]
fn a_filter_of_thousands_of_conditions_needs_long_jumps_and_is_right() {
    let condition = |value| Condition::low_equals(3, value);
    let verdict = |number: u32| {
        let rule =
            |value| Rule { when: vec![condition(value)], action: Action::Errno(number as u16) };
        Verdict {
            rules: (0..100).map(|it| rule(number * 1000 + it)).collect(),
            otherwise: Action::Allow,
        }
    };
    let calls = (0..20).map(|number| (number, verdict(number))).collect();
    let abi = AbiFilter { abi: Abi::Aarch64, calls, others: Action::Trap };
    let filter = Filter { abis: vec![abi], foreign: Action::KillProcess, flags: Vec::new() };
    let program = compile(&filter);
    check(&program);
    assert!(program.iter().any(|it| it.code == Code::Jump));
    for number in 0..21 {
        for value in (0..20_000).step_by(37) {
            let arguments = [0, 0, 0, value, 0, 0];
            let architecture = Abi::Aarch64.audit_architecture();
            let call = Call { architecture, number, arguments };
            assert_eq!(by_program(&program, &call).0, by_data(&filter, &call), "{call:?}");
        }
    }
    let twice = Filter {
        abis: vec![filter.abis[0].clone(), {
            let mut other = filter.abis[0].clone();
            other.abi = Abi::I386;
            other.calls.iter_mut().for_each(|(_, verdict)| verdict.otherwise = Action::Log);
            other
        }],
        ..filter
    };
    assert!(compile(&twice).len() > LONGEST);
    assert!(Program::compile(&twice).unwrap_err().to_string().contains("the kernel takes 4096"));
}

#[test]
fn the_default_is_a_short_program_and_a_shallow_tree() {
    for native in [Abi::X86_64, Abi::Aarch64] {
        let program = compile(&default_with(native, &[]));
        check(&program);
        assert!(program.len() < 140, "{} instructions", program.len());
        let architecture = native.audit_architecture();
        let steps =
            |number| by_program(&program, &Call { architecture, number, arguments: [0; 6] }).1;
        let longest = (0..500).map(steps).max().unwrap();
        assert!(longest <= 22, "{longest} steps");
    }
}
