//! Who outranks whom, when several papers ask for one run.

use super::Spec;

/// Everything that may have a say in one run, each already read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Layers {
    pub flags: Spec,
    pub policy: Spec,
    /// The policy found in the working directory: allowed, and still not trusted.
    pub project: Spec,
    pub profile: Spec,
}

impl Layers {
    /// Flags over policy over profile. What the project's policy says is the weakest, so that it
    /// can never lift a bound that the user or a profile has set; only its view stands on that
    /// of the profile, which shows whole trees and would cover what the project hides.
    #[must_use]
    pub fn merged(self) -> Spec {
        let mut project = self.project;
        let project_view = Spec { view: std::mem::take(&mut project.view), ..Spec::default() };
        self.flags.over(self.policy).over(project_view).over(self.profile).over(project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::HostPath;
    use crate::spec::{ViewWish, policy};

    fn spec(text: &str) -> Spec {
        policy::parse("t.toml", text, &HostPath::absolute("/p")).unwrap().spec
    }

    #[test]
    fn a_project_never_lifts_a_bound() {
        let layers = Layers {
            profile: spec("timeout = '10s'"),
            project: spec("timeout = '10h'\nhostname = 'p'"),
            ..Layers::default()
        };
        let merged = layers.merged();
        assert_eq!(merged.timeout.map(|t| t.value.to_string()), Some("10s".to_owned()));
        assert_eq!(merged.hostname.map(|h| h.value), Some("p".to_owned()));
    }

    #[test]
    fn what_a_project_hides_stays_hidden_from_a_profile_and_yields_to_the_user() {
        let layers = Layers {
            flags: spec("ro = 'secrets'"),
            policy: spec("tmpfs = '/t'"),
            project: spec("hide = 'secrets'"),
            profile: spec("overlay = '.'"),
        };
        let order: Vec<_> = layers.merged().view.into_iter().map(|w| w.value).collect();
        assert!(matches!(
            order.as_slice(),
            [
                ViewWish::Overlay { .. },
                ViewWish::Hide { .. },
                ViewWish::Tmpfs { .. },
                ViewWish::Bind { .. }
            ]
        ));
    }
}
