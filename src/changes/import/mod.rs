//! Import: a layer tar, ours or that of an image, becomes layers as a try would have written them
//! (image-spec, layer.md).
//!
//! The tar may be made to do harm. Each entry is placed by the descriptor of its directory, below
//! the layer and never through a link; what cannot be placed so ends the import, and what must not
//! be kept is left out and named. Only the parsing of headers is a library's.

mod attributes;
mod compressed;
mod entry;
mod layers;
mod placing;
mod stream;

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use tar_core::PaxExtensions;

use crate::base::{Context, HostPath, Result, Text};

use super::layer::Layer;
use super::note::{KEY, Note};
use super::rights::take_over_own_files;
use placing::Placing;
use stream::{Next, Stream};

pub use compressed::uncompressed;
pub use layers::make_layers;

/// Hears of a name in the tar what of it is not kept.
pub type Remark<'a> = &'a mut dyn FnMut(&Text, &'static str);

/// A tar that has been opened.
pub struct Import<'a> {
    stream: Stream<'a>,
    note: Option<Note>,
    first: Next,
}

impl<'a> Import<'a> {
    /// Reads what it says of itself, and its first entry.
    pub fn open(input: &'a mut dyn Read) -> Result<Self> {
        let mut stream = Stream::of(input);
        let mut note = None;
        let first = loop {
            match stream.next()? {
                Next::Global(said) => note = note.or_else(|| note_in(&said)),
                next => break next,
            }
        };
        Ok(Self { stream, note, first })
    }

    /// To which directory its names are relative, and over which directories its layers lay, if it
    /// is one of ours.
    #[must_use]
    pub fn noted(&self) -> Option<(&HostPath, &[HostPath])> {
        self.note.as_ref().map(|note| (&note.root, note.lowers.as_slice()))
    }

    /// Places everything in layers that are empty, its names relative to `root`.
    pub fn place(mut self, layers: &[Layer], root: &HostPath, remark: Remark<'_>) -> Result<()> {
        // A tar may tell of a directory that nobody may write to, and then of what is in it.
        take_over_own_files();
        let mut placing = Placing::of(layers, root)?;
        let mut next = self.first;
        loop {
            match next {
                Next::Entry(entry) => {
                    let path = Text::from(OsStr::from_bytes(&entry.path));
                    placing
                        .place(&entry, &mut self.stream, &mut |why| remark(&path, why))
                        .context(|| format!("cannot place `{path}`"))?;
                }
                Next::Global(_) => {}
                Next::End => return placing.finish(),
            }
            next = self.stream.next()?;
        }
    }
}

fn note_in(said: &[u8]) -> Option<Note> {
    let said = PaxExtensions::new(said).map_while(std::result::Result::ok);
    said.filter(|it| it.key_bytes() == KEY.as_bytes()).find_map(|it| Note::parse(it.value_bytes()))
}
