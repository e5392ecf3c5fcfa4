//! The Rust that made the tests, shown in the home of a test as if it had been installed there.
//! Links only: nothing of it is copied or changed.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::{Home, program};

/// Gives a home the `~/.cargo/bin` and `~/.rustup` of whoever built this, and answers with the PATH
/// that finds it; or says why there is no Rust.
pub(crate) fn show_in(home: &Home) -> Result<String, String> {
    let owner = ["BRYO_TEST_RUST", "HOME"].into_iter().find_map(std::env::var_os);
    let owner = owner.map(PathBuf::from).unwrap_or_default();
    if !owner.join(".cargo/bin/cargo").exists() {
        // One below /usr is there for everybody.
        return match program("cargo") {
            Some(cargo) if cargo.starts_with("/usr") => Ok("/usr/local/bin:/usr/bin:/bin".into()),
            _ => Err(format!("no Rust in `{}` nor in /usr", owner.display())),
        };
    }
    let cargo = home.scratch().dir("home/.cargo");
    for name in ["bin", "registry"] {
        symlink(owner.join(".cargo").join(name), cargo.join(name)).map_err(|e| e.to_string())?;
    }
    symlink(owner.join(".rustup"), home.home().join(".rustup")).map_err(|e| e.to_string())?;
    Ok(format!("{}/bin:/usr/local/bin:/usr/bin:/bin", cargo.display()))
}
