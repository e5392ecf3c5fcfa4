//! The peers, told to make the sandbox that bryo makes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::{Bench, Result};

/// Arguments of `bwrap` for the view of `bryo run` without flags, read off its plan: the same
/// mounts and links at the same places. What bryo copies or writes is mounted from a file, the
/// usual recipe. bryo has a /dev/shm more, masks parts of /proc, and locks what it mounts.
pub(crate) fn equal_view(bench: &Bench) -> Result<Vec<String>> {
    let output = Command::new(&bench.bryo).args(["run", "--plan", "--", "true"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let plan: Value = serde_json::from_slice(&output.stdout)?;
    let mut arguments = unshare_all();
    for (index, step) in plan["view"]["steps"].as_array().into_iter().flatten().enumerate() {
        let file = bench.scratch.join(format!("file-{index}"));
        arguments.extend(mount(step, file)?);
    }
    let workdir = text(&plan["view"]["workdir"])?;
    arguments.extend(words(["--remount-ro", "/", "--hostname", "bryo", "--chdir", workdir]));
    arguments.push("--clearenv".to_owned());
    for variable in plan["environment"].as_array().into_iter().flatten() {
        arguments.extend(words(["--setenv", text(&variable[0])?, text(&variable[1])?]));
    }
    Ok(arguments)
}

/// The shortest recipe that people use: a few trees as they are.
pub(crate) fn short_recipe(bench: &Bench) -> Result<Vec<String>> {
    let scratch = bench.scratch.to_str().ok_or("the working directory is not UTF-8")?;
    let home = std::env::var("HOME")?;
    let mut arguments = unshare_all();
    arguments.extend(words(["--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]));
    for directory in ["bin", "sbin", "lib", "lib64"] {
        arguments.extend(words([
            "--symlink",
            &format!("usr/{directory}"),
            &format!("/{directory}"),
        ]));
    }
    arguments.extend(words(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]));
    arguments.extend(words(["--tmpfs", &home, "--bind", scratch, scratch, "--chdir", scratch]));
    Ok(arguments)
}

pub(crate) fn bwrap(arguments: &[String]) -> Command {
    let mut command = Command::new("bwrap");
    command.args(arguments).arg("--");
    command
}

fn unshare_all() -> Vec<String> {
    words(["--unshare-all", "--die-with-parent"])
}

/// One step of the view. Text goes to `file`, to be mounted from there.
fn mount(step: &Value, file: PathBuf) -> Result<Vec<String>> {
    let at = text(&step["at"])?;
    let unknown = || format!("bwrap has no word for the step {step}");
    match step["layer"].as_str() {
        Some("proc") => return Ok(words(["--proc", at])),
        Some("dev") => return Ok(words(["--dev", at])),
        _ => {}
    }
    let (kind, layer) =
        step["layer"].as_object().and_then(|it| it.iter().next()).ok_or_else(unknown)?;
    Ok(match kind.as_str() {
        "bind" if layer["access"] == "read-only" => {
            words(["--ro-bind", text(&layer["source"])?, at])
        }
        "bind" => words(["--bind", text(&layer["source"])?, at]),
        "copy" => words(["--ro-bind", text(&layer["source"])?, at]),
        "file" | "written" => {
            fs::write(&file, text(&layer["content"])?)?;
            words(["--ro-bind", file.to_str().ok_or_else(unknown)?, at])
        }
        "symlink" => words(["--symlink", text(&layer["target"])?, at]),
        "tmpfs" => words(["--size", &layer["size"].to_string(), "--tmpfs", at]),
        // What bryo makes parts of one tmpfs, bwrap can only make a tmpfs each.
        "private" => words(["--tmpfs", at]),
        "directory" => words(["--dir", at]),
        _ => return Err(unknown().into()),
    })
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| format!("`{value}` is no text").into())
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
