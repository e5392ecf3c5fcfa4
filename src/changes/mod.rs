//! What a sandbox changed: read out of the upper layers that it wrote, beside the directories they
//! lie over. Both drivers' ways of writing are read here, and nowhere else.
//!
//! Nothing in a layer is trusted: every name is opened from its directory's descriptor, never
//! through a link, and only its content is ever looked at.

pub mod apply;
mod change;
mod compare;
mod danger;
mod deleted;
mod dialect;
pub mod diff;
mod disk;
pub mod export;
mod forget;
mod held;
pub mod import;
mod layer;
pub mod listing;
mod lower;
mod names;
mod note;
mod outline;
mod plain;
mod rights;
mod shown;
mod summary;
mod walk;

pub use change::{Aspects, Change, What};
pub use danger::{Danger, danger_of};
pub use dialect::Dialect;
pub use forget::forget;
pub use layer::{Layer, Owners, Sheet, layers_in, layers_over_host};
pub use outline::{dangers, outline, tree};
pub use summary::{Summary, applicable};
pub use walk::{Spot, walk};
