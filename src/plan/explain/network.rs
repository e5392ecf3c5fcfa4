//! What the command can reach.

use crate::base::BoxPath;
use crate::plan::{Layer, Link, NetworkDriver, Plan};

use super::Drawing;

pub(super) fn draw(drawing: &mut Drawing, plan: &Plan) {
    let network = &plan.network;
    let mut lines = reach(&network.link);
    if !matches!(network.link, Link::None | Link::Closed) {
        lines.extend(name_servers(plan));
    }
    if let Some(rate) = &network.rate {
        lines.push(format!("at most {rate} in each direction"));
    }
    for publish in &network.publish {
        let addresses: Vec<String> =
            publish.addresses().iter().map(|address| format!("{address}")).collect();
        lines.push(format!("published {publish}, on {}", addresses.join(" and ")));
    }
    drawing.lines("network", lines);
}

fn reach(link: &Link) -> Vec<String> {
    match link {
        Link::None => vec!["none: only a loopback of its own".to_owned()],
        Link::Closed => vec!["closed: not even a loopback of its own".to_owned()],
        Link::Host => vec!["the host's own, with every service on its loopback".to_owned()],
        Link::User { driver, program } => {
            let name = match driver {
                NetworkDriver::Slirp4netns => "slirp4netns",
                NetworkDriver::Pasta => "pasta",
            };
            vec![
                format!("outgoing connections, in user mode by {name} ({program})"),
                "closed: the host's loopback, link-local and metadata addresses".to_owned(),
            ]
        }
    }
}

/// As the written resolv.conf says.
fn name_servers(plan: &Plan) -> Option<String> {
    let at = BoxPath::fixed("/etc/resolv.conf");
    let step = plan.view.steps.iter().rev().find(|step| step.at == at)?;
    let (Layer::Written { content } | Layer::File { content, .. }) = &step.layer else {
        return None;
    };
    let text = content.as_os_str().to_string_lossy().into_owned();
    let servers: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
    (!servers.is_empty()).then(|| format!("names are asked of {}", servers.join(", ")))
}
