//! Which capabilities a payload keeps.

/// What package managers and their maintainer scripts need as root of their own user namespace:
/// docker's default set without NET_RAW. NET_BIND_SERVICE holds only over a network namespace of the
/// sandbox's own. No SYS_ADMIN, no NET_ADMIN: the view and the routes
/// stay as bryo made them.
pub const PACKAGE_MANAGER_CAPABILITIES: [&str; 13] = [
    "chown",
    "dac_override",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "net_bind_service",
    "sys_chroot",
    "mknod",
    "audit_write",
    "setfcap",
];
