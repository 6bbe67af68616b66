//! Strict YAML with errors that point: `file:line:column`, the offending line, what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

/// Largest file that is read.
pub const FILE_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A problem at a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, Located> {
        let fail =
            |message: String| Located { file: file.into(), line: 0, column: 0, message, text: String::new() };
        let size = std::fs::metadata(file).map_err(|e| fail(format!("cannot be read: {e}")))?.len();
        if size > FILE_MAX_BYTES {
            return Err(fail(format!("is larger than {FILE_MAX_BYTES} bytes; split it")));
        }
        let text = std::fs::read_to_string(file).map_err(|e| fail(format!("cannot be read: {e}")))?;
        Ok(Self { file: file.into(), text })
    }

    /// Parses into a type; unknown keys are the type's business (`deny_unknown_fields`).
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Located> {
        serde_saphyr::from_str(&self.text).map_err(|error| {
            let (line, column) = error.location().map(|at| (at.line(), at.column())).unwrap_or_default();
            let full = error.without_snippet().to_string();
            let place = format!(" at line {line}, column {column}");
            let message = full.strip_suffix(&place).unwrap_or(&full);
            // Advice to the programmer, not to who wrote the file.
            let message = message.split(", set DuplicateKeyPolicy").next().unwrap_or(message).to_owned();
            self.located(line, column, message)
        })
    }

    /// A problem with a value that was parsed.
    pub fn at<T>(&self, value: &Spanned<T>, message: impl Into<String>) -> Located {
        self.here(value.referenced, message)
    }

    /// A problem at a place.
    pub fn here(&self, place: Location, message: impl Into<String>) -> Located {
        self.located(place.line(), place.column(), message.into())
    }

    /// A problem at a line and column, both from 1; line 0 is the file itself.
    pub fn located(&self, line: u64, column: u64, message: String) -> Located {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let text = if line == 0 { "" } else { self.text.lines().nth(index).unwrap_or_default().trim() };
        let text: String = text.chars().take(160).collect();
        Located { file: self.file.clone(), line, column, message, text }
    }
}
