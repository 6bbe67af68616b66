//! What a column is, and the macro that makes the event and all its columns from one table.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::failure::Failure;
use super::mode::Mode;
use super::text::{address_text, time_text};
use crate::verdict::{Severity, Verdict};

/// What the values of a column look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 3339 text with microseconds, UTC.
    Time,
    /// The text of a UUID.
    Id,
    /// Text of any length.
    Text,
    /// Text with few distinct values.
    Word,
    /// The text of an IP address.
    Address,
    /// A number that is not negative.
    Number,
    /// A JSON list of words.
    Words,
}

/// One column of the events' table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in both databases and in JSON.
    pub name: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// Its type in ClickHouse.
    pub clickhouse: &'static str,
    /// What it means, for the comments in both databases.
    pub help: &'static str,
    /// True when it is the same in every version of an event, so that completing a row leaves it alone.
    pub is_fixed: bool,
}

impl Column {
    /// Its type in SQLite.
    pub fn sqlite(&self) -> &'static str {
        if self.kind == Kind::Number { "INTEGER" } else { "TEXT" }
    }
}

/// The value of one column of one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A number.
    Number(u64),
}

/// A Rust type whose values can stand in a column of kind `K`, which is one of the types in [`kinds`].
pub(super) trait Cell<K> {
    const KIND: Kind;
    const CLICKHOUSE: &'static str;
    fn value(&self) -> Value<'_>;
}

/// The kinds as types: a column whose Rust type does not fit its kind does not compile.
pub(super) mod kinds {
    pub(in super::super) struct Time;
    pub(in super::super) struct Id;
    pub(in super::super) struct Text;
    pub(in super::super) struct Word;
    pub(in super::super) struct Address;
    pub(in super::super) struct Number;
    pub(in super::super) struct Words;
    /// A word, and of a failure only: whose fault it was.
    pub(in super::super) struct FaultOf;
}

/// Makes the struct, its list of columns and the row of its values.
///
/// A line reads `field: type => kind`. The column has the name of the field, or the one after `as`; `fixed` marks what
/// no later version of an event changes. Lines after `derived` are further columns that are made of a field above.
macro_rules! columns {
    (
        $(#[$meta:meta])*
        pub struct $Event:ident {
            $(
                #[doc = $help:literal]
                $field:ident $(as $column:ident)? : $type:ty => $kind:ident $($fixed:ident)?,
            )+
        }
        derived {
            $(
                #[doc = $derived_help:literal]
                $derived:ident from $source:ident : $source_type:ty => $derived_kind:ident,
            )*
        }
    ) => {
        $(#[$meta])*
        pub struct $Event {
            $(
                #[doc = $help]
                pub $field: $type,
            )+
        }

        /// Every column, in the order of [`Row`].
        pub const COLUMNS: &[Column] = &[
            $(Column {
                name: columns!(@name $field $($column)?),
                kind: <$type as Cell<kinds::$kind>>::KIND,
                clickhouse: <$type as Cell<kinds::$kind>>::CLICKHOUSE,
                help: $help.trim_ascii(),
                is_fixed: columns!(@is $($fixed)?),
            },)+
            $(Column {
                name: stringify!($derived),
                kind: <$source_type as Cell<kinds::$derived_kind>>::KIND,
                clickhouse: <$source_type as Cell<kinds::$derived_kind>>::CLICKHOUSE,
                help: $derived_help.trim_ascii(),
                is_fixed: false,
            },)*
        ];

        impl $Event {
            /// The values of all columns, in the order of [`COLUMNS`].
            pub fn row(&self) -> Row<'_> {
                [
                    $(<$type as Cell<kinds::$kind>>::value(&self.$field),)+
                    $(<$source_type as Cell<kinds::$derived_kind>>::value(&self.$source),)*
                ]
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $column:ident) => { stringify!($column) };
    (@is) => { false };
    (@is fixed) => { true };
}

pub(super) use columns;

impl Cell<kinds::Time> for i64 {
    const KIND: Kind = Kind::Time;
    const CLICKHOUSE: &'static str = "DateTime64(6, 'UTC')";

    fn value(&self) -> Value<'_> {
        owned(time_text(*self))
    }
}

impl Cell<kinds::Id> for Uuid {
    const KIND: Kind = Kind::Id;
    const CLICKHOUSE: &'static str = "UUID";

    fn value(&self) -> Value<'_> {
        owned(self.as_hyphenated().encode_lower(&mut Self::encode_buffer()).to_owned())
    }
}

impl Cell<kinds::Address> for Option<IpAddr> {
    const KIND: Kind = Kind::Address;
    const CLICKHOUSE: &'static str = "Nullable(String)";

    fn value(&self) -> Value<'_> {
        self.map_or(Value::Null, |ip| owned(address_text(ip)))
    }
}

impl<T: AsRef<[String]>> Cell<kinds::Words> for T {
    const KIND: Kind = Kind::Words;
    const CLICKHOUSE: &'static str = "Array(LowCardinality(String))";

    /// Most lists are empty, and those cost no allocation.
    fn value(&self) -> Value<'_> {
        let words = self.as_ref();
        if words.is_empty() {
            return text("[]");
        }
        owned(serde_json::to_string(words).unwrap_or_else(|_unreachable| "[]".into()))
    }
}

/// A type with a text, or with none.
pub(super) trait AsText {
    const MAY_BE_ABSENT: bool = false;
    fn as_text(&self) -> Option<&str>;
}

impl<T: AsText> AsText for Option<T> {
    const MAY_BE_ABSENT: bool = true;

    fn as_text(&self) -> Option<&str> {
        self.as_ref().and_then(T::as_text)
    }
}

impl<T: AsText> Cell<kinds::Text> for T {
    const KIND: Kind = Kind::Text;
    const CLICKHOUSE: &'static str = "Nullable(String)";

    fn value(&self) -> Value<'_> {
        self.as_text().map_or(Value::Null, text)
    }
}

impl<T: AsText> Cell<kinds::Word> for T {
    const KIND: Kind = Kind::Word;
    const CLICKHOUSE: &'static str =
        if T::MAY_BE_ABSENT { "LowCardinality(Nullable(String))" } else { "LowCardinality(String)" };

    fn value(&self) -> Value<'_> {
        self.as_text().map_or(Value::Null, text)
    }
}

impl Cell<kinds::FaultOf> for Option<Failure> {
    const KIND: Kind = Kind::Word;
    const CLICKHOUSE: &'static str = "LowCardinality(Nullable(String))";

    fn value(&self) -> Value<'_> {
        let blame = self.as_ref().and_then(Failure::blame);
        blame.map_or(Value::Null, |blame| text(blame.as_str()))
    }
}

macro_rules! as_text {
    ($($type:ty => $text:expr),+ $(,)?) => {
        $(impl AsText for $type {
            fn as_text(&self) -> Option<&str> {
                let text: fn(&Self) -> &str = $text;
                Some(text(self))
            }
        })+
    };
}

as_text! {
    Arc<str> => |text| text,
    String => |text| text,
    Cow<'static, str> => |text| text,
    &'static str => |text| text,
    Mode => |mode| mode.as_str(),
    Verdict => |verdict| verdict.as_str(),
    Severity => |severity| severity.as_str(),
    Failure => Failure::text,
}

macro_rules! numbers {
    ($($type:ty, $clickhouse:literal);+ $(;)?) => {
        $(
            impl Cell<kinds::Number> for $type {
                const KIND: Kind = Kind::Number;
                const CLICKHOUSE: &'static str = $clickhouse;

                fn value(&self) -> Value<'_> {
                    Value::Number((*self).into())
                }
            }

            impl Cell<kinds::Number> for Option<$type> {
                const KIND: Kind = Kind::Number;
                const CLICKHOUSE: &'static str = $clickhouse;

                fn value(&self) -> Value<'_> {
                    self.map_or(Value::Null, |number| Value::Number(number.into()))
                }
            }
        )+
    };
}

numbers! {
    u16, "Nullable(UInt16)";
    u64, "Nullable(UInt64)";
}

fn text(value: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(value))
}

fn owned(value: String) -> Value<'static> {
    Value::Text(Cow::Owned(value))
}
