//! What a sandbox changed: read out of the upper layers that it wrote, beside the directories they
//! lie over. Both drivers' ways of writing are read here, and nowhere else.
//!
//! Nothing in a layer is trusted: every name is opened from its directory's descriptor, never
//! through a link, and only its content is ever looked at.

pub mod apply;
mod change;
mod compare;
mod danger;
mod dialect;
pub mod diff;
pub mod export;
mod forget;
pub mod import;
mod layer;
pub mod listing;
mod names;
mod note;
mod outline;
mod plain;
mod rights;
mod summary;
mod walk;

pub use change::{Aspects, Change, What};
pub use danger::{Danger, danger_of};
pub use dialect::Dialect;
pub use forget::forget;
pub use layer::{Layer, Owners, layers_in};
pub use outline::{dangers, outline, tree};
pub use summary::Summary;
pub use walk::{Spot, walk};
