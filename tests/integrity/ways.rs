//! The ways around the protection of a repository: a row each.

/// One way.
pub(super) struct Bypass {
    pub(super) name: &'static str,
    /// What the user has in the directory.
    pub(super) setup: &'static str,
    /// What the command does. `$EVIL` is a program.
    pub(super) payload: &'static str,
    /// What the user does later.
    pub(super) later: &'static str,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    /// It cannot be done, and nothing is told.
    Closed,
    /// It is told in these words.
    Named(&'static str),
}
use Outcome::{Closed, Named};

pub(super) const REPOSITORY: &str = "git init -q . && git commit -q --allow-empty -m first";
const SUBMODULE: &str = "git init -q ../lib && git -C ../lib commit -q --allow-empty -m lib
    git init -q . && git submodule --quiet add $PWD/../lib deps/lib && git commit -qm deps";
const COMMIT: &str = "git commit -q --allow-empty -m later";
const STATUS: &str = "git status";

pub(super) const WAYS: &[Bypass] = &[
    Bypass {
        name: "a hook, and settings, as they are",
        setup: REPOSITORY,
        payload: "cp $EVIL .git/hooks/pre-commit; git config core.fsmonitor $EVIL
            rm -r .git/hooks; mv .git/config x; echo '[core]' >> .git/config
            printf '[core]\nfsmonitor = %s\n' $EVIL > .git/config.new; mv .git/config.new .git/config",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "the repository renamed and made anew",
        setup: REPOSITORY,
        payload: "mv .git old || exit; cp -r old .git; cp $EVIL .git/hooks/pre-commit",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "a directory for hooks where none was",
        setup: "git init -q . && rm -r .git/hooks && git commit -q --allow-empty -m first",
        payload: "mkdir -p .git/hooks; cp $EVIL .git/hooks/pre-commit",
        later: COMMIT,
        outcome: Named("`.git/hooks/pre-commit` is new, and git runs it"),
    },
    Bypass {
        name: "a directory for hooks that the settings name and that was not there",
        setup: "git init -q . && git commit -q --allow-empty -m first && git config core.hooksPath tools/h",
        payload: "mkdir -p tools/h; cp $EVIL tools/h/pre-commit",
        later: COMMIT,
        outcome: Named("`tools/h` is new, and git obeys it"),
    },
    Bypass {
        name: "settings that the settings include and that were not there",
        setup: "git init -q . && git commit -q --allow-empty -m first && git config include.path ../own",
        payload: "printf '[core]\nfsmonitor = %s\n' $EVIL > own",
        later: STATUS,
        outcome: Named("`own` is new, and git obeys it"),
    },
    Bypass {
        name: "a hook that is a link to what was not there",
        setup: "git init -q . && git commit -q --allow-empty -m first
            ln -s ../../tools/hook .git/hooks/pre-commit",
        payload: "mkdir tools; cp $EVIL tools/hook",
        later: COMMIT,
        outcome: Named("`tools/hook` is new, and git obeys it"),
    },
    Bypass {
        name: "another common directory",
        setup: REPOSITORY,
        payload: "cp -r .git other; cp $EVIL other/hooks/pre-commit; echo ../other > .git/commondir",
        later: COMMIT,
        outcome: Named("`.git/commondir` is new, and git obeys it"),
    },
    Bypass {
        name: "settings of the work tree where none were",
        setup: "git init -q . && git config extensions.worktreeConfig true",
        payload: "printf '[core]\nfsmonitor = %s\n' $EVIL > .git/config.worktree",
        later: STATUS,
        outcome: Named("`.git/config.worktree` is new, and git obeys it"),
    },
    Bypass {
        name: "settings of the work tree as they are",
        setup: "git init -q . && git config extensions.worktreeConfig true
            git config --worktree a.b c",
        payload: "printf '[core]\nfsmonitor = %s\n' $EVIL >> .git/config.worktree
            rm .git/config.worktree && printf '[core]\nfsmonitor = %s\n' $EVIL > .git/config.worktree",
        later: STATUS,
        outcome: Closed,
    },
    Bypass {
        name: "hooks in the tree",
        setup: "git init -q . && git config core.hooksPath tools/hooks && mkdir -p tools/hooks",
        payload: "cp $EVIL tools/hooks/pre-commit; mv tools old && mkdir -p tools/hooks &&
            cp $EVIL tools/hooks/pre-commit",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "a hook that is a link into the tree",
        setup: "git init -q . && mkdir tools && touch tools/check && chmod +x tools/check &&
            ln -s ../../tools/check .git/hooks/pre-commit",
        payload: "cp $EVIL tools/check; mv tools old && mkdir tools && cp $EVIL tools/check",
        later: COMMIT,
        outcome: Closed,
    },
    Bypass {
        name: "settings in the tree",
        setup: "git init -q . && git config include.path ../settings && touch settings",
        payload: "printf '[core]\nfsmonitor = %s\n' $EVIL >> settings
            rm settings; printf '[core]\nfsmonitor = %s\n' $EVIL > settings",
        later: STATUS,
        outcome: Closed,
    },
    Bypass {
        name: "a repository that is a link",
        setup: "git init -q . && mv .git real && ln -s real .git",
        payload: "cp -r real other; cp $EVIL other/hooks/pre-commit; rm .git; ln -s other .git
            cp $EVIL real/hooks/pre-commit; mv real old",
        later: COMMIT,
        outcome: Named("`.git` was changed, and git obeys what is in it"),
    },
    Bypass {
        name: "the repository of a submodule",
        setup: SUBMODULE,
        payload: "cp $EVIL .git/modules/deps/lib/hooks/post-checkout
            for pinned in .git/modules .git/modules/deps .git/modules/deps/lib; do
                mv $pinned $pinned.x && cp -r $pinned.x $pinned
            done
            cp $EVIL .git/modules/deps/lib/hooks/post-checkout",
        later: "git -C deps/lib checkout -q --detach",
        outcome: Closed,
    },
    Bypass {
        name: "the settings of a submodule",
        setup: SUBMODULE,
        payload: "git -C deps/lib config core.fsmonitor $EVIL",
        later: STATUS,
        outcome: Named("`.git/modules/deps/lib/config` was changed, and git obeys it"),
    },
    Bypass {
        name: "the work tree of a submodule",
        setup: SUBMODULE,
        payload: "cp -r .git/modules/deps/lib own; git config -f own/config --unset core.worktree
            git config -f own/config core.fsmonitor $EVIL
            rm deps/lib/.git; mv own deps/lib/.git && exit
            mv deps old || mv deps/lib old && mkdir -p deps/lib && mv own deps/lib/.git",
        later: STATUS,
        outcome: Closed,
    },
    Bypass {
        name: "a linked work tree outside",
        setup: "git init -q . && git commit -q --allow-empty -m first
            git worktree add -q ../tree",
        payload: "cp -r .git own; git config -f own/config core.fsmonitor $EVIL
            echo $PWD/own > .git/worktrees/tree/commondir
            mv .git/worktrees/tree x && cp -r x .git/worktrees/tree
            mv .git/worktrees y && cp -r y .git/worktrees
            echo $PWD/own > .git/worktrees/tree/commondir",
        later: "git -C ../tree status",
        outcome: Closed,
    },
    Bypass {
        name: "a linked work tree inside",
        setup: "git init -q . && git commit -q --allow-empty -m first
            git worktree add -q trees/one",
        payload: "cp -r .git own; git config -f own/config core.fsmonitor $EVIL
            rm trees/one/.git; cp -r own trees/one/.git && exit
            mv trees old || mv trees/one old && mkdir -p trees/one && cp -r own trees/one/.git",
        later: "git -C trees/one status",
        outcome: Closed,
    },
    Bypass {
        name: "a bare repository",
        setup: "git init -q --bare . && git update-ref refs/heads/x \
            $(git commit-tree -m x $(git mktree < /dev/null))",
        payload: "cp $EVIL hooks/reference-transaction; mv hooks old; mkdir hooks
            cp $EVIL hooks/reference-transaction",
        later: "git update-ref refs/heads/y refs/heads/x",
        outcome: Closed,
    },
    Bypass {
        name: "a directory that becomes a bare repository",
        setup: "mkdir sub",
        payload: "cd sub; git init -q --bare .; git config core.bare false; git config core.worktree .
            git config core.fsmonitor $EVIL",
        later: "cd sub && git status",
        outcome: Named("`sub` is new, and git obeys what is in it"),
    },
    Bypass {
        name: "a repository within, by its hook",
        setup: "git init -q vendor/x",
        payload: "cp $EVIL vendor/x/.git/hooks/pre-commit",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git/hooks/pre-commit` is new, and git runs it"),
    },
    Bypass {
        name: "a repository within, its parent renamed",
        setup: "git init -q vendor/x",
        payload: "mv vendor/x old; mkdir vendor/x; cp -r old/.git vendor/x
            cp $EVIL vendor/x/.git/hooks/pre-commit",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git` is new, and git obeys what is in it"),
    },
    Bypass {
        name: "a repository within, another one in its place",
        setup: "git init -q vendor/x && git init -q planted &&
            cp $EVIL planted/.git/hooks/pre-commit && mv planted/.git planted/sample",
        payload: "mv vendor/x/.git vendor/x/old; mv planted/sample vendor/x/.git",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git` may have been moved there, and git obeys what is in it"),
    },
    Bypass {
        name: "hooks of long ago, renamed",
        setup: "git init -q vendor/x && mkdir samples && cp $EVIL samples/pre-commit",
        payload: "mv vendor/x/.git/hooks old; mv samples vendor/x/.git/hooks",
        later: "cd vendor/x && git commit -q --allow-empty -m later",
        outcome: Named("`vendor/x/.git/hooks` may have been moved there, and git runs it"),
    },
    Bypass {
        name: "a repository that git status comes by",
        setup: REPOSITORY,
        payload: "git init -q deep/er/sub; cd deep/er/sub
            git -c user.name=a -c user.email=a@b commit -q --allow-empty -m sub
            cd ../../..; git add deep 2>/dev/null; git -C deep/er/sub config core.fsmonitor $EVIL",
        later: STATUS,
        outcome: Named("`deep/er/sub/.git` is new, and git obeys what is in it"),
    },
    Bypass {
        name: "a rebase that was never begun",
        setup: "git init -q . && git commit -q --allow-empty -m first",
        payload: "mkdir .git/rebase-merge; cd .git/rebase-merge; git rev-parse HEAD | tee onto > orig-head
            echo refs/heads/main > head-name; echo exec $EVIL > git-rebase-todo; touch interactive done
            echo 1 > msgnum; echo 1 > end",
        later: "git rebase --continue",
        outcome: Named("`.git/rebase-merge` is new, and git obeys it"),
    },
];
