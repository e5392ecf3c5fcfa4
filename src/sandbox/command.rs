//! The command: from the name that was given to the program that the payload becomes.
//!
//! The payload prepares everything before the filter of system calls is its law. Then it only tries
//! to execute, and leaves behind what the kernel said: a filter may forbid it to look for the
//! reason, to speak of it, or to allocate memory. Init, which no filter holds, tells the rest.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::{Error, ExitCode};
use crate::plan::Plan;
use crate::sys::file;
use crate::sys::process::{self, Strings};
use crate::sys::{CallError, Errno};

use super::interpreter::{self, Unfit};
use super::wire::Report;

/// All that is needed to become the command.
pub(super) struct Attempt {
    programs: Vec<Program>,
    arguments: Strings,
    environment: Strings,
}

/// A file that may be the command.
struct Program {
    /// Its place among the candidates.
    place: u32,
    path: CString,
    /// A text that does not say what it is for is read by a shell, as execvp(3) has it.
    by_shell: Option<Strings>,
}

/// What the kernel said to the attempt, small enough to be left in one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    /// The candidate that counts; `None` where there was none.
    place: Option<u32>,
    errno: Errno,
}

impl Attempt {
    pub(super) fn prepare(plan: &Plan) -> Self {
        let words = plan.command.iter().filter_map(|word| string(word.as_bytes()));
        let arguments: Vec<CString> = words.collect();
        let variables = plan.environment.iter();
        let environment = variables
            .filter_map(|(key, value)| string(&[key.as_bytes(), b"=", value.as_bytes()].concat()));
        let programs = (0..).zip(candidates(plan)).filter(|(_, path)| may_be_there(path));
        Self {
            programs: programs
                .filter_map(|(place, path)| {
                    let by_shell = interpreter::is_plain_text(&path).then_some(&arguments);
                    let path = string(path.as_os_str().as_bytes())?;
                    let by_shell = by_shell.map(|arguments| for_shell(&path, arguments));
                    Some(Program { place, path, by_shell })
                })
                .collect(),
            environment: Strings::new(environment.collect()),
            arguments: Strings::new(arguments),
        }
    }

    /// Returns only if the kernel refuses. Makes no call but execve, and allocates nothing.
    pub(super) fn execute(&self) -> Refusal {
        let mut refusal = Refusal { place: None, errno: Errno::ENOENT };
        for program in &self.programs {
            let errno = self.execute_one(program);
            let refused = Refusal { place: Some(program.place), errno };
            match errno {
                // It has gone since, or another directory may hold a better one of that name.
                Errno::ENOTDIR | Errno::ENAMETOOLONG => {}
                Errno::EACCES if refusal.place.is_some() => {}
                Errno::EACCES => refusal = refused,
                _ => return refused,
            }
        }
        refusal
    }

    fn execute_one(&self, program: &Program) -> Errno {
        let errno = process::execve(&program.path, &self.arguments, &self.environment);
        match (errno, &program.by_shell) {
            (Errno::ENOEXEC, Some(words)) => {
                match process::execve(c"/bin/sh", words, &self.environment) {
                    Errno::ENOENT => Errno::ENOEXEC,
                    errno => errno,
                }
            }
            _ => errno,
        }
    }
}

/// A look that failed leaves it to the kernel to say why the command does not run.
fn may_be_there(path: &Path) -> bool {
    path.try_exists().unwrap_or_else(|error| {
        let errno = CallError::of(error, String::new()).errno;
        !matches!(errno, Errno::EACCES | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG)
    })
}

fn for_shell(script: &CString, arguments: &[CString]) -> Strings {
    let rest = arguments.iter().skip(1).cloned();
    Strings::new([c"/bin/sh".to_owned(), script.clone()].into_iter().chain(rest).collect())
}

fn string(bytes: &[u8]) -> Option<CString> {
    CString::new(bytes).ok()
}

impl Refusal {
    const NO_PLACE: u32 = u32::MAX >> 1;

    /// Never 0.
    pub(super) fn encoded(self) -> u64 {
        let place = self.place.unwrap_or(Self::NO_PLACE);
        1 << 63 | u64::from(place) << 32 | u64::from(self.errno.0.unsigned_abs())
    }

    pub(super) fn decoded(number: u64) -> Option<Self> {
        let place = (number >> 32) as u32 & Self::NO_PLACE;
        (number != 0).then_some(Self {
            place: (place != Self::NO_PLACE).then_some(place),
            errno: Errno(number as u32 as i32),
        })
    }

    /// In init: what there is to tell of it.
    pub(super) fn report(self, plan: &Plan) -> Report {
        // Where the payload was; that it could go there is known.
        let _ = file::change_directory(plan.view.workdir.as_path());
        let candidate =
            self.place.and_then(|place| candidates(plan).into_iter().nth(place as usize));
        let unfit = match candidate {
            Some(candidate) => interpreter::why_unfit(&candidate, self.errno),
            None => not_found(plan),
        };
        match unfit {
            Unfit { error, missing: None } => Report::Failed(error),
            Unfit { error, missing: Some(path) } => {
                Report::Missing { error, path: path.as_os_str().as_bytes().to_vec() }
            }
        }
    }
}

fn not_found(plan: &Plan) -> Unfit {
    let program = plan.command.first().cloned().unwrap_or_default();
    let error = Error::new("no such program inside the sandbox")
        .within(format!("cannot find `{program}`"))
        .code(ExitCode::NotFound);
    Unfit { error, missing: Some(PathBuf::from(program.as_os_str())) }
}

/// The paths that the command's name may mean, as execvp(3) looks for them in the payload's PATH.
pub(super) fn candidates(plan: &Plan) -> Vec<PathBuf> {
    let Some(program) = plan.command.first() else { return Vec::new() };
    if program.as_bytes().contains(&b'/') {
        return vec![PathBuf::from(program.as_os_str())];
    }
    let path = plan.environment.iter().find(|(key, _)| key.as_bytes() == b"PATH");
    let path = path.map_or(&b""[..], |(_, value)| value.as_bytes());
    path.split(|b| *b == b':')
        .map(|directory| Path::new(OsStr::from_bytes(directory)).join(program.as_os_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_it_was_left() {
        for place in [None, Some(0), Some(5)] {
            for errno in [Errno::ENOENT, Errno::EACCES, Errno(0)] {
                let refusal = Refusal { place, errno };
                assert_eq!(Refusal::decoded(refusal.encoded()), Some(refusal));
            }
        }
        assert_eq!(Refusal::decoded(0), None);
    }
}
