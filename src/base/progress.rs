//! That long work goes on. Whoever does it says how far it is; whoever speaks to people may listen.
//! Nobody listens by itself, and then it costs next to nothing. Nothing here prints.

use std::cell::{Cell, RefCell};

/// How far the work is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// What is done: `reading`.
    pub stage: &'static str,
    pub done: u64,
    /// Of how much, where that is known.
    pub total: Option<u64>,
}

/// So many steps pass between two looks at the clock.
const STRIDE: u64 = 64;

type Listener = Box<dyn FnMut(Progress)>;

thread_local! {
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
    static NOW: Cell<Progress> = const { Cell::new(Progress { stage: "", done: 0, total: None }) };
}

/// From now on, in this thread; `None`: nobody.
pub fn listen(listener: Option<Listener>) {
    NOW.set(Progress::default());
    // What listens itself may say something only later.
    LISTENER.with(|it| drop(it.try_borrow_mut().map(|mut it| *it = listener)));
}

#[must_use]
pub fn is_heard() -> bool {
    LISTENER.with(|it| it.try_borrow().is_ok_and(|it| it.is_some()))
}

/// Begins a part of the work, or goes on with it.
pub fn stage(stage: &'static str) {
    if NOW.get().stage != stage {
        NOW.set(Progress { stage, ..Progress::default() });
    }
    tell();
}

/// One more was done.
pub fn step() {
    let mut now = NOW.get();
    now.done += 1;
    NOW.set(now);
    if now.done.is_multiple_of(STRIDE) {
        tell();
    }
}

/// So much is done, of so much.
pub fn at(done: u64, total: u64) {
    NOW.set(Progress { stage: NOW.get().stage, done, total: Some(total) });
    tell();
}

/// Nothing more is done, and time passes.
pub fn tell() {
    LISTENER.with(|it| {
        if let Ok(mut it) = it.try_borrow_mut()
            && let Some(listener) = &mut *it
        {
            listener(NOW.get());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn who_listens_hears_how_far_it_is() {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let ears = heard.clone();
        step();
        assert!(!is_heard());
        listen(Some(Box::new(move |progress| ears.borrow_mut().push(progress))));
        stage("reading");
        (0..STRIDE).for_each(|_| step());
        stage("reading");
        stage("applying");
        at(1, 2);
        listen(None);
        at(2, 2);
        let said = |stage, done, total| Progress { stage, done, total };
        let (read, all) = (said("reading", 0, None), said("reading", STRIDE, None));
        let applied = [said("applying", 0, None), said("applying", 1, Some(2))];
        assert_eq!(*heard.borrow(), [&[read, all, all][..], &applied].concat());
    }
}
