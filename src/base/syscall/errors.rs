//! The names of errno values, as asm-generic/errno.h numbers them for x86 and ARM alike.

/// From 1 on; `-` where a number has no name.
const NAMES: &str = "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT \
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG \
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY \
    ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE \
    EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG \
    EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ \
    EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS \
    ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT \
    EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH \
    ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS \
    ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM \
    ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED \
    EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL \
    EHWPOISON";

/// Two names each for one number (errno(3)).
const ALIASES: [(&str, u16); 3] = [("EWOULDBLOCK", 11), ("EDEADLOCK", 35), ("ENOTSUP", 95)];

/// The kernel hands no greater number through (MAX_ERRNO, linux/err.h).
pub const GREATEST: u16 = 4095;

#[must_use]
pub fn name(number: u16) -> Option<&'static str> {
    let index = usize::from(number.checked_sub(1)?);
    NAMES.split_ascii_whitespace().nth(index).filter(|name| *name != "-")
}

#[must_use]
pub fn number(name: &str) -> Option<u16> {
    let named = NAMES.split_ascii_whitespace().zip(1..).find(|(it, _)| *it == name && *it != "-");
    let alias = ALIASES.into_iter().find(|(known, _)| *known == name);
    named.or(alias).map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_to_each_other() {
        let known = [("EPERM", 1), ("ENOSYS", 38), ("EAFNOSUPPORT", 97), ("EHWPOISON", 133)];
        for (text, value) in known {
            assert_eq!((name(value), number(text)), (Some(text), Some(value)));
        }
        assert_eq!((name(0), name(41), name(134)), (None, None, None));
        assert_eq!((number("EWOULDBLOCK"), number("-"), number("EFOO")), (Some(11), None, None));
    }
}
