//! What a person sees of the changes before the question: the dangerous ones, and the tree where
//! it fits on a screen.

use std::io::{self, Write};

use crate::base::{HostPath, Result};
use crate::changes::diff::{Bytes, Colour, Shown, Style};
use crate::changes::{dangers, layers_in, tree};
use crate::cli::print;
use crate::store::Kept;

/// As many as leave room for the line that counts and for the question, on the smallest of screens.
const LINES: usize = 20;

/// Shows it.
pub(super) fn show(kept: &Kept, home: &HostPath) -> Result<()> {
    print::overview(&overview(kept, home, print::colour_of_talk())?);
    Ok(())
}

fn overview(kept: &Kept, home: &HostPath, colour: Colour) -> Result<Vec<u8>> {
    let layers = layers_in(&kept.layers())?;
    let from = kept.working_directory()?;
    let style = Style { colour, bytes: Bytes::Escaped };
    let shown = Shown { selects: &|_| true, from: &from, home, style };
    let mut text = Vec::new();
    let between: &[u8] = match dangers(&layers, &shown, &mut text)? {
        0 => b"",
        _ => b"\n",
    };
    let left = LINES.saturating_sub(lines_of(&text) + between.len());
    let mut rows = Rows { text: Vec::new(), left };
    match tree(&layers, &shown, &mut rows) {
        Ok(_) => text.extend([between, &rows.text].concat()),
        Err(_) if rows.left == 0 => {}
        Err(error) => return Err(error),
    }
    Ok(text)
}

fn lines_of(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

/// Takes so many lines, and not one more.
struct Rows {
    text: Vec<u8>,
    left: usize,
}

impl Write for Rows {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lines = lines_of(bytes);
        if self.left == 0 || lines > self.left {
            self.left = 0;
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.left -= lines;
        self.text.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut rows = Rows { text: Vec::new(), left: 2 };
        assert!(rows.write_all(b"a\n").is_ok());
        assert!(rows.write_all(b"b\nc\n").is_err());
        assert_eq!((rows.text.as_slice(), rows.left), (b"a\n".as_slice(), 0));
    }
}
