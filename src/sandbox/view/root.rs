//! What `/` is: assembled in memory, or a directory tree of the host.

use std::os::fd::AsFd;
use std::path::Path;

use crate::base::size::Size;
use crate::base::{BoxPath, Context, Result};
use crate::plan::{Plan, Root};
use crate::sys::file;
use crate::sys::mount::{self, FsOption};

use super::super::overlay::Overlays;
use super::place::Place;
use super::private::Private;
use super::shown::Shown;
use super::{Construction, NO_PRIVILEGE, gather};

/// It holds mount points, links and a few small files of /etc.
const ASSEMBLED_SIZE: u64 = 64 * Size::MIB;

/// Mounts the new root over the old one: path walks that begin at the old root do not see it, and
/// its own descriptor leads to it.
pub(super) fn begin<'a>(plan: &'a Plan, overlays: &'a Overlays<'a>) -> Result<Construction<'a>> {
    let mut above = Vec::new();
    let root = match &plan.view.root {
        Root::Assembled => {
            let size = ASSEMBLED_SIZE.to_string();
            let options = [FsOption::Text("size", &size), FsOption::Text("mode", "755")];
            mount::new_filesystem("tmpfs", &options, NO_PRIVILEGE)?
        }
        Root::Tree { directory, access } => gather::bind(directory, *access)?.fd,
        Root::OverlaidTree { directory, upper } => {
            let overlay = overlays.make(directory, *upper)?;
            above = overlay.above;
            overlay.root
        }
    };
    let old = file::open_without_links(Path::new("/"))?;
    mount::attach(root.as_fd(), old.as_fd()).context(|| "cannot mount the new root".to_owned())?;
    let mut closed_at_the_end = Vec::new();
    let mut place = Place::new(root);
    let root = crate::sys::process::duplicate(place.root())?;
    match &plan.view.root {
        Root::Assembled => {
            place.own(root.as_fd())?;
            closed_at_the_end.push(root);
        }
        Root::OverlaidTree { .. } => place.own(root.as_fd())?,
        Root::Tree { directory, .. } => place.note(Shown::tree(directory)),
    }
    let private = Private::mount(&mut place, plan.limits.tmpfs)?;
    let mut view = Construction { plan, overlays, place, private, closed_at_the_end, devpts: None };
    view.cover(&BoxPath::root(), above)?;
    Ok(view)
}
