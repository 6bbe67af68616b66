//! Sizes in bytes, with binary units.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a KiB, MiB and GiB.
pub(crate) const KIB: u64 = 1024;
/// See [`KIB`].
pub(crate) const MIB: u64 = 1024 * KIB;
/// See [`KIB`].
pub(crate) const GIB: u64 = 1024 * MIB;

/// A size of at least `MIN` bytes: `1MiB`, `64 KiB` or a plain number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size<const MIN: u64 = 0>(u64);

/// Why a text is no size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum SizeError {
    #[error("`{0}` is not a size such as 512KiB or 1MiB")]
    Form(String),
    #[error("`{typed}` is too small; the least is {least}")]
    TooSmall { typed: String, least: Size },
}

impl<const MIN: u64> Size<MIN> {
    /// A default, checked when it is compiled.
    pub(crate) const fn of(bytes: u64) -> Self {
        assert!(MIN <= bytes, "the default is less than the least");
        Self(bytes)
    }

    /// As a number of bytes.
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }

    /// As a length in memory.
    pub(crate) fn length(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn read(typed: &str) -> Result<Self, SizeError> {
        let bytes = bytes(typed).ok_or_else(|| SizeError::Form(typed.into()))?;
        if bytes < MIN {
            return Err(SizeError::TooSmall { typed: typed.into(), least: Size(MIN) });
        }
        Ok(Self(bytes))
    }
}

/// The number of bytes that a text such as `64 KiB` names.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" | "K" => KIB,
        "MiB" | "M" => MIB,
        "GiB" | "G" => GIB,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

impl<const MIN: u64> fmt::Display for Size<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl<'de, const MIN: u64> Deserialize<'de> for Size<MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<const MIN: u64> Serialize for Size<MIN> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<const MIN: u64> JsonSchema for Size<MIN> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("SizeFrom{MIN}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // `minimum` is for numbers and `pattern` for texts: a least size that is typed with a unit is left to `check`.
        json_schema!({
            "type": ["string", "integer"],
            "minimum": MIN,
            "pattern": "^[0-9]+ *(B|K|KiB|M|MiB|G|GiB)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units_and_are_written_in_the_largest_that_fits() {
        for (typed, bytes, written) in [
            ("1MiB", MIB, "1MiB"),
            ("64 KiB", 64 * KIB, "64KiB"),
            ("4096", 4096, "4KiB"),
            ("2048M", 2 * GIB, "2GiB"),
            ("100", 100, "100"),
            ("0", 0, "0"),
        ] {
            let size = Size::<0>::read(typed).unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, written));
        }
        for bad in ["", "MiB", "1MB", "-1", "1.5GiB", "99999999999999999999"] {
            assert_eq!(Size::<0>::read(bad), Err(SizeError::Form(bad.into())));
        }
    }

    #[test]
    fn a_size_below_the_least_is_refused_and_not_raised() {
        let error = Size::<{ 8 * KIB }>::read("4KiB").unwrap_err().to_string();
        assert_eq!(error, "`4KiB` is too small; the least is 8KiB");
    }
}
