//! Chance, from the kernel.

/// Bytes that nobody can foretell (getrandom(2)); zeros where the kernel has none.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes
}
