//! Runs the program that cargo has built.
#[test]
fn says_both() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_small")).output().expect("it runs");
    assert_eq!(output.stdout, b"140 by the build script\n");
}
