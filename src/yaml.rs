//! Strict YAML with errors that point: `file:line:column`, the offending line, what to do.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Location, MessageFormatter, Spanned, UserMessageFormatter};

/// Largest file that is read.
pub(crate) const FILE_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Lists and mappings inside each other: each level takes stack while it is read.
pub(crate) const NESTING_MAX: usize = 24;

/// A problem at a place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    /// The file.
    pub file: PathBuf,
    /// Line from 1; 0 when the problem is the file itself.
    pub line: u64,
    /// Column from 1.
    pub column: u64,
    /// What is wrong and what to do.
    pub message: String,
    /// The text of the line.
    pub text: String,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file.display(), self.message);
        }
        write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.message)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, "\n    {}", self.text) }
    }
}

impl std::error::Error for Located {}

/// A file's text with its name, for errors that come after parsing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// The file.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Reads a file (or a pipe, whose size nobody knows beforehand).
    pub(crate) fn read(file: &Path) -> Result<Self, Located> {
        let fail =
            |message: String| Located { file: file.into(), line: 0, column: 0, message, text: String::new() };
        let unreadable = |e: std::io::Error| fail(format!("cannot be read: {e}"));
        let mut bytes = Vec::new();
        let limited = File::open(file).map_err(unreadable)?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes);
        if limited.map_err(unreadable)? as u64 > FILE_MAX_BYTES {
            return Err(fail(format!("is larger than {FILE_MAX_BYTES} bytes; split it")));
        }
        let text = String::from_utf8(bytes).map_err(|e| fail(format!("is not UTF-8: {}", e.utf8_error())))?;
        Ok(Self { file: file.into(), text })
    }

    /// Parses into a type; unknown keys are the type's business (`deny_unknown_fields`).
    pub(crate) fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Located> {
        let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: NESTING_MAX } };
        serde_saphyr::from_str_with_options(&self.text, options).map_err(|error| {
            let (line, column) = error.location().map(|at| (at.line(), at.column())).unwrap_or_default();
            self.located(line, column, plain(error.without_snippet()))
        })
    }

    /// Parses into a type whose [`Typed`] values keep their place in this source.
    pub(crate) fn parse_typed<T: for<'a> Deserialize<'a>>(self: &Arc<Self>) -> Result<T, Located> {
        let _reading = Reading::begin(self);
        self.parse()
    }

    /// A problem with a value that was parsed.
    pub(crate) fn at<T>(&self, value: &Spanned<T>, message: impl Into<String>) -> Located {
        self.here(value.referenced, message)
    }

    /// A problem at a place.
    pub(crate) fn here(&self, place: Location, message: impl Into<String>) -> Located {
        self.located(place.line(), place.column(), message.into())
    }

    /// Where a value stands, for errors that are found when the file is no longer at hand.
    pub(crate) fn place<T>(self: &Arc<Self>, value: &Spanned<T>) -> Place {
        Place { source: Arc::clone(self), line: value.referenced.line(), column: value.referenced.column() }
    }

    /// The start of a line, counted from 1.
    pub(crate) fn line(self: &Arc<Self>, line: u64) -> Place {
        Place { source: Arc::clone(self), line, column: 1 }
    }

    /// A problem at a line and column, both from 1; line 0 is the file itself.
    pub(crate) fn located(&self, line: u64, column: u64, message: String) -> Located {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let text = if line == 0 { "" } else { self.text.lines().nth(index).unwrap_or_default().trim() };
        let text: String = text.chars().take(160).collect();
        Located { file: self.file.clone(), line, column, message, text }
    }
}

/// A place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    source: Arc<Source>,
    line: u64,
    column: u64,
}

impl Place {
    /// A problem here.
    pub(crate) fn error(&self, message: impl Into<String>) -> Located {
        self.source.located(self.line, self.column, message.into())
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.source.file
    }

    /// Line from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }
}

thread_local! {
    /// The source that [`Source::parse_typed`] reads on this thread: serde hands no context to the values it makes.
    static READING: RefCell<Option<Arc<Source>>> = const { RefCell::new(None) };
}

/// Puts the source that was read before back when it is dropped.
struct Reading(Option<Arc<Source>>);

impl Reading {
    fn begin(source: &Arc<Source>) -> Self {
        Self(READING.replace(Some(Arc::clone(source))))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        READING.set(self.0.take());
    }
}

/// A value with the place where it was typed, which is in a file or in a variable. A default has no place.
#[derive(Clone, Debug)]
pub(crate) struct Typed<T> {
    /// The value.
    pub value: T,
    place: Option<Place>,
}

impl<T> Typed<T> {
    /// A default, which nobody typed.
    pub(crate) fn default_of(value: T) -> Self {
        Self { value, place: None }
    }

    /// True when nobody typed the value.
    pub(crate) fn is_default(&self) -> bool {
        self.place.is_none()
    }

    /// A problem with this value.
    pub(crate) fn error(&self, message: impl Into<String>) -> Located {
        match &self.place {
            Some(place) => place.error(message),
            None => Located { file: "defaults".into(), message: message.into(), ..Located::default() },
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Typed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let place = READING.with_borrow(|source| source.as_ref().map(|source| source.place(&spanned)));
        Ok(Self { value: spanned.value, place })
    }
}

impl<T: Serialize> Serialize for Typed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// Editors see the value alone.
impl<T: JsonSchema> JsonSchema for Typed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The JSON Schema of files that are read into this type. Draft 7, in one piece: what every editor understands.
pub(crate) fn schema_of<T: JsonSchema>() -> Schema {
    // Editors write a default into the file, and most keys that may be left out must not be null.
    let without_null = RecursiveTransform(|schema: &mut Schema| {
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
    });
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.with_transform(without_null).into_generator().into_root_schema_for::<T>()
}

/// The message for who wrote the file.
fn plain(error: &Error) -> String {
    match error {
        Error::Unexpected { expected: "sequence start", .. } => {
            "a list is expected here, such as [a, b]".into()
        }
        Error::Unexpected { expected: "mapping start", .. } => "keys with values are expected here".into(),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            format!("lists and mappings are nested deeper than {NESTING_MAX}")
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("duplicate mapping key: {key}"),
        other => UserMessageFormatter.format_message(other).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_not_read_to_it() {
        let error = Source::read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(error.starts_with("/dev/zero: is larger than 8388608 bytes"), "{error}");
    }

    #[test]
    fn a_typed_value_keeps_the_place_in_its_own_source() {
        let source = |file: &str, text: &str| Arc::new(Source { file: file.into(), text: text.into() });
        let first: Vec<Typed<u8>> = source("a.yaml", "[ 1,\n  2 ]").parse_typed().unwrap();
        let second: Typed<u8> = source("B", "3").parse_typed().unwrap();
        assert_eq!(first[1].error("odd").to_string(), "a.yaml:2:3: odd\n    2 ]");
        assert_eq!(second.error("odd").to_string(), "B:1:1: odd\n    3");
        let nowhere: Typed<u8> = source("c.yaml", "4").parse().unwrap();
        assert!(nowhere.is_default(), "nothing is left over from the sources before");
        assert_eq!(Typed::default_of(5).error("odd").to_string(), "defaults: odd");
    }
}
