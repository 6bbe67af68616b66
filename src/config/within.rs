//! Numbers that a file may set, with the range that makes sense.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number from `MIN` to `MAX`; another one is refused where it is typed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within<const MIN: u64, const MAX: u64>(u64);

/// Milliseconds, up to a week.
pub(crate) type Millis = Within<1, 604_800_000>;
/// Days; ClickHouse's `DateTime` ends in 2106 and would wrap beyond it.
pub(crate) type Days = Within<1, 10_000>;
/// How many at once.
pub(crate) type Count = Within<1, 10_000_000>;
/// Header fields; the parser reserves room for all of them on each connection.
pub(crate) type Fields = Within<8, 4_096>;

impl<const MIN: u64, const MAX: u64> Within<MIN, MAX> {
    /// A default, checked when it is compiled.
    pub(crate) const fn of(number: u64) -> Self {
        assert!(MIN <= number && number <= MAX, "the default is outside its own range");
        Self(number)
    }

    /// As a length or a count.
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// As 32 bits.
    pub(crate) fn short(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl Millis {
    /// As a span of time.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&number) {
            return Ok(Self(number));
        }
        Err(D::Error::custom(format!("{number} is not between {MIN} and {MAX}")))
    }
}

impl<const MIN: u64, const MAX: u64> Serialize for Within<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("From{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}
