//! What the payload can reach.

use std::net::IpAddr;

use crate::base::{Error, Result};
use crate::host::{Host, remedy};
use crate::plan::{Link, Network, NetworkDriver, Rung};
use crate::spec::{NetworkMode, Sourced, Spec};

use super::{Remarks, useless};

pub(super) fn decide(spec: &Spec, host: &Host, remarks: &mut Remarks) -> Result<Network> {
    let link = link(spec, host, remarks)?;
    check_contradictions(spec, &link)?;
    check_ports(spec)?;
    remarks.warnings.extend(oddities(spec, &link));
    if link == Link::Host {
        remarks.warnings.push(
            "`--net=host` shares the host's network: the command reaches every service on this machine's loopback"
                .to_owned(),
        );
    }
    Ok(Network {
        link,
        publish: spec.publish.iter().map(|p| p.value.clone()).collect(),
        rate: spec.rate.as_ref().map(|rate| rate.value),
    })
}

fn link(spec: &Spec, host: &Host, remarks: &mut Remarks) -> Result<Link> {
    let Some(net) = &spec.net else { return Ok(Link::None) };
    let (order, asked): (&[NetworkDriver], bool) = match net.value {
        NetworkMode::None => return Ok(Link::None),
        NetworkMode::Closed => return Ok(Link::Closed),
        NetworkMode::Host => return Ok(Link::Host),
        NetworkMode::User => (&[NetworkDriver::Slirp4netns, NetworkDriver::Pasta], false),
        NetworkMode::Slirp4netns => (&[NetworkDriver::Slirp4netns], true),
        NetworkMode::Pasta => (&[NetworkDriver::Pasta], true),
    };
    let found = order.iter().find_map(|driver| {
        let program = match driver {
            NetworkDriver::Slirp4netns => &host.programs.slirp4netns,
            NetworkDriver::Pasta => &host.programs.pasta,
        };
        program.as_ref().map(|program| (*driver, program.path.clone()))
    });
    let Some((driver, program)) = found else { return Err(no_driver(net, order)) };
    let why = match (asked, driver) {
        (true, _) => "asked for",
        (false, NetworkDriver::Slirp4netns) => "it is installed",
        (false, NetworkDriver::Pasta) => "slirp4netns is not installed",
    };
    remarks.rungs.push(Rung { need: "user network", took: name(driver).into(), why: why.into() });
    Ok(Link::User { driver, program })
}

fn name(driver: NetworkDriver) -> &'static str {
    match driver {
        NetworkDriver::Slirp4netns => "slirp4netns",
        NetworkDriver::Pasta => "pasta",
    }
}

fn no_driver(net: &Sourced<NetworkMode>, order: &[NetworkDriver]) -> Error {
    let names: Vec<&str> = order.iter().map(|driver| name(*driver)).collect();
    let package = if order == [NetworkDriver::Pasta] { "passt" } else { "slirp4netns" };
    Error::new(format!("{} is not installed", names.join(" or ")))
        .within(format!("cannot use `{}`", net.origin))
        .hint(remedy::install(package, package))
}

fn check_contradictions(spec: &Spec, link: &Link) -> Result<()> {
    match link {
        Link::None | Link::Closed => {
            let hint = "add `--net` for a network in user mode";
            let why = "the sandbox has no network";
            if let Some(dns) = spec.dns.first() {
                return Err(useless(dns, why).hint(hint));
            }
            if let Some(search) = spec.dns_search.first() {
                return Err(useless(search, why).hint(hint));
            }
            if let Some(rate) = &spec.rate {
                return Err(useless(rate, why).hint(hint));
            }
            if let (Link::Closed, Some(publish)) = (link, spec.publish.first()) {
                return Err(useless(publish, "the sandbox has not even a loopback")
                    .hint("`--net=none` has one"));
            }
        }
        Link::Host => {
            let why = "the sandbox shares the host's network";
            if let Some(publish) = spec.publish.first() {
                return Err(useless(publish, why).hint("its ports are the host's already"));
            }
            if let Some(rate) = &spec.rate {
                return Err(useless(rate, why).hint("use `--net` for a network of its own"));
            }
        }
        Link::User { .. } => {}
    }
    Ok(())
}

/// A port of the host can lead to one place only.
fn check_ports(spec: &Spec) -> Result<()> {
    for (index, later) in spec.publish.iter().enumerate() {
        let taken_by = spec.publish[..index].iter().map(|earlier| &earlier.value).find(|earlier| {
            earlier.host == later.value.host
                && earlier.protocol == later.value.protocol
                && earlier
                    .addresses()
                    .iter()
                    .any(|one| later.value.addresses().iter().any(|other| covers(*one, *other)))
        });
        if let Some(earlier) = taken_by {
            let why = format!("port {} is published already, by `{earlier}`", later.value.host);
            return Err(useless(later, &why).hint("give each its own port of the host"));
        }
    }
    Ok(())
}

/// Whether two listeners at the same port would stand in each other's way.
fn covers(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
        && (one == other || one.is_unspecified() || other.is_unspecified())
}

/// What is granted, but may not be what was meant.
fn oddities(spec: &Spec, link: &Link) -> Vec<String> {
    let mut warnings = Vec::new();
    let own_network = *link != Link::Host;
    if let Some(dns) = spec.dns.iter().find(|dns| own_network && dns.value.is_loopback()) {
        warnings.push(format!(
            "`{}` names the sandbox's own loopback, not the host's: leave it out to ask the host's resolver",
            dns.origin
        ));
    }
    if let (Some(rate), false) = (&spec.rate, spec.publish.is_empty()) {
        warnings.push(format!("published ports are not slowed by `{}`", rate.origin));
    }
    warnings
}
