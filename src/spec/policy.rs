//! A policy: a TOML file whose keys are the words of `bryo run`.
//!
//! Each key is looked up in the table of words and set by the same function as its flag, so file
//! and flag cannot drift apart. This reads text, never a file, and every refusal names the line.

use std::ffi::OsStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::policy_value::{Flaw, Lines, string, values};
use super::project::check_word;
use super::words::{WORDS, find};
use super::{Origin, PROJECT_POLICY, Spec, policy_paths, profile, project};
use crate::base::wording::nearest;
use crate::base::{Error, HostPath, Result, Text};

/// Keys that are about the policy itself and not about the sandbox.
const ABOUT: [&str; 2] = ["description", "profile"];

/// What one policy says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Policy {
    pub spec: Spec,
    /// The profile it builds on; a `--profile` of the command line is asked instead.
    pub profile: Option<String>,
    pub description: Option<String>,
}

/// Who speaks: what messages and origins point at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Speaker<'a> {
    User { file: &'a str },
    Profile { name: &'a str },
    Project,
}

impl Speaker<'_> {
    fn origin(self, line: usize, key: &'static str) -> Origin {
        match self {
            Self::User { file } => Origin::Policy { file: Text::from(file).to_string(), line, key },
            Self::Project => Origin::Project { line, key },
            Self::Profile { name } => Origin::Profile { name: name.to_owned(), key },
        }
    }

    pub(super) fn clause(self) -> String {
        match self {
            Self::User { file } => format!("cannot use the policy `{}`", Text::from(file)),
            Self::Project => format!("cannot use the policy `{PROJECT_POLICY}`"),
            Self::Profile { name } => format!("cannot use the profile `{name}`"),
        }
    }
}

/// Reads a policy the user named, with the power of the user's own words. `file` is its name in
/// messages; relative paths in it are meant in `directory`, which is where it lies.
pub fn parse(file: &str, text: &str, directory: &HostPath) -> Result<Policy> {
    let mut policy = read(Speaker::User { file }, text)?;
    policy_paths::anchor(&mut policy.spec, directory);
    Ok(policy)
}

pub(super) fn read(speaker: Speaker<'_>, text: &str) -> Result<Policy> {
    read_keys(speaker, text).map_err(|error| error.within(speaker.clause()))
}

/// In the order in which the keys are written: later wins.
fn read_keys(speaker: Speaker<'_>, text: &str) -> Result<Policy> {
    let lines = Lines::of(text);
    let document = DeTable::parse(text).map_err(|error| not_toml(&error, &lines))?.into_inner();
    let mut keys: Vec<_> = document.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let mut policy = Policy::default();
    for (key, value) in keys {
        let line = lines.at(key.span().start);
        Entry { speaker, key: key.get_ref(), line, value, lines: &lines }.apply_to(&mut policy)?;
    }
    Ok(policy)
}

fn not_toml(error: &toml::de::Error, lines: &Lines) -> Error {
    let message = Text::from(error.message()).to_string();
    match error.span() {
        None => Error::new(message),
        Some(span) => Error::new(format!("line {}: {message}", lines.at(span.start))),
    }
}

/// One key and its value.
struct Entry<'a> {
    speaker: Speaker<'a>,
    key: &'a str,
    line: usize,
    value: &'a Spanned<DeValue<'a>>,
    lines: &'a Lines,
}

impl Entry<'_> {
    fn apply_to(&self, policy: &mut Policy) -> Result<()> {
        match self.key {
            "description" => policy.description = Some(self.string()?),
            "profile" => policy.profile = Some(self.profile()?),
            _ => self.set_word(&mut policy.spec)?,
        }
        Ok(())
    }

    fn string(&self) -> Result<String> {
        Ok(string(self.key, self.value, self.lines)?.text)
    }

    fn profile(&self) -> Result<String> {
        let name = self.string()?;
        match self.speaker {
            Speaker::User { .. } => {
                profile::find(&name).map_err(|e| e.within(format!("line {}", self.line)))?;
                Ok(name)
            }
            Speaker::Profile { .. } => {
                let flaw = "a profile builds on no other profile".to_owned();
                Err(Flaw::new(self.line, flaw).into())
            }
            Speaker::Project => Err(project::refusal(self.line, "profile")),
        }
    }

    fn set_word(&self, spec: &mut Spec) -> Result<()> {
        let word = find(self.key).ok_or_else(|| unknown(self.key, self.line))?;
        for value in values(word, self.value, self.lines)? {
            if let Speaker::Project = self.speaker {
                check_word(word, &value)?;
            }
            let origin = self.speaker.origin(value.line, word.name);
            (word.set)(spec, OsStr::new(&value.text), origin)
                .map_err(|why| Flaw::new(value.line, format!("`{}`: {why}", self.key)))?;
        }
        Ok(())
    }
}

fn unknown(key: &str, line: usize) -> Error {
    let error = Error::new(format!("line {line}: unknown key `{}`", Text::from(key)));
    if key == "command" {
        return error.hint(
            "a policy describes the sandbox; the command is given to `bryo run`, behind `--`",
        );
    }
    let by_letter = WORDS.iter().find(|w| w.short.is_some_and(|s| key.chars().eq([s])));
    let names = WORDS.iter().map(|word| word.name).chain(ABOUT);
    match by_letter.map(|word| word.name).or_else(|| nearest(key, names)) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint("`bryo run --help` lists the words that may be keys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::word::Takes;
    use crate::spec::{Access, EnvironmentWish, NetworkMode, ViewWish};
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Policy> {
        parse("p.toml", text, &HostPath::absolute("/etc/bryo"))
    }

    fn spec(text: &str) -> Spec {
        parsed(text).unwrap().spec
    }

    fn refused(text: &str) -> String {
        let error = parsed(text).unwrap_err();
        match error.hint_text() {
            None => error.to_string(),
            Some(hint) => format!("{error} | {hint}"),
        }
    }

    #[test]
    fn every_type_of_value_reaches_its_word() {
        let spec = spec(
            "root = true\nhostname = 'h'\ntimeout = 30\nstatus-fd = 3\npass-fd = [4, 5]\n\
             net = true\ntime = '-3d'\nro = '/a'\nrw = ['/b', '/c:/d']\n",
        );
        assert!(spec.root.unwrap().value);
        assert_eq!(spec.hostname.unwrap().value, "h");
        assert_eq!(spec.timeout.unwrap().value.to_string(), "30s");
        assert_eq!(spec.status_fd.unwrap().value, 3);
        assert_eq!(spec.pass_fd.iter().map(|fd| fd.value).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(spec.net.unwrap().value, NetworkMode::User);
        assert_eq!(spec.time.unwrap().value.0, -259_200);
        assert_eq!(spec.view.len(), 3);
    }

    #[test]
    fn no_network_may_be_said_in_two_ways() {
        assert_eq!(spec("net = false").net.unwrap().value, NetworkMode::None);
        assert_eq!(spec("net = 'none'").net.unwrap().value, NetworkMode::None);
    }

    #[test]
    fn keys_apply_in_the_order_in_which_they_are_written() {
        let spec = spec("tmpfs = '/z'\nro = ['/y', '/x']\nhide = '/w'\nfile = '/a=b'\n");
        let order: Vec<_> = spec.view.iter().map(|w| w.origin.to_string()).collect();
        assert_eq!(
            order,
            ["p.toml:1: tmpfs", "p.toml:2: ro", "p.toml:2: ro"]
                .iter()
                .chain(&["p.toml:3: hide", "p.toml:4: file"])
                .copied()
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn each_element_of_an_array_knows_its_own_line() {
        let spec = spec("# c\nro = [\n  '/a',\n  # c\n  '/b',\n]\n");
        let order: Vec<_> = spec.view.iter().map(|w| w.origin.to_string()).collect();
        assert_eq!(order, ["p.toml:3: ro", "p.toml:5: ro"]);
    }

    #[test]
    fn variables_may_be_a_table() {
        let set = |name: &str, value: &str| EnvironmentWish::Set {
            name: name.into(),
            value: value.into(),
        };
        let pass = EnvironmentWish::Pass { name: "P".into() };
        for text in [
            "env = ['B=1', 'A=x=y', 'P']",
            "env = { B = '1', A = 'x=y', P = true }",
            "[env]\nB = '1'\nA = 'x=y'\nP = true\n",
            "env.B = '1'\nenv.A = 'x=y'\nenv.P = true\n",
        ] {
            let wishes: Vec<_> = spec(text).env.into_iter().map(|w| w.value).collect();
            assert_eq!(wishes, [set("B", "1"), set("A", "x=y"), pass.clone()], "{text}");
        }
    }

    #[test]
    fn a_policy_may_name_its_profile_and_describe_itself() {
        let policy = parsed("description = 'd'\nprofile = 'build'\n").unwrap();
        assert_eq!(policy.profile.as_deref(), Some("build"));
        assert_eq!(policy.description.as_deref(), Some("d"));
    }

    #[test]
    fn relative_paths_are_meant_beside_the_file() {
        let spec = spec("ro = 'data:/d'\nworkdir = 'w'\nenv-file = 'e'\n");
        assert_eq!(
            spec.view[0].value,
            ViewWish::Bind {
                source: "/etc/bryo/data".into(),
                dest: Some("/d".into()),
                access: Access::ReadOnly
            }
        );
        assert_eq!(spec.workdir.unwrap().value, "/etc/bryo/w".into());
        assert_eq!(spec.env[0].value, EnvironmentWish::File { path: "/etc/bryo/e".into() });
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let golden = [
            ("\n\nhostnam = 'x'", "line 3: unknown key `hostnam` | did you mean `hostname`?"),
            ("pass_fd = 3", "line 1: unknown key `pass_fd` | did you mean `pass-fd`?"),
            ("e = 'A'", "line 1: unknown key `e` | did you mean `env`?"),
            (
                "qqqqqqqq = 1",
                "line 1: unknown key `qqqqqqqq` | `bryo run --help` lists the words that may be keys",
            ),
            (
                "command = ['sh']",
                "line 1: unknown key `command` | a policy describes the sandbox; the command is \
                 given to `bryo run`, behind `--`",
            ),
            (
                "\"a\\u001b[31m\" = 1",
                "line 1: unknown key `a\\u{1b}[31m` | `bryo run --help` lists the words that may be keys",
            ),
            ("root = 'yes'", "line 1: `root` wants `true` or `false`, not a string"),
            ("hostname = 5", "line 1: `hostname` wants a string, not an integer"),
            ("hostname = ['a']", "line 1: `hostname` wants a string, not an array"),
            (
                "ro = ['/a',\n 5]",
                "line 2: `ro` wants a string or an array of strings, not an integer",
            ),
            ("ro = { a = 'b' }", "line 1: `ro` wants a string or an array of strings, not a table"),
            ("ro.a = 'b'", "line 1: `ro` wants a string or an array of strings, not a table"),
            ("timeout = 1.5", "line 1: `timeout` wants a string or an integer, not a float"),
            ("net = 3", "line 1: `net` wants a string, `true` or `false`, not an integer"),
            (
                "time = false",
                "line 1: `time` has no value `false` | leave the line out, or give it a string or `true`",
            ),
            ("env = { A = 1 }", "line 1: `env.A` wants a string or `true`, not an integer"),
            ("env = { A = false }", "line 1: `env.A` wants a string or `true`, not `false`"),
            ("env = { 'A=B' = '1' }", "line 1: `env`: `A=B` is not the name of a variable"),
            ("ids = 'x'", "line 1: `ids`: `x` is not `auto`, `subids` or `single`"),
            ("ro = \"/a\\u0000b\"", "line 1: `ro` holds a NUL character"),
            ("description = 1", "line 1: `description` wants a string, not an integer"),
            (
                "profile = 'biuld'",
                "line 1: no profile is called `biuld` | did you mean `build`? \
                 `bryo policy list` names them all",
            ),
            ("root = true\nroot = false", "line 2: duplicate key"),
            ("root = ", "line 1: string values must be quoted, expected literal string"),
        ];
        for (text, message) in golden {
            assert_eq!(refused(text), format!("cannot use the policy `p.toml`: {message}"));
        }
    }

    /// A value in the way that TOML writes it, of every type.
    fn any_value() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            "[ -~]{0,12}".prop_map(|s| format!("{s:?}")),
            any::<i64>().prop_map(|n| n.to_string()),
            any::<bool>().prop_map(|b| b.to_string()),
            Just("0x10".to_owned()),
            Just("1.5".to_owned()),
            Just("1979-05-27".to_owned()),
            Just("nan".to_owned()),
        ];
        let list = proptest::collection::vec(scalar.clone(), 0..4)
            .prop_map(|values| format!("[{}]", values.join(", ")));
        let table = scalar.clone().prop_map(|value| format!("{{ a = {value} }}"));
        prop_oneof![scalar, list, table]
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = parsed(&text);
        }

        #[test]
        fn text_that_looks_like_toml_is_answered(text in "[a-z\\[\\]{}='\"#\\\\.,\n\r\t 0-9-]{0,60}") {
            let _ = parsed(&text);
        }

        #[test]
        fn any_value_of_any_key_is_answered(
            entries in proptest::collection::vec((0..WORDS.len(), any_value()), 1..6)
        ) {
            let text: Vec<_> = entries.iter().map(|(i, v)| format!("{} = {v}", WORDS[*i].name)).collect();
            if let Err(error) = parsed(&text.join("\n")) {
                prop_assert!(error.to_string().starts_with("cannot use the policy `p.toml`: line "));
            }
        }

        #[test]
        fn nesting_is_answered(depth in 0usize..5_000) {
            let _ = parsed(&format!("ro = {}{}", "[".repeat(depth), "]".repeat(depth)));
            let _ = parsed(&format!("ro = {}", "{a=".repeat(depth)));
        }
    }

    #[test]
    fn every_word_can_be_said_in_a_policy() {
        for word in WORDS {
            let text = match word.takes {
                Takes::Nothing => format!("{} = true", word.name),
                Takes::Maybe { given, .. } => format!("{} = '{given}'", word.name),
                Takes::One(_) | Takes::Each(_) => format!("{} = ''", word.name),
            };
            if let Err(error) = parsed(&text) {
                assert!(
                    error.to_string().contains(&format!("line 1: `{}`: ", word.name)),
                    "{error}"
                );
            }
        }
    }
}
