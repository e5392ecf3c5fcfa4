//! Sizes in bytes, as people type them: `64M`, `1.5G`, `4096`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes. Units are powers of 1,024 (`K`, `M`, `G`, `T`, also `KiB`, `MB` and the
/// like: docker and the kernel's tmpfs read all of them so).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Size(pub u64);

impl Size {
    pub const KIB: u64 = 1 << 10;
    pub const MIB: u64 = 1 << 20;
    pub const GIB: u64 = 1 << 30;
    pub const TIB: u64 = 1 << 40;
    const UNITS: [(u64, &str); 4] =
        [(Self::TIB, "T"), (Self::GIB, "G"), (Self::MIB, "M"), (Self::KIB, "K")];

    /// About so much, for a person: `12.3M`, `17B`.
    #[must_use]
    pub fn rounded(self) -> String {
        match Self::UNITS.into_iter().find(|(unit, _)| self.0 >= *unit) {
            Some((unit, name)) if self.0.is_multiple_of(unit) => format!("{}{name}", self.0 / unit),
            Some((unit, name)) => format!("{:.1}{name}", self.0 as f64 / unit as f64),
            None => format!("{}B", self.0),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("`{text}` is not a size: a number and a unit, such as `64M` or `2G`");
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => Self::KIB,
            "m" | "mb" | "mib" => Self::MIB,
            "g" | "gb" | "gib" => Self::GIB,
            "t" | "tb" | "tib" => Self::TIB,
            _ => return Err(wrong()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        // Nine digits behind the point are a billionth of the unit: enough, and never overflows.
        if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = fraction.parse().map_err(|_| wrong())?;
        let scale = 10u128.pow(fraction.len() as u32);
        let bytes =
            u128::from(whole) * u128::from(factor) + u128::from(part) * u128::from(factor) / scale;
        u64::try_from(bytes).map(Self).map_err(|_| format!("`{text}` is more than 16 EiB"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in Self::UNITS {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_powers_of_1024() {
        assert_eq!("64M".parse(), Ok(Size(64 << 20)));
        assert_eq!("1.5g".parse(), Ok(Size(3 << 29)));
        assert_eq!("2GiB".parse(), Ok(Size(2 << 30)));
        assert_eq!("4096".parse(), Ok(Size(4096)));
    }

    #[test]
    fn what_is_no_size_is_named() {
        for text in ["", "M", "12q", "-1", "1..2", ".5", "1.", "1e3", "99999999T", "1 M"] {
            let error = text.parse::<Size>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn what_is_rounded_is_short() {
        assert_eq!(Size(0).rounded(), "0B");
        assert_eq!(Size(1023).rounded(), "1023B");
        assert_eq!(Size(512 << 20).rounded(), "512M");
        assert_eq!(Size((3 << 29) + 5).rounded(), "1.5G");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = text.parse::<Size>();
        }

        #[test]
        fn what_is_shown_reads_back(bytes in any::<u64>()) {
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }
    }
}
