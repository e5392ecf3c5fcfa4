//! The filter of system calls: compiled by the caller, before the clone; loaded by the payload, as
//! the last thing before it becomes the command.
//!
//! A program looks at the ABI first, then finds the number in a balanced tree of ranges with equal
//! answers, x32's being one of them, and looks at arguments only where an answer depends on them:
//! calls that are always allowed cost nothing, since Linux 5.11 finds them beforehand (commit
//! f9d480b6ffbe).

mod assembler;
#[cfg(test)]
mod tests;

use crate::base::{Context, Error, Result};
use crate::plan::filter::{AbiFilter, Comparison, Condition, Filter, Flag, Verdict};
use crate::sys::seccomp::{self, Code, Instruction, LONGEST, LoadFlags, offset};

use assembler::{Assembler, Label};

/// A filter as the kernel takes it.
#[derive(Debug)]
pub(in crate::sandbox) struct Program {
    instructions: Vec<Instruction>,
    flags: LoadFlags,
}

impl Program {
    pub(in crate::sandbox) fn compile(filter: &Filter) -> Result<Self> {
        let instructions = compile(filter);
        if instructions.len() > LONGEST {
            let length = instructions.len();
            return Err(Error::new(format!(
                "it becomes {length} instructions, and the kernel takes {LONGEST}"
            ))
            .within("cannot use the filter of system calls"));
        }
        let flags = LoadFlags {
            log: filter.flags.contains(&Flag::Log),
            speculation_allowed: filter.flags.contains(&Flag::SpeculationAllowed),
        };
        Ok(Self { instructions, flags })
    }

    /// Makes it the law for this process and all it starts.
    pub(in crate::sandbox) fn load(&self) -> Result<()> {
        seccomp::load(&self.instructions, self.flags)
            .context(|| "cannot filter the system calls".to_owned())
    }
}

fn compile(filter: &Filter) -> Vec<Instruction> {
    let mut assembler = Assembler::default();
    let mut beginnings = Vec::new();
    for abi in &filter.abis {
        let tree = numbers(&mut assembler, abi, &Verdict::always(filter.foreign));
        let beginning = assembler.then(Code::Load, offset::NUMBER, tree);
        beginnings.push((abi.abi.audit_architecture(), beginning));
    }
    let mut next = assembler.answer(filter.foreign);
    for (architecture, beginning) in beginnings {
        next = assembler.test(Code::IfEqual, architecture, beginning, next);
    }
    assembler.then(Code::Load, offset::ARCHITECTURE, next);
    assembler.finish()
}

/// Finds the number's answer.
fn numbers(assembler: &mut Assembler, filter: &AbiFilter, foreign: &Verdict) -> Label {
    let others = Verdict::always(filter.others);
    let mut ranges = Ranges::default();
    let mut next = 0;
    for (number, verdict) in &filter.calls {
        if *number > next {
            ranges.begin(next, &others);
        }
        ranges.begin(*number, verdict);
        next = number + 1;
    }
    ranges.begin(next, &others);
    if let Some(first) = filter.abi.foreign_numbers() {
        ranges.begin(first, foreign);
    }
    let mut known = Vec::new();
    tree(assembler, &stretches(&ranges.0), &mut known)
}

/// Numbers with equal answers: the first of each range, in rising order.
#[derive(Default)]
struct Ranges<'a>(Vec<(u32, &'a Verdict)>);

impl<'a> Ranges<'a> {
    fn begin(&mut self, first: u32, verdict: &'a Verdict) {
        if self.0.last().is_none_or(|(_, last)| *last != verdict) {
            self.0.push((first, verdict));
        }
    }
}

/// A range, or two with equal answers and a single number between them: that one is found by one
/// test, and as a range of its own it would take two.
struct Stretch<'a> {
    first: u32,
    verdict: &'a Verdict,
    single: Option<(u32, &'a Verdict)>,
}

fn stretches<'a>(mut ranges: &[(u32, &'a Verdict)]) -> Vec<Stretch<'a>> {
    let mut stretches = Vec::new();
    while let [(first, verdict), rest @ ..] = ranges {
        let (single, rest) = match rest {
            [single, (next, again), rest @ ..] if *next == single.0 + 1 && again == verdict => {
                (Some(*single), rest)
            }
            _ => (None, rest),
        };
        stretches.push(Stretch { first: *first, verdict, single });
        ranges = rest;
    }
    stretches
}

/// Answers that look at arguments, and where they are in the program.
type Known<'a> = Vec<(&'a Verdict, Label)>;

fn tree<'a>(assembler: &mut Assembler, stretches: &[Stretch<'a>], known: &mut Known<'a>) -> Label {
    match stretches {
        [] => assembler.answer(crate::plan::filter::Action::ENOSYS),
        [Stretch { verdict, single, .. }] => {
            let others = answer(assembler, verdict, known);
            single.map_or(others, |(number, verdict)| {
                let single = answer(assembler, verdict, known);
                assembler.test(Code::IfEqual, number, single, others)
            })
        }
        _ => {
            let (lower, upper) = stretches.split_at(stretches.len() / 2);
            let first = upper[0].first;
            let upper = tree(assembler, upper, known);
            let lower = tree(assembler, lower, known);
            assembler.test(Code::IfGreaterOrEqual, first, upper, lower)
        }
    }
}

fn answer<'a>(assembler: &mut Assembler, verdict: &'a Verdict, known: &mut Known<'a>) -> Label {
    if let Some((_, label)) = known.iter().find(|(it, _)| *it == verdict) {
        return *label;
    }
    let mut next = Place::after_any(assembler.answer(verdict.otherwise));
    for rule in verdict.rules.iter().rev() {
        let mut yes = Place::after_any(assembler.answer(rule.action));
        for condition in rule.when.iter().rev() {
            yes = test(assembler, condition, yes, next);
        }
        next = yes;
    }
    let next = next.after(assembler, None);
    if !verdict.rules.is_empty() {
        known.push((verdict, next));
    }
    next
}

/// Where the program goes on, and which half of an argument it takes to be in the accumulator
/// there: rules that look at the same one load it once.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    label: Label,
    holding: Option<u32>,
}

impl Place {
    fn after_any(label: Label) -> Self {
        Self { label, holding: None }
    }

    /// The same for whoever comes with this in the accumulator.
    fn after(self, assembler: &mut Assembler, held: Option<u32>) -> Label {
        match self.holding {
            Some(half) if held != Some(half) => assembler.then(Code::Load, half, self.label),
            _ => self.label,
        }
    }
}

/// Goes on by whether the condition holds. The machine has 32 bits, an argument two halves of them.
fn test(assembler: &mut Assembler, condition: &Condition, yes: Place, no: Place) -> Place {
    let [high, low] = halves(condition);
    match condition.comparison {
        Comparison::Equal => equal(assembler, high, low, yes, no),
        Comparison::NotEqual => equal(assembler, high, low, no, yes),
        Comparison::Greater => greater(assembler, Code::IfGreater, high, low, yes, no),
        Comparison::LessOrEqual => greater(assembler, Code::IfGreater, high, low, no, yes),
        Comparison::GreaterOrEqual => {
            greater(assembler, Code::IfGreaterOrEqual, high, low, yes, no)
        }
        Comparison::Less => greater(assembler, Code::IfGreaterOrEqual, high, low, no, yes),
    }
}

/// One half of a condition.
#[derive(Clone, Copy)]
struct Half {
    offset: u32,
    mask: u32,
    value: u32,
}

fn halves(condition: &Condition) -> [Half; 2] {
    let half = |offset, shift: u32| Half {
        offset,
        mask: (condition.mask >> shift) as u32,
        value: (condition.value >> shift) as u32,
    };
    [half(offset::high_half(condition.argument), 32), half(offset::low_half(condition.argument), 0)]
}

fn equal(assembler: &mut Assembler, high: Half, low: Half, yes: Place, no: Place) -> Place {
    let low = compare(assembler, Code::IfEqual, low, yes, no);
    compare(assembler, Code::IfEqual, high, low, no)
}

/// `code` is how the low halves compare where the high ones are equal.
fn greater(
    assembler: &mut Assembler,
    code: Code,
    high: Half,
    low: Half,
    yes: Place,
    no: Place,
) -> Place {
    let low = compare(assembler, code, low, yes, no);
    let equal = compare(assembler, Code::IfEqual, high, low, no);
    compare(assembler, Code::IfGreater, high, yes, equal)
}

fn compare(assembler: &mut Assembler, code: Code, half: Half, yes: Place, no: Place) -> Place {
    if half.mask == 0 {
        // Whatever the argument: nothing of this half is looked at.
        let holds = match code {
            Code::IfEqual | Code::IfGreaterOrEqual => half.value == 0,
            _ => false,
        };
        return if holds { yes } else { no };
    }
    if yes == no {
        return yes;
    }
    let is_bit_test = code == Code::IfEqual && half.value == 0;
    let is_masked = half.mask != u32::MAX;
    let held = (!is_masked || is_bit_test).then_some(half.offset);
    let (yes, no) = (yes.after(assembler, held), no.after(assembler, held));
    let label = if is_masked && is_bit_test {
        assembler.test(Code::IfAnyBit, half.mask, no, yes)
    } else {
        let tested = assembler.test(code, half.value, yes, no);
        if is_masked { assembler.then(Code::And, half.mask, tested) } else { tested }
    };
    Place { label, holding: Some(half.offset) }
}
