//! How one value is written into a spec: read from its text, put beside its origin.

use std::ffi::OsStr;
use std::str::FromStr;

use super::network::check_host_name;
use super::{Origin, Sourced};
use crate::base::Text;

pub(super) fn utf8(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| format!("`{}` is not UTF-8", Text::from(value)))
}

pub(super) fn parsed<T: FromStr<Err = String>>(value: &OsStr) -> Result<T, String> {
    utf8(value)?.parse()
}

pub(super) fn yes(value: &OsStr) -> Result<bool, String> {
    match utf8(value)? {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("`{other}` is neither `true` nor `false`")),
    }
}

pub(super) fn put<T>(
    slot: &mut Option<Sourced<T>>,
    value: T,
    origin: Origin,
) -> Result<(), String> {
    *slot = Some(Sourced { value, origin });
    Ok(())
}

pub(super) fn add<T>(list: &mut Vec<Sourced<T>>, value: T, origin: Origin) -> Result<(), String> {
    list.push(Sourced { value, origin });
    Ok(())
}

/// A descriptor number that this process may hand on.
pub(super) fn descriptor(value: &OsStr) -> Result<i32, String> {
    let text = utf8(value)?;
    text.parse::<i32>()
        .ok()
        .filter(|fd| *fd >= 0)
        .ok_or_else(|| format!("`{text}` is not a descriptor number"))
}

pub(super) fn host_name(value: &OsStr) -> Result<String, String> {
    let name = utf8(value)?;
    check_host_name(name)?;
    Ok(name.to_owned())
}
