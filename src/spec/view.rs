//! What the command shall see: the wishes that make the view, and how they are typed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

use serde::Serialize;

use crate::base::Text;
use crate::base::size::Size;
use crate::base::wording::any_of;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// One wish for the view. Paths are as typed: what they are relative to is known later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ViewWish {
    Bind { source: Text, dest: Option<Text>, access: Access },
    Overlay { source: Text, dest: Option<Text> },
    Tmpfs { dest: Text, size: Option<Size>, mode: Option<u32> },
    Hide { path: Text },
    File { dest: Text, content: FileContent },
    Symlink { target: Text, dest: Text },
    Device { name: Text },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileContent {
    Written(Text),
    CopiedFrom(Text),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RootfsMode {
    /// Under a throw-away overlay: the directory is never changed.
    Overlay,
    ReadOnly,
    ReadWrite,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootfsWish {
    pub directory: Text,
    pub mode: RootfsMode,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HomeMode {
    /// Empty, gone afterwards.
    Private,
    /// The real one under an overlay, without what is secret in it.
    Overlay,
    /// A directory of the host that lasts.
    Directory(Text),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OverlayDriver {
    Auto,
    Kernel,
    Fuse,
}

impl FromStr for OverlayDriver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "kernel" => Ok(Self::Kernel),
            "fuse" => Ok(Self::Fuse),
            _ => Err(format!("`{text}` is not {}", any_of(&["auto", "kernel", "fuse"]))),
        }
    }
}

impl HomeMode {
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        match text.as_bytes() {
            b"private" => Ok(Self::Private),
            b"overlay" => Ok(Self::Overlay),
            b"" => Err("an empty path is no home".to_owned()),
            _ => Ok(Self::Directory(text.into())),
        }
    }
}

impl RootfsWish {
    /// `DIR`, `DIR:ro` or `DIR:rw`.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let (directory, mode) = match text.as_bytes() {
            [dir @ .., b':', b'r', b'o'] => (dir, RootfsMode::ReadOnly),
            [dir @ .., b':', b'r', b'w'] => (dir, RootfsMode::ReadWrite),
            dir => (dir, RootfsMode::Overlay),
        };
        Ok(Self { directory: filled(directory, text)?, mode })
    }
}

fn filled(part: &[u8], whole: &OsStr) -> Result<Text, String> {
    if part.is_empty() {
        return Err(format!("`{}` has an empty path", Text::from(whole)));
    }
    Ok(Text::from(OsStr::from_bytes(part)))
}

/// `SRC` or `SRC:DEST`, where DEST is absolute or in the home: a colon before anything else
/// belongs to the name.
fn source_and_dest(text: &OsStr) -> Result<(Text, Option<Text>), String> {
    let bytes = text.as_bytes();
    let split = (0..bytes.len())
        .rev()
        .find(|at| bytes[*at] == b':' && matches!(bytes.get(at + 1), Some(b'/' | b'~') | None));
    match split {
        None => Ok((filled(bytes, text)?, None)),
        Some(at) => Ok((filled(&bytes[..at], text)?, Some(filled(&bytes[at + 1..], text)?))),
    }
}

impl ViewWish {
    pub fn bind(text: &OsStr, access: Access) -> Result<Self, String> {
        let (source, dest) = source_and_dest(text)?;
        Ok(Self::Bind { source, dest, access })
    }

    pub fn overlay(text: &OsStr) -> Result<Self, String> {
        let (source, dest) = source_and_dest(text)?;
        Ok(Self::Overlay { source, dest })
    }

    /// `SRC:DEST[:ro|rw|overlay]`, as docker users type it; also `SRC` alone.
    pub fn volume(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        for (suffix, access) in [(":ro", Access::ReadOnly), (":rw", Access::ReadWrite)] {
            if let Some(rest) = bytes.strip_suffix(suffix.as_bytes()) {
                return Self::bind(OsStr::from_bytes(rest), access);
            }
        }
        if let Some(rest) = bytes.strip_suffix(b":overlay") {
            return Self::overlay(OsStr::from_bytes(rest));
        }
        if let Some(at) = bytes.iter().rposition(|b| *b == b':') {
            let option = OsStr::from_bytes(&bytes[at + 1..]);
            let has_dest = bytes[..at].contains(&b':');
            if has_dest && !option.as_bytes().starts_with(b"/") {
                let option = Text::from(option);
                return Err(format!(
                    "`{option}` in `{}` is not {}",
                    Text::from(text),
                    any_of(&["ro", "rw", "overlay"])
                ));
            }
        }
        Self::bind(text, Access::ReadWrite)
    }

    /// `DEST[:size=64M,mode=1777]`.
    pub fn tmpfs(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let is_option = |at: &usize| {
            bytes[*at] == b':'
                && (bytes[at + 1..].starts_with(b"size=") || bytes[at + 1..].starts_with(b"mode="))
        };
        let at = (0..bytes.len()).find(is_option);
        let dest = filled(&bytes[..at.unwrap_or(bytes.len())], text)?;
        let (mut size, mut mode) = (None, None);
        let options = at.map_or("", |at| str::from_utf8(&bytes[at + 1..]).unwrap_or("\u{fffd}"));
        for option in options.split(',').filter(|o| !o.is_empty()) {
            match option.split_once('=') {
                Some(("size", value)) => size = Some(value.parse::<Size>()?),
                Some(("mode", value)) => mode = Some(octal_mode(value)?),
                _ => return Err(format!("`{option}` is not `size=SIZE` or `mode=MODE`")),
            }
        }
        if size == Some(Size(0)) {
            return Err("a size of 0 would be no limit at all to the kernel".to_owned());
        }
        Ok(Self::Tmpfs { dest, size, mode })
    }

    pub fn hide(text: &OsStr) -> Result<Self, String> {
        Ok(Self::Hide { path: filled(text.as_bytes(), text)? })
    }

    /// `DEST=TEXT` or `DEST=@FILE`.
    pub fn file(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let at = bytes.iter().position(|b| *b == b'=').ok_or_else(|| {
            format!("`{}` is not of the form DEST=TEXT or DEST=@FILE", Text::from(text))
        })?;
        let dest = filled(&bytes[..at], text)?;
        let content = match &bytes[at + 1..] {
            [b'@', file @ ..] => FileContent::CopiedFrom(filled(file, text)?),
            written => FileContent::Written(Text::from(OsStr::from_bytes(written))),
        };
        Ok(Self::File { dest, content })
    }

    /// `TARGET:DEST`.
    pub fn symlink(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let at = bytes
            .iter()
            .rposition(|b| *b == b':')
            .ok_or_else(|| format!("`{}` is not of the form TARGET:DEST", Text::from(text)))?;
        Ok(Self::Symlink {
            target: filled(&bytes[..at], text)?,
            dest: filled(&bytes[at + 1..], text)?,
        })
    }

    /// A name in /dev, with or without the `/dev/`.
    pub fn device(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let name = bytes.strip_prefix(b"/dev/").unwrap_or(bytes);
        let name_text = filled(name, text)?;
        if name.split(|b| *b == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
            return Err(format!("`{}` is not the name of a device in /dev", Text::from(text)));
        }
        Ok(Self::Device { name: name_text })
    }
}

fn octal_mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o1777)
        .ok_or_else(|| format!("`{text}` is not an octal mode up to 1777"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Text {
        Text::from(text)
    }

    #[test]
    fn a_colon_splits_only_before_an_absolute_path() {
        let bind = |s: &str| ViewWish::bind(OsStr::new(s), Access::ReadOnly);
        let wish = |source: &str, dest: Option<&str>| {
            Ok(ViewWish::Bind {
                source: text(source),
                dest: dest.map(text),
                access: Access::ReadOnly,
            })
        };
        assert_eq!(bind("a:b"), wish("a:b", None));
        assert_eq!(bind("a:/b"), wish("a", Some("/b")));
        assert_eq!(bind("a:~/b"), wish("a", Some("~/b")));
        assert!(bind("").is_err());
        assert!(bind(":/b").is_err());
        assert!(bind("a:").is_err());
    }

    #[test]
    fn volumes_are_typed_as_docker_users_type_them() {
        let volume = |s: &str| ViewWish::volume(OsStr::new(s));
        assert_eq!(
            volume("/a:/b:ro"),
            Ok(ViewWish::Bind {
                source: text("/a"),
                dest: Some(text("/b")),
                access: Access::ReadOnly
            })
        );
        assert_eq!(
            volume("/a:/b:overlay"),
            Ok(ViewWish::Overlay { source: text("/a"), dest: Some(text("/b")) })
        );
        assert_eq!(
            volume("/a:/b"),
            Ok(ViewWish::Bind {
                source: text("/a"),
                dest: Some(text("/b")),
                access: Access::ReadWrite
            })
        );
        assert!(volume("/a:/b:z").unwrap_err().contains("`z`"));
    }

    #[test]
    fn tmpfs_options_are_checked() {
        let tmpfs = |s: &str| ViewWish::tmpfs(OsStr::new(s));
        assert_eq!(
            tmpfs("/t:size=64M,mode=1777"),
            Ok(ViewWish::Tmpfs {
                dest: text("/t"),
                size: Some(Size(64 << 20)),
                mode: Some(0o1777)
            })
        );
        for wrong in ["/t:size=0", "/t:size=x", "/t:mode=9", "/t:mode=7777", "/t:size=1M,x=1", ""] {
            assert!(tmpfs(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn devices_stay_in_dev() {
        assert!(ViewWish::device(OsStr::new("../etc")).is_err());
        assert_eq!(
            ViewWish::device(OsStr::new("/dev/net/tun")),
            Ok(ViewWish::Device { name: text("net/tun") })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
            let text = OsStr::from_bytes(&bytes);
            let _ = ViewWish::bind(text, Access::ReadOnly);
            let _ = ViewWish::volume(text);
            let _ = ViewWish::tmpfs(text);
            let _ = ViewWish::file(text);
            let _ = ViewWish::symlink(text);
            let _ = ViewWish::device(text);
            let _ = RootfsWish::parse(text);
        }
    }
}
