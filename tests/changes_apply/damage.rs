//! Stores damaged by hand: named, never guessed at, and `discard` works all the same.
