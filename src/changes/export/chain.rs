//! The directories that the tar has been told of, on the way to what was written last.

#[derive(Debug, Default)]
pub(super) struct Chain {
    path: Vec<u8>,
    /// Where the name of each of them ends in the path, the outermost first.
    ends: Vec<usize>,
}

impl Chain {
    /// Those that do not lead to a name are left; where the name of the last one that does ends.
    pub(super) fn leave_for(&mut self, path: &[u8]) -> usize {
        let common = self.path.iter().zip(path).take_while(|(one, other)| one == other).count();
        while let Some(end) = self.ends.last() {
            if *end <= common && path.get(*end) == Some(&b'/') {
                return *end;
            }
            self.ends.pop();
        }
        0
    }

    /// A directory in the last one, or a longer way below it.
    pub(super) fn enter(&mut self, path: &[u8]) {
        self.path.clear();
        self.path.extend_from_slice(path);
        self.ends.push(path.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_what_leads_to_a_name() {
        let mut chain = Chain::default();
        assert_eq!(chain.leave_for(b"a/b/c"), 0);
        chain.enter(b"a");
        chain.enter(b"a/b");
        assert_eq!(chain.leave_for(b"a/b/d"), 3);
        assert_eq!(chain.leave_for(b"a/bc"), 1);
        assert_eq!(chain.leave_for(b"a/b/d"), 1);
        assert_eq!(chain.leave_for(b"ab/b"), 0);
    }
}
