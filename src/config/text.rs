//! Values that are typed as text: read with `FromStr`, written with `Display`, described to editors by a schema.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::host::Destination;
use crate::host::destination::BadDestination;

/// Lets a type with `FromStr` and `Display` stand in a configuration; the schema is what editors check it with.
macro_rules! text_form {
    ($name:ident, $schema:tt) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let typed = <String as serde::Deserialize>::deserialize(deserializer)?;
                typed.parse().map_err(<D::Error as serde::de::Error>::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

/// A type around `$inner` that is written as `$inner` is; see [`text_form`].
macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident($inner:ty), $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        $crate::config::text::text_form!($name, $schema);
    };
}

pub(crate) use {text_form, text_value};

/// An http or https URL.
#[derive(Clone, Debug)]
pub(crate) struct HttpUrl {
    /// As it was typed.
    pub(crate) text: String,
    /// The same, taken apart.
    pub(crate) uri: http::Uri,
    /// Its host in normal form.
    pub(crate) host: Arc<str>,
}

text_form!(HttpUrl, { "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/]" });

/// Why a text is no URL that people or programs can be sent to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("`{typed}` is not a URL: {source}")]
    Form { typed: String, source: http::uri::InvalidUri },
    #[error("`{0}` is not an http or https URL such as https://mcp.corp.example/mcp")]
    Scheme(String),
    #[error("`{typed}`: {source}")]
    Host { typed: String, source: BadDestination },
}

impl FromStr for HttpUrl {
    type Err = UrlError;

    fn from_str(typed: &str) -> Result<Self, UrlError> {
        let text = || typed.to_owned();
        let uri: http::Uri = typed.parse().map_err(|source| UrlError::Form { typed: text(), source })?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|_| known).ok_or_else(|| UrlError::Scheme(text()))?;
        // The port matters to whoever dials; here it only has to be one.
        let to = Destination::parse(authority.as_str(), Some(443));
        let to = to.map_err(|source| UrlError::Host { typed: text(), source })?;
        Ok(Self { text: text(), host: to.host, uri })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
