//! Who the payload is, and which ids exist inside.

use crate::base::idrange::IdMap;
use crate::base::{BoxPath, Error, Result};
use crate::host::{Host, SubIds, account_in, remedy};
use crate::plan::needs::may_use_many_ids;
use crate::plan::{Groups, Identity, MapWriter, Rung};
use crate::spec::{IdsMode, Spec};

use super::{Remarks, confinement, own as own_places, useless};

/// The ids that the payload has inside.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Payload {
    uid: u32,
    gid: u32,
}

/// The maps, and who can write them.
struct Maps {
    uids: IdMap,
    gids: IdMap,
    writer: MapWriter,
}

pub(super) fn decide(spec: &Spec, host: &Host, remarks: &mut Remarks) -> Result<Identity> {
    let payload = payload(spec, host)?;
    let maps = maps(spec, host, payload, remarks)?;
    check_payload_exists(payload, &maps, spec)?;
    let (name, home) = name_and_home(spec, host, payload);
    let own = payload.uid == host.account.uid || payload.uid == 0;
    Ok(Identity {
        uid: payload.uid,
        gid: payload.gid,
        name,
        home,
        uid_map: maps.uids,
        gid_map: maps.gids,
        // The kernel lets nobody change groups in a namespace that wrote its own gid map.
        groups: if own || maps.writer == MapWriter::Itself {
            Groups::Kept
        } else {
            Groups::Cleared
        },
        map_writer: maps.writer,
        capabilities: confinement::capabilities(spec, payload.uid)?,
    })
}

fn payload(spec: &Spec, host: &Host) -> Result<Payload> {
    let root = spec.root.as_ref().filter(|root| root.value);
    match (root, &spec.user) {
        (Some(root), Some(user)) if user.value.uid != 0 => {
            Err(useless(root, &format!("`{}` asks for uid {}", user.origin, user.value.uid)))
        }
        (_, Some(user)) => Ok(Payload {
            uid: user.value.uid,
            gid: user.value.gid.unwrap_or(match user.value.uid {
                uid if uid == host.account.uid => host.account.gid,
                uid => uid,
            }),
        }),
        (Some(_), None) => Ok(Payload { uid: 0, gid: 0 }),
        (None, None) => Ok(Payload { uid: host.account.uid, gid: host.account.gid }),
    }
}

fn maps(spec: &Spec, host: &Host, payload: Payload, remarks: &mut Remarks) -> Result<Maps> {
    let mode = spec.ids.as_ref().map_or(IdsMode::Auto, |ids| ids.value);
    let mut rung = |took: &str, why: String| {
        remarks.rungs.push(Rung { need: "ids", took: took.to_owned(), why });
    };
    if !may_use_many_ids(spec) {
        rung(
            "single",
            match mode {
                IdsMode::Single => "asked for".to_owned(),
                _ if spec.system.as_ref().is_some_and(|system| system.value) => {
                    "what it writes to the system is to be yours".to_owned()
                }
                _ => "the command runs as you and needs no other id".to_owned(),
            },
        );
        return Ok(single(host, payload));
    }
    match (subordinate(host, payload), mode) {
        (Ok(maps), _) => {
            rung("subids", format!("{} ids by newuidmap and newgidmap", maps.uids.len()));
            Ok(maps)
        }
        (Err(error), IdsMode::Subids) => Err(error),
        (Err(error), _) => {
            rung("single", error.to_string());
            Ok(single(host, payload))
        }
    }
}

fn single(host: &Host, payload: Payload) -> Maps {
    Maps {
        uids: IdMap::single(payload.uid, host.account.uid),
        gids: IdMap::single(payload.gid, host.account.gid),
        writer: MapWriter::Itself,
    }
}

fn subordinate(host: &Host, payload: Payload) -> Result<Maps> {
    let SubIds { uids, gids } = host.subids.as_ref().map_err(|why| {
        cannot_map(why).hint(format!(
            "{}; without it, `--ids single` runs with your own id alone",
            remedy::add_subordinate_ids(&host.account.name)
        ))
    })?;
    let (Some(newuidmap), Some(newgidmap)) = (&host.programs.newuidmap, &host.programs.newgidmap)
    else {
        return Err(cannot_map("newuidmap and newgidmap are not installed").hint(format!(
            "{}; without it, `--ids single` runs with your own id alone",
            remedy::install("uidmap", "shadow-utils")
        )));
    };
    if host.kernel.no_new_privs {
        return Err(cannot_map(
            "no_new_privs is set on this process, so newuidmap gains no privilege",
        )
        .hint(format!("{}, or use `--ids single`", remedy::LEAVE_NO_NEW_PRIVS)));
    }
    let (inside_uid, inside_gid) = own_ids_inside(host, payload);
    Ok(Maps {
        uids: IdMap::own_and_ranges(inside_uid, host.account.uid, uids),
        gids: IdMap::own_and_ranges(inside_gid, host.account.gid, gids),
        writer: MapWriter::Helpers {
            newuidmap: newuidmap.path.clone(),
            newgidmap: newgidmap.path.clone(),
        },
    })
}

fn cannot_map(why: impl Into<String>) -> Error {
    Error::new(why).within("cannot map subordinate ids")
}

/// Which ids inside are the caller's own. They keep their numbers, except that root inside is the
/// caller, so that what root writes to a shared directory belongs to the caller outside.
fn own_ids_inside(host: &Host, payload: Payload) -> (u32, u32) {
    let own = &host.account;
    let uid = if payload.uid == 0 { 0 } else { own.uid };
    let gid = if payload.gid == 0 { 0 } else { own.gid };
    (uid, gid)
}

fn check_payload_exists(payload: Payload, maps: &Maps, spec: &Spec) -> Result<()> {
    let Some(user) = &spec.user else { return Ok(()) };
    let missing = |what: &str, id: u32, map: &IdMap| {
        let last = map.0.iter().map(|line| line.inside + (line.count - 1)).max().unwrap_or(0);
        Error::new(format!("{what} {id} does not exist inside: the last of your ranges is {last}"))
            .within(format!("cannot use `{}`", user.origin))
    };
    if maps.uids.outside_of(payload.uid).is_none() {
        return Err(missing("uid", payload.uid, &maps.uids));
    }
    if maps.gids.outside_of(payload.gid).is_none() {
        return Err(missing("gid", payload.gid, &maps.gids));
    }
    Ok(())
}

/// What the payload is called, and its home: by the rootfs's own accounts where there is one.
fn name_and_home(spec: &Spec, host: &Host, payload: Payload) -> (String, BoxPath) {
    let own = &host.account;
    let name = match payload.uid {
        0 => "root".to_owned(),
        uid if uid == own.uid => own.name.clone(),
        uid => format!("user{uid}"),
    };
    if spec.rootfs.is_some() {
        let known = host.rootfs_passwd.as_deref().and_then(|p| account_in(p, payload.uid));
        return match known {
            Some((name, home)) => {
                let home = BoxPath::parse(home.as_os_str()).unwrap_or_else(BoxPath::root);
                (name, home)
            }
            None if payload.uid == 0 => (name, BoxPath::fixed("/root")),
            None => (name, BoxPath::root()),
        };
    }
    let home = own.home.same_inside();
    // A system account may have `/` or `/usr/sbin` for its home; a private one must have a place
    // of its own.
    let home = if own_places::would_cover_the_system(&own.home) {
        BoxPath::fixed("/home").join(&own.name)
    } else {
        home
    };
    (name, home)
}
