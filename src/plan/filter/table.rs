//! What the default filter does with each system call there is, by name.
//!
//! Every call of every table in `base::syscall` stands in exactly one row; a test counts them. A
//! call in no row, such as one that a later kernel brings, does not exist for the sandbox (ENOSYS).

use crate::spec::Door;

use super::Action;
use super::default::Key::{self, Capability, Opened};

/// One answer for many calls, and what makes them allowed instead.
pub(super) struct Row {
    pub(super) answer: Answer,
    /// Any of them opens the row.
    pub(super) opened_by: &'static [Key],
    pub(super) names: &'static str,
}

/// What a call of a closed row is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Allowed,
    Refused(Action),
    /// It depends on the arguments.
    Checked(Check),
}

/// Whose arguments are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Check {
    /// Flags in argument 0.
    NewNamespaces,
    /// A command in argument 1.
    Ioctl,
    Socket,
    SocketPair,
    Personality,
    Prctl,
    Seccomp,
    /// A mode in this argument.
    Mode(u8),
    /// Flags in the first argument, a mode in the second, if the flags say that a file is made.
    OpenMode(u8, u8),
}

const fn allowed(names: &'static str) -> Row {
    Row { answer: Answer::Allowed, opened_by: &[], names }
}

const fn refused(names: &'static str, opened_by: &'static [Key]) -> Row {
    Row { answer: Answer::Refused(Action::EPERM), opened_by, names }
}

/// As if the kernel had none: programs then use what was there before.
const fn absent(names: &'static str, opened_by: &'static [Key]) -> Row {
    Row { answer: Answer::Refused(Action::ENOSYS), opened_by, names }
}

const fn checked(check: Check, names: &'static str, opened_by: &'static [Key]) -> Row {
    Row { answer: Answer::Checked(check), opened_by, names }
}

pub(super) const TABLE: &[Row] = &[
    // Files.
    allowed(
        "access faccessat faccessat2 stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 \
         statx oldstat oldlstat oldfstat statfs statfs64 fstatfs fstatfs64 close close_range read \
         readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek dup dup2 \
         dup3 fcntl fcntl64 flock fsync fdatasync sync syncfs sync_file_range truncate truncate64 \
         ftruncate ftruncate64 fallocate fadvise64 fadvise64_64 readahead getdents getdents64 \
         readdir getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir link linkat \
         unlink unlinkat symlink symlinkat readlink readlinkat chown chown32 lchown lchown32 fchown \
         fchown32 fchownat umask utime utimes futimesat utimensat utimensat_time64 sendfile \
         sendfile64 copy_file_range splice tee setxattr lsetxattr fsetxattr setxattrat getxattr \
         lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat removexattr \
         lremovexattr fremovexattr removexattrat file_getattr file_setattr cachestat",
    ),
    // Setuid bits on files of the host would outlive the sandbox. openat2 hands its mode over by
    // pointer, out of a filter's sight; programs that miss it take openat, but for some that build
    // sandboxes themselves.
    checked(Check::OpenMode(1, 2), "open", &[Opened(Door::SetuidBits)]),
    checked(Check::OpenMode(2, 3), "openat", &[Opened(Door::SetuidBits)]),
    absent("openat2", &[Opened(Door::SetuidBits), Opened(Door::NestedUserns)]),
    checked(Check::Mode(1), "creat chmod fchmod mknod", &[Opened(Door::SetuidBits)]),
    checked(Check::Mode(2), "fchmodat fchmodat2 mknodat", &[Opened(Door::SetuidBits)]),
    // Waiting for files and for time.
    allowed(
        "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create \
         epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 \
         eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_settime64 \
         timerfd_gettime timerfd_gettime64 inotify_init inotify_init1 inotify_add_watch \
         inotify_rm_watch pipe pipe2 io_setup io_destroy io_submit io_cancel io_getevents \
         io_pgetevents io_pgetevents_time64 time gettimeofday clock_gettime clock_gettime64 \
         clock_getres clock_getres_time64 clock_nanosleep clock_nanosleep_time64 nanosleep alarm \
         getitimer setitimer timer_create timer_settime timer_settime64 timer_gettime \
         timer_gettime64 timer_getoverrun timer_delete times",
    ),
    // Memory.
    allowed(
        "brk mmap mmap2 munmap mprotect mremap msync mincore madvise mlock mlock2 mlockall munlock \
         munlockall remap_file_pages pkey_alloc pkey_free pkey_mprotect memfd_create membarrier \
         mseal map_shadow_stack",
    ),
    // Processes, threads, signals.
    allowed(
        "fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill pause \
         pidfd_open pidfd_send_signal process_mrelease signal sigaction sigprocmask sigpending \
         sigsuspend sigreturn sgetmask ssetmask rt_sigaction rt_sigprocmask rt_sigreturn \
         rt_sigpending rt_sigtimedwait rt_sigtimedwait_time64 rt_sigqueueinfo rt_tgsigqueueinfo \
         rt_sigsuspend sigaltstack restart_syscall futex futex_time64 futex_waitv futex_wake \
         futex_wait futex_requeue set_robust_list get_robust_list rseq uretprobe uprobe \
         set_tid_address set_thread_area get_thread_area arch_prctl gettid getpid getppid getpgid \
         getpgrp setpgid getsid setsid getcpu sched_yield sched_setaffinity sched_getaffinity \
         sched_setscheduler sched_getscheduler sched_setparam sched_getparam sched_setattr \
         sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval \
         sched_rr_get_interval_time64 nice getpriority setpriority ioprio_get ioprio_set getrlimit \
         ugetrlimit setrlimit prlimit64 getrusage getrandom uname olduname oldolduname sysinfo",
    ),
    // Who one is, and confining oneself further.
    allowed(
        "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 \
         getresgid getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid \
         setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid \
         setfsuid32 setfsgid setfsgid32 setgroups setgroups32 capget capset sethostname \
         setdomainname landlock_create_ruleset landlock_add_rule landlock_restrict_self \
         lsm_get_self_attr lsm_list_modules",
    ),
    // Sockets once they are made, and the System V and POSIX messages of the own ipc namespace.
    // What goes through socketcall and ipc, `multiplexed` narrows.
    allowed(
        "bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt sendto \
         sendmsg sendmmsg recvfrom recvmsg recvmmsg recvmmsg_time64 shutdown socketcall ipc shmget shmat shmdt \
         shmctl semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv msgctl mq_open \
         mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 mq_notify \
         mq_getsetattr",
    ),
    checked(Check::Socket, "socket", &[Opened(Door::Sockets)]),
    checked(Check::SocketPair, "socketpair", &[Opened(Door::Sockets)]),
    checked(Check::Ioctl, "ioctl", &[]),
    checked(Check::Personality, "personality", &[]),
    checked(Check::Prctl, "prctl", &[]),
    checked(Check::Seccomp, "seccomp", &[]),
    // Namespaces and mounts. clone3 hands its flags over by pointer: glibc takes clone instead, but
    // only on ENOSYS, which is why no door opens it either.
    checked(Check::NewNamespaces, "clone unshare", &[Opened(Door::NestedUserns)]),
    absent("clone3", &[]),
    refused("setns", &[Opened(Door::NestedUserns)]),
    refused("mount umount umount2 pivot_root", &[Opened(Door::NestedUserns)]),
    absent(
        "open_tree open_tree_attr move_mount mount_setattr fsopen fsconfig fsmount fspick statmount \
         listmount",
        &[Opened(Door::NestedUserns)],
    ),
    refused("chroot", &[Opened(Door::NestedUserns), Capability("sys_chroot")]),
    // Other processes' memory and descriptors.
    refused(
        "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp",
        &[Opened(Door::Ptrace)],
    ),
    // Parts of the kernel with a long record, each behind its door.
    absent("io_uring_setup io_uring_enter io_uring_register", &[Opened(Door::IoUring)]),
    refused("add_key request_key keyctl", &[Opened(Door::Keyring)]),
    refused("perf_event_open", &[Opened(Door::Perf)]),
    refused("userfaultfd", &[Opened(Door::Userfaultfd)]),
    refused("open_by_handle_at", &[Capability("dac_read_search")]),
    // The machine's own affairs.
    refused(
        "acct adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday \
         stime swapon swapoff reboot kexec_load kexec_file_load init_module finit_module \
         delete_module create_module quotactl quotactl_fd bpf syslog vhangup iopl ioperm \
         lookup_dcookie fanotify_init fanotify_mark name_to_handle_at lsm_set_self_attr",
        &[],
    ),
    // Where memory lies, which says and decides much about the machine.
    refused(
        "mbind get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages vmsplice",
        &[],
    ),
    absent("memfd_secret", &[]),
    // What only very old programs call, or 16-bit ones.
    refused("modify_ldt vm86 vm86old uselib ustat sysfs nfsservctl", &[]),
    // Numbers with nothing behind them in any kernel of today.
    absent(
        "_sysctl afs_syscall bdflush break ftime get_kernel_syms getpmsg gtty idle \
         lock mpx prof profil putpmsg query_module security stty tuxcall ulimit vserver",
        &[],
    ),
];
