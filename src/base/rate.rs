//! A network rate, as tc(8) users type it: `10mbit`, `512kbit`, `1gbit`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Bits per second. Units are powers of ten, as networks count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    pub bits_per_second: u64,
}

impl Rate {
    #[must_use]
    pub fn bytes_per_second(self) -> u64 {
        self.bits_per_second / 8
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a rate: a number and a unit, such as `10mbit`");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "bit" => 1,
            "kbit" => 1_000,
            "mbit" => 1_000_000,
            "gbit" => 1_000_000_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let bits_per_second = number.checked_mul(factor).ok_or_else(wrong)?;
        if bits_per_second < 8_000 {
            return Err(format!("`{text}` is too slow: the least is `8kbit`"));
        }
        Ok(Self { bits_per_second })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_second;
        for (unit, name) in [(1_000_000_000, "gbit"), (1_000_000, "mbit"), (1_000, "kbit")] {
            if bits >= unit && bits.is_multiple_of(unit) {
                return write!(f, "{}{name}", bits / unit);
            }
        }
        write!(f, "{bits}bit")
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_powers_of_ten() {
        assert_eq!("10mbit".parse(), Ok(Rate { bits_per_second: 10_000_000 }));
        assert!("10m".parse::<Rate>().is_err());
        assert!("1kbit".parse::<Rate>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = text.parse::<Rate>();
        }
    }
}
