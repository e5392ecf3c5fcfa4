//! rtnetlink(7): routes and interfaces of this process's network namespace, one request and its
//! acknowledgement at a time. What shapes traffic is in [`super::traffic`].

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

use super::call::{CallError, Errno, Named, Result};

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const NLA_F_NESTED: u16 = 0x8000;
/// linux/netlink.h: length, type, flags, sequence, port.
const HEADER: usize = 16;

const RTM_NEWLINK: u16 = 16;
const RTM_NEWROUTE: u16 = 24;

/// What a request does with something that is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Existing {
    /// It is an error (EEXIST).
    Refuse,
    /// It gives way.
    Replace,
}

/// A message that is being built: the header, a fixed structure, then attributes.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    name: String,
}

impl Message {
    pub(super) fn new(kind: u16, existing: Existing, fixed: &[u8], name: String) -> Self {
        let flags = NLM_F_REQUEST
            | NLM_F_ACK
            | match existing {
                Existing::Refuse => NLM_F_CREATE | NLM_F_EXCL,
                Existing::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            };
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(fixed);
        let mut message = Self { bytes, name };
        message.pad();
        message
    }

    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.put(kind, value);
        self
    }

    /// An attribute that holds attributes.
    pub(super) fn nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self.put(kind | NLA_F_NESTED, &[]);
        let mut filled = fill(self);
        let length = (filled.bytes.len() - start) as u16;
        filled.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        filled
    }

    fn put(&mut self, kind: u16, value: &[u8]) {
        self.bytes.extend(((value.len() + 4) as u16).to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// A conversation with the kernel about one network namespace: the one it was opened in.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub fn open() -> Result<Self> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        // NETLINK_ROUTE is protocol 0, the default.
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)
            .named(|| "socket(AF_NETLINK)".to_owned())?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a request and waits for its acknowledgement.
    pub(super) fn ask(&mut self, message: Message) -> Result<()> {
        let Message { mut bytes, name } = message;
        self.sequence += 1;
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.socket, &bytes, SendFlags::empty(), &kernel).named(|| name.clone())?;
        loop {
            let mut answer = vec![0; 8192];
            let (read, _) = rustix::io::retry_on_intr(|| {
                recv(&self.socket, &mut answer[..], RecvFlags::empty())
            })
            .named(|| name.clone())?;
            if let Some(errno) = self.acknowledged(&answer[..read]) {
                return match errno {
                    0 => Ok(()),
                    errno => Err(CallError { call: name, errno: Errno(errno) }),
                };
            }
        }
    }

    /// The errno of the acknowledgement, 0 for success, if this is the one for the last request.
    fn acknowledged(&self, answer: &[u8]) -> Option<i32> {
        let word = |at: usize| answer.get(at..at + 4)?.try_into().ok();
        let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
        let sequence = u32::from_ne_bytes(word(8)?);
        let errno = i32::from_ne_bytes(word(HEADER)?);
        (kind == NLMSG_ERROR && sequence == self.sequence).then_some(-errno)
    }

    /// Makes every address of a prefix unreachable, before any other route to it.
    pub fn add_unreachable_route(&mut self, prefix: IpAddr, bits: u8) -> Result<()> {
        const RT_TABLE_MAIN: u8 = 254;
        const RTPROT_STATIC: u8 = 4;
        const RTN_UNREACHABLE: u8 = 7;
        const RTA_DST: u16 = 1;
        const RTA_PRIORITY: u16 = 6;
        let (family, address) = match prefix {
            IpAddr::V4(four) => (AddressFamily::INET, four.octets().to_vec()),
            IpAddr::V6(six) => (AddressFamily::INET6, six.octets().to_vec()),
        };
        // struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
        let fixed = [
            family.as_raw() as u8,
            bits,
            0,
            0,
            RT_TABLE_MAIN,
            RTPROT_STATIC,
            0,
            RTN_UNREACHABLE,
            0,
            0,
            0,
            0,
        ];
        let name = format!("RTM_NEWROUTE(unreachable {prefix}/{bits})");
        // Metric 1: an equal prefix that the driver or the kernel set up has a higher one.
        let message = Message::new(RTM_NEWROUTE, Existing::Replace, &fixed, name)
            .attribute(RTA_DST, &address)
            .attribute(RTA_PRIORITY, &1u32.to_ne_bytes());
        self.ask(message)
    }

    /// Makes an interface of a kind that needs no more than a name.
    pub fn add_interface(&mut self, name: &str, kind: &str) -> Result<()> {
        const IFLA_IFNAME: u16 = 3;
        const IFLA_LINKINFO: u16 = 18;
        const IFLA_INFO_KIND: u16 = 1;
        let call = format!("RTM_NEWLINK({name}, {kind})");
        let message = Message::new(RTM_NEWLINK, Existing::Refuse, &[0; 16], call)
            .attribute(IFLA_IFNAME, &[name.as_bytes(), b"\0"].concat())
            .nested(IFLA_LINKINFO, |link| link.attribute(IFLA_INFO_KIND, kind.as_bytes()));
        self.ask(message)
    }
}

/// The index of an interface of this network namespace.
pub fn interface_index(name: &str) -> Result<u32> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .named(|| "socket(AF_INET)".to_owned())?;
    rustix::net::netdevice::name_to_index(&socket, name)
        .named(|| format!("ioctl(SIOCGIFINDEX, {name})"))
}
