//! The defaults of the host view: which parts of the system and of the home a command sees.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::base::Text;
use crate::base::size::Size;

/// The system: programs and libraries, never state. A link on the host is the same link inside.
pub(crate) const SYSTEM: [&str; 11] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/libo32", "/opt", "/nix",
    "/gnu",
];

/// What `--system` puts below a writable layer: where `make install` and packages write.
pub(crate) const OVERLAID: [&str; 3] = ["/usr", "/etc", "/opt"];

/// What bryo writes of /etc even where the command may write there, if the host has it: who the
/// hosts are.
pub(crate) const HOST_NAMES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// The part of /etc that programs need to find libraries, certificates, time zones and their own
/// defaults. No accounts, no keys, no host configuration.
pub(crate) const ETC: [&str; 38] = [
    "/etc/R",
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/fonts",
    "/etc/gitconfig",
    "/etc/groff",
    "/etc/inputrc",
    "/etc/java-11-openjdk",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/lsb-release",
    "/etc/manpath.config",
    "/etc/maven/logging",
    "/etc/maven/m2.conf",
    "/etc/mime.types",
    "/etc/nanorc",
    "/etc/os-release",
    "/etc/php",
    "/etc/pki",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/protocols",
    "/etc/services",
    "/etc/sgml",
    "/etc/shells",
    "/etc/ssl",
    "/etc/texmf",
    "/etc/timezone",
    "/etc/vim",
    "/etc/xml",
    "/etc/zsh",
];

/// Toolchains that live in a home: their programs, never their credentials.
pub(crate) const TOOLCHAINS: [&str; 19] = [
    "~/.asdf",
    "~/.bun/bin",
    "~/.cargo/bin",
    "~/.deno/bin",
    "~/.ghcup/bin",
    "~/.juliaup",
    "~/.local/bin",
    "~/.local/lib",
    "~/.local/share/fnm",
    "~/.local/share/mise",
    "~/.local/share/pipx",
    "~/.local/share/uv",
    "~/.nvm",
    "~/.pyenv",
    "~/.rbenv",
    "~/.rustup",
    "~/.sdkman/candidates",
    "~/.volta",
    "~/go/bin",
];

/// Directories that are shared with other programs, sockets and users of the host: never taken
/// for a project.
pub(crate) const SHARED_DIRECTORIES: [&str; 10] =
    ["/", "/home", "/tmp", "/var", "/var/tmp", "/run", "/dev", "/dev/shm", "/etc", "/root"];

/// Names of variables that say how to speak to the user and to nobody else.
pub(crate) const ENVIRONMENT: [&str; 12] = [
    "PATH",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "CLICOLOR",
    "LANG",
    "LANGUAGE",
    "TZ",
    "CI",
    "COLUMNS",
    "LINES",
    "SHELL",
];

pub(crate) const HOSTNAME: &str = "bryo";

/// What a tmpfs may take: a quarter of the memory, between 64 MiB and 4 GiB.
pub(crate) fn tmpfs_size(memory: u64) -> Size {
    Size((memory / 4).clamp(64 * Size::MIB, 4 * Size::GIB) / Size::MIB * Size::MIB)
}

/// Processes and threads: more than a build of the largest projects starts at once, far fewer than
/// a machine bears.
pub(crate) const PIDS: u32 = 4096;

/// Every path whose fact the host view depends on.
pub(crate) fn paths_of_host_view() -> impl Iterator<Item = &'static str> {
    SYSTEM.into_iter().chain(ETC).chain(TOOLCHAINS).chain(["."])
}

/// A source written `?PATH` is used if it exists: for policies that serve many machines.
pub(crate) fn without_question_mark(source: &Text) -> (Text, bool) {
    match source.as_bytes().strip_prefix(b"?") {
        Some(rest) => (Text::from(OsStr::from_bytes(rest)), true),
        None => (source.clone(), false),
    }
}
