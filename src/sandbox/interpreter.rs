//! Why a file cannot be executed, read from the file itself: what execve(2) calls "no such file"
//! is often the interpreter that the file names. Reads a bounded beginning of the file, believes
//! nothing in it, and never panics on what it finds.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::{Error, ExitCode, Text};
use crate::sys::{CallError, Errno, file};

/// A command that cannot be executed.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) error: Error,
    /// The file that the view lacks, if that is the reason.
    pub(super) missing: Option<PathBuf>,
}

/// How much of a file is read: every linker puts its loader's name near the beginning.
const BEGINNING: usize = 64 << 10;

/// How deep scripts may be interpreted by scripts (execve(2)).
const DEPTH: usize = 5;

/// What the kernel takes a file for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Format {
    Script { interpreter: PathBuf },
    Elf { machine: u16, loader: Option<PathBuf> },
    PlainText,
    Unknown,
}

/// A file without `#!` that a shell can read: its first line holds no zero byte (bash(1) decides
/// in the same way).
pub(super) fn is_plain_text(path: &Path) -> bool {
    !begins_like_a_program(path) && format_of(path) == Format::PlainText
}

/// The quick look that does for nearly every command.
fn begins_like_a_program(path: &Path) -> bool {
    let mut magic = [0; 4];
    let regular = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    regular
        && file::open_path_for_reading(path)
            .and_then(|fd| file::read(fd.as_fd(), &mut magic))
            .is_ok()
        && (magic.starts_with(b"#!") || magic == *b"\x7fELF")
}

/// Why this file was not executed, as far as it can tell.
pub(super) fn why_unfit(path: &Path, errno: Errno) -> Unfit {
    let (reason, hint, missing) = match errno {
        Errno::ENOENT => missing_interpreter(path),
        Errno::EACCES => (no_permission(path), None, None),
        Errno::ENOEXEC => (wrong_format(path), None, None),
        _ => (None, None, None),
    };
    let kernels = || CallError { call: "execve".to_owned(), errno }.into();
    let error = reason
        .map_or_else(kernels, Error::new)
        .within(format!("cannot execute `{}`", Text::from(path.as_os_str())))
        .code(ExitCode::CannotExecute);
    Unfit { error: hint.into_iter().fold(error, Error::hint), missing }
}

/// The first interpreter in the chain that is not there.
fn missing_interpreter(path: &Path) -> (Option<String>, Option<String>, Option<PathBuf>) {
    let mut path = path.to_owned();
    for _ in 0..DEPTH {
        let interpreter = match format_of(&path) {
            Format::Script { interpreter } => interpreter,
            Format::Elf { loader: Some(loader), .. } => loader,
            _ => break,
        };
        if !interpreter.exists() {
            let name = Text::from(interpreter.as_os_str());
            let reason = format!("its interpreter `{name}` does not exist inside the sandbox");
            let hint = name.as_bytes().ends_with(b"\r").then(|| {
                let script = Text::from(path.as_os_str());
                format!("its lines end as on Windows: `sed -i 's/\\r$//' {script}` corrects them")
            });
            return (Some(reason), hint, Some(interpreter));
        }
        path = interpreter;
    }
    (None, None, None)
}

fn no_permission(path: &Path) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    if found.is_dir() {
        return Some("it is a directory".to_owned());
    }
    if !found.is_file() {
        return Some("it is no regular file".to_owned());
    }
    if found.permissions().mode() & 0o111 == 0 {
        return Some("it has no execute permission".to_owned());
    }
    match format_of(path) {
        Format::Script { interpreter } | Format::Elf { loader: Some(interpreter), .. }
            if !file::is_executable(&interpreter) =>
        {
            let name = Text::from(interpreter.as_os_str());
            Some(format!("its interpreter `{name}` cannot be executed"))
        }
        _ => None,
    }
}

fn wrong_format(path: &Path) -> Option<String> {
    match format_of(path) {
        Format::Elf { machine, .. } => Some(format!(
            "it is a program for {}, and this machine does not run those",
            machine_name(machine)
        )),
        Format::PlainText => Some("it is a text without `#!`, and there is no /bin/sh".to_owned()),
        Format::Script { .. } | Format::Unknown => Some("it is no program".to_owned()),
    }
}

/// The names of e_machine in elf.h that one is likely to meet.
fn machine_name(machine: u16) -> String {
    match machine {
        3 => "x86 (32 bit)".to_owned(),
        8 => "MIPS".to_owned(),
        20 => "PowerPC".to_owned(),
        21 => "PowerPC 64".to_owned(),
        22 => "S/390".to_owned(),
        40 => "ARM (32 bit)".to_owned(),
        62 => "x86-64".to_owned(),
        183 => "AArch64".to_owned(),
        243 => "RISC-V".to_owned(),
        258 => "LoongArch".to_owned(),
        other => format!("machine type {other}"),
    }
}

fn format_of(path: &Path) -> Format {
    let regular = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    if !regular {
        return Format::Unknown;
    }
    match file::open_path_for_reading(path).and_then(|fd| file::read_all(fd.as_fd(), BEGINNING)) {
        Ok(beginning) => format(&beginning),
        Err(_) => Format::Unknown,
    }
}

fn format(beginning: &[u8]) -> Format {
    if let Some(line) = beginning.strip_prefix(b"#!") {
        return script(line);
    }
    if beginning.starts_with(b"\x7fELF") {
        return Elf(beginning).format().unwrap_or(Format::Unknown);
    }
    let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.contains(&0) { Format::Unknown } else { Format::PlainText }
}

/// `#! /usr/bin/env -S words`: the first word, as `load_script` in the kernel's fs/binfmt_script.c
/// cuts it out.
fn script(line: &[u8]) -> Format {
    let line = line.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default();
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    match words.next() {
        Some(word) => Format::Script { interpreter: PathBuf::from(OsStr::from_bytes(word)) },
        None => Format::Unknown,
    }
}

/// The beginning of an ELF file; the places of its fields are those of elf(5).
struct Elf<'a>(&'a [u8]);

impl Elf<'_> {
    fn format(&self) -> Option<Format> {
        Some(Format::Elf { machine: self.short(18)?, loader: self.loader() })
    }

    fn loader(&self) -> Option<PathBuf> {
        const PT_INTERP: u32 = 3;
        let (table, entry_size, entries) = match self.is_64_bit()? {
            true => (self.long(32)?, self.short(54)?, self.short(56)?),
            false => (self.word(28)?.into(), self.short(42)?, self.short(44)?),
        };
        for index in 0..usize::from(entries) {
            let entry = usize::try_from(table).ok()?;
            let entry = entry.checked_add(index.checked_mul(entry_size.into())?)?;
            if self.word(entry)? != PT_INTERP {
                continue;
            }
            let (start, length) = match self.is_64_bit()? {
                true => (self.long(entry.checked_add(8)?)?, self.long(entry.checked_add(32)?)?),
                false => (
                    self.word(entry.checked_add(4)?)?.into(),
                    self.word(entry.checked_add(16)?)?.into(),
                ),
            };
            let start = usize::try_from(start).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            let name = self.0.get(start..end)?.split(|byte| *byte == 0).next()?;
            return Some(PathBuf::from(OsStr::from_bytes(name)));
        }
        None
    }

    fn is_64_bit(&self) -> Option<bool> {
        match self.0.get(4)? {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        }
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.field(at)?;
        Some(if self.is_big_endian() {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.field(at)?;
        Some(if self.is_big_endian() {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn long(&self, at: usize) -> Option<u64> {
        let bytes = self.field(at)?;
        Some(if self.is_big_endian() {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    fn field<const SIZE: usize>(&self, at: usize) -> Option<[u8; SIZE]> {
        self.0.get(at..at.checked_add(SIZE)?)?.try_into().ok()
    }

    fn is_big_endian(&self) -> bool {
        self.0.get(5) == Some(&2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interpreter_of(text: &str) -> Option<PathBuf> {
        match format(text.as_bytes()) {
            Format::Script { interpreter } => Some(interpreter),
            _ => None,
        }
    }

    #[test]
    fn the_first_word_of_a_script_is_its_interpreter() {
        assert_eq!(interpreter_of("#!/bin/sh\necho"), Some("/bin/sh".into()));
        assert_eq!(interpreter_of("#! \t/usr/bin/env -S a b\n"), Some("/usr/bin/env".into()));
        assert_eq!(interpreter_of("#!/bin/sh"), Some("/bin/sh".into()));
        assert_eq!(interpreter_of("#!/bin/sh\r\n"), Some("/bin/sh\r".into()));
        assert_eq!(interpreter_of("#!\n/bin/sh"), None);
        assert_eq!(format(b"echo\n\0"), Format::PlainText);
        assert_eq!(format(b"ec\0ho\n"), Format::Unknown);
    }

    /// A 64-bit header of two program headers, of which the second names the loader.
    fn elf_64(machine: u16, loader: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 2 * 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 2;
        bytes[64] = 1;
        bytes[120] = 3;
        bytes[128] = 176;
        bytes[152] = loader.len() as u8;
        bytes.extend_from_slice(loader);
        bytes
    }

    #[test]
    fn an_elf_file_names_its_machine_and_its_loader() {
        let expected = Format::Elf { machine: 183, loader: Some("/lib/ld.so".into()) };
        assert_eq!(format(&elf_64(183, b"/lib/ld.so\0")), expected);
        let own = std::fs::read("/proc/self/exe").unwrap();
        assert!(matches!(format(&own), Format::Elf { .. }));
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = format(&bytes);
            bytes.splice(0..bytes.len().min(6), *b"\x7fELF\x02\x01");
            let _ = format(&bytes);
            if let Some(class) = bytes.get_mut(4) {
                *class = 1;
            }
            let _ = format(&bytes);
        }

        #[test]
        fn no_broken_header_makes_it_panic(at in 4usize..176, byte in any::<u8>(), cut in 0usize..190) {
            let mut bytes = elf_64(62, b"/lib/ld.so\0");
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = format(&bytes);
        }
    }
}
