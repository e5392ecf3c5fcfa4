//! Tars that are compressed: gzip, as most layers of images are, is undone on the way; what needs
//! another program is named with it.

use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;

use crate::base::{Error, Result};

/// How each begins, what it is called, and what undoes it.
const OTHERS: [(&[u8], &str, &str); 4] = [
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    (b"\xfd7zXZ\0", "xz", "xzcat"),
    (b"BZh", "bzip2", "bzcat"),
    (b"\x1f\x9d", "compress", "zcat"),
];
const GZIP: &[u8] = b"\x1f\x8b";

/// The tar itself. `named` is the file as a command line has it, if it has a name.
pub fn uncompressed<'a>(
    mut input: impl Read + 'a,
    named: Option<&str>,
) -> Result<Box<dyn Read + 'a>> {
    let mut head = Vec::new();
    input
        .by_ref()
        .take(6)
        .read_to_end(&mut head)
        .map_err(|e| Error::new(e.to_string()).within("cannot read it"))?;
    if head.is_empty() {
        return Err(Error::new("it is empty"));
    }
    if let Some((_, name, program)) = OTHERS.iter().find(|(begin, ..)| head.starts_with(begin)) {
        let file = named.map(|file| format!(" {file}")).unwrap_or_default();
        return Err(Error::new(format!("it is compressed with {name}"))
            .hint(format!("`{program}{file} | bryo changes import`")));
    }
    let is_gzip = head.starts_with(GZIP);
    let whole = Cursor::new(head).chain(input);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}
