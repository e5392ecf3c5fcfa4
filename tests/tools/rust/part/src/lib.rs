//! ```
//! assert_eq!(part::square(3), 9);
//! ```
/// The square of a number.
pub fn square(n: u32) -> u32 {
    n * n
}

#[test]
fn squares() {
    assert_eq!(square(12), 144);
}
