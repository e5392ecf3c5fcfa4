//! Standard streams that are files of the host, relayed by pipe.
//!
//! A descriptor of a file can do more than it was opened for: it can be opened again for writing
//! through /proc, where Landlock does not forbid it, and one that was opened to append to can be
//! truncated. A pipe carries bytes and nothing else.
