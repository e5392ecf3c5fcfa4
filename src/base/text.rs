//! Bytes from outside (names, arguments, variables), kept exactly and shown safely.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use serde::{Serialize, Serializer};

/// An operating-system string. Displayed, control characters and invalid UTF-8 become escapes, so
/// that a name from inside a sandbox can never speak to the terminal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Text(OsString);

impl Text {
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<OsString> for Text {
    fn from(value: OsString) -> Self {
        Self(value)
    }
}

impl From<&OsStr> for Text {
    fn from(value: &OsStr) -> Self {
        Self(value.to_owned())
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}

impl From<String> for Text {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

/// Characters that change how the text around them is shown: the controls of C0 and C1, and some
/// that are no controls.
fn is_dangerous(c: char) -> bool {
    c.is_control() || c >= '\u{ad}' && is_unseen(c)
}

/// The ones that turn the direction of writing or end a line, and those by which one name looks
/// like another. Joiners stay, which scripts and emoji need.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_bytes().utf8_chunks() {
            // In as few pieces as there can be: lists of names are long.
            let mut rest = chunk.valid();
            while let Some(at) = rest.find(is_dangerous) {
                let (plain, dangerous) = rest.split_at(at);
                f.write_str(plain)?;
                let mut characters = dangerous.chars();
                if let Some(c) = characters.next() {
                    write!(f, "{}", c.escape_default())?;
                }
                rest = characters.as_str();
            }
            f.write_str(rest)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_never_reach_the_terminal() {
        let text = Text::from(OsStr::from_bytes(b"a\x1b[31m\xff\n\xe2\x80\xaeb"));
        assert_eq!(text.to_string(), "a\\u{1b}[31m\\xff\\n\\u{202e}b");
    }

    #[test]
    fn no_two_names_look_the_same_for_what_is_not_seen() {
        for unseen in
            "\u{ad}\u{61c}\u{115f}\u{200b}\u{2028}\u{2029}\u{2060}\u{3164}\u{feff}\u{e0041}".chars()
        {
            let shown = Text::from(format!("Make{unseen}file")).to_string();
            assert_eq!(shown, format!("Make{}file", unseen.escape_default()));
        }
        let joined = "نامه\u{200c}ها 👩\u{200d}💻";
        assert_eq!(Text::from(joined).to_string(), joined);
    }
}
