//! The payload's environment: an allowlist, then what was asked for.

use std::collections::BTreeMap;

use crate::base::{Error, HostPath, Result, Text};
use crate::host::Host;
use crate::plan::{Identity, View};
use crate::spec::{EnvironmentWish, Spec};

use super::defaults;

/// A PATH for programs of a rootfs, which is not laid out as the host is.
const ROOTFS_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn decide(
    spec: &Spec,
    host: &Host,
    identity: &Identity,
    view: &View,
) -> Result<Vec<(Text, Text)>> {
    let mut variables = BTreeMap::new();
    if !spec.clear_env.as_ref().is_some_and(|clear| clear.value) {
        pass_allowed(host, &mut variables);
    }
    // These are not passed but true of the sandbox, so nothing clears them.
    let mut set = |name: &str, value: String| variables.insert(name.into(), value.into());
    set("HOME", identity.home.to_string());
    set("USER", identity.name.clone());
    set("LOGNAME", identity.name.clone());
    set("PWD", view.workdir.to_string());
    if spec.rootfs.is_some() {
        set("PATH", ROOTFS_PATH.to_owned());
        set("SHELL", "/bin/sh".to_owned());
    }
    variables.entry(Text::from("PATH")).or_insert_with(|| Text::from(ROOTFS_PATH));
    for wish in &spec.env {
        grant(&wish.value, host, &mut variables)
            .map_err(|e| e.within(format!("cannot use `{}`", wish.origin)))?;
    }
    Ok(variables.into_iter().collect())
}

fn pass_allowed(host: &Host, variables: &mut BTreeMap<Text, Text>) {
    for (name, value) in &host.environment {
        let allowed = defaults::ENVIRONMENT.iter().any(|word| word.as_bytes() == name.as_bytes())
            || name.as_bytes().starts_with(b"LC_");
        if allowed {
            variables.insert(name.clone(), value.clone());
        }
    }
}

fn grant(wish: &EnvironmentWish, host: &Host, variables: &mut BTreeMap<Text, Text>) -> Result<()> {
    match wish {
        EnvironmentWish::Set { name, value } => {
            variables.insert(name.clone(), value.clone());
        }
        EnvironmentWish::Pass { name } => {
            if let Some((_, value)) = host.environment.iter().find(|(key, _)| key == name) {
                variables.insert(name.clone(), value.clone());
            }
        }
        EnvironmentWish::File { path } => {
            let root = HostPath::absolute("/");
            let base = host.cwd.as_ref().unwrap_or(&root);
            let file = HostPath::resolve(path.as_os_str(), base, &host.account.home);
            if host.cwd.is_none() && !path.as_bytes().starts_with(b"/") {
                return Err(unreadable(&file, "the working directory was removed"));
            }
            let content = match host.contents.get(&file) {
                Some(Ok(content)) => content,
                Some(Err(why)) => return Err(unreadable(&file, why)),
                None => return Err(unreadable(&file, "it was not read")),
            };
            for wish in EnvironmentWish::parse_file(content)
                .map_err(|why| Error::new(why).within(format!("`{file}`")))?
            {
                grant(&wish, host, variables)?;
            }
        }
    }
    Ok(())
}

fn unreadable(file: &HostPath, why: &str) -> Error {
    Error::new(why).within(format!("cannot read `{file}`"))
}
