//! A program that cargo builds and runs before the crate.
fn main() {
    let directory = std::env::var("OUT_DIR").expect("cargo names it");
    std::fs::write(format!("{directory}/said"), "by the build script").expect("a place to write");
}
