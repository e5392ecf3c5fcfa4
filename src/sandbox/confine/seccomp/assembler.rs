//! Writes programs for the kernel's filter machine from their end to their beginning: there jumps
//! lead only onward, so whatever an instruction leads to is already written.

use crate::plan::filter::Action;
use crate::sys::seccomp::{Code, Instruction, answer};

/// A place in the program: its distance from the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label(usize);

#[derive(Default)]
pub(super) struct Assembler {
    /// The last instruction first.
    reversed: Vec<Instruction>,
    /// Instructions that return, the latest for each value; there are few values.
    returns: Vec<(u32, Label)>,
}

/// How far one test may lead, with room for the two long jumps that may come between (a test's own
/// offsets have eight bits).
const REACH: usize = u8::MAX as usize - 2;

impl Assembler {
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        self.reversed.reverse();
        self.reversed
    }

    fn push(&mut self, code: Code, operand: u32) -> Label {
        self.reversed.push(Instruction { code, if_true: 0, if_false: 0, operand });
        Label(self.reversed.len() - 1)
    }

    /// How many instructions the next one would have to skip to get there.
    fn distance(&self, target: Label) -> usize {
        self.reversed.len() - 1 - target.0
    }

    fn jump(&mut self, target: Label) -> Label {
        let distance = self.distance(target);
        self.push(Code::Jump, distance as u32)
    }

    pub(super) fn answer(&mut self, action: Action) -> Label {
        let value = value_of(action);
        let known = self.returns.iter().position(|(it, _)| *it == value);
        if let Some((_, label)) = known.map(|place| self.returns[place])
            && self.distance(label) <= REACH
        {
            return label;
        }
        let label = self.push(Code::Return, value);
        match known {
            Some(place) => self.returns[place] = (value, label),
            None => self.returns.push((value, label)),
        }
        label
    }

    /// Goes to one of two places by a test of the accumulator.
    pub(super) fn test(&mut self, code: Code, operand: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let yes = self.within_reach(yes);
        let no = self.within_reach(no);
        let (if_true, if_false) = (self.distance(yes) as u8, self.distance(no) as u8);
        self.reversed.push(Instruction { code, if_true, if_false, operand });
        Label(self.reversed.len() - 1)
    }

    /// The place itself, or a long jump that leads there.
    fn within_reach(&mut self, target: Label) -> Label {
        if self.distance(target) <= REACH { target } else { self.jump(target) }
    }

    /// Does this to the accumulator, then goes on there.
    pub(super) fn then(&mut self, code: Code, operand: u32, next: Label) -> Label {
        if self.distance(next) > 0 {
            self.jump(next);
        }
        self.push(code, operand)
    }
}

fn value_of(action: Action) -> u32 {
    match action {
        Action::Allow => answer::ALLOW,
        Action::Log => answer::LOG,
        Action::Trace(data) => answer::TRACE | u32::from(data),
        Action::Errno(number) => answer::ERRNO | u32::from(number),
        Action::Trap => answer::TRAP,
        Action::KillThread => answer::KILL_THREAD,
        Action::KillProcess => answer::KILL_PROCESS,
    }
}
