//! Where things are. `scripts/test` may have copied them to where an ordinary user can read them.

use std::path::PathBuf;

/// The program under test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("BRYO_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_bryo").into()).into()
}

/// The source tree: sources, documents, shipped profiles.
pub(crate) fn tree() -> PathBuf {
    std::env::var_os("BRYO_TREE").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}
