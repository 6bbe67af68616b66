//! What sections have in common: strict keys, one place for each default, a variable for every key, a schema.

use serde::{Deserialize, Deserializer};

use crate::config::environment::Environment;
use crate::yaml::Located;

/// A section whose keys have variables.
pub(crate) trait Section {
    /// Overrides every key whose variable is set; `section` is the section's name, empty for the document itself.
    fn apply(&mut self, section: &str, environment: &mut Environment<'_>) -> Result<(), Located>;
}

/// Reads a section; one without a single key (`listen:` and nothing more) is null in YAML and has its defaults.
pub(crate) fn or_defaults<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A section whose keys all have defaults. The comments on its keys are what editors show and what
/// `docs/configuration.md` says.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$key_meta:meta])* $key:ident: $type:ty = $default:expr),+ $(,)? }
        $(sections { $($(#[$inner_meta:meta])* $inner:ident: $inner_type:ty),+ $(,)? })?
    ) => {
        #[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        $(#[$meta])*
        pub(crate) struct $name {
            $($(#[$key_meta])* pub(crate) $key: $type,)+
            $($(
                $(#[$inner_meta])*
                #[serde(deserialize_with = "crate::config::section::or_defaults")]
                #[schemars(extend("type" = ["object", "null"]))]
                pub(crate) $inner: $inner_type,
            )+)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ $($($inner: <$inner_type>::default(),)+)? }
            }
        }

        impl $crate::config::section::Section for $name {
            fn apply(
                &mut self,
                section: &str,
                environment: &mut $crate::config::environment::Environment<'_>,
            ) -> Result<(), $crate::yaml::Located> {
                // A key that is forgotten here does not compile.
                let Self { $($key,)+ $($($inner,)+)? } = self;
                $(environment.set(section, stringify!($key), $key)?;)+
                $($($inner.apply(stringify!($inner), environment)?;)+)?
                Ok(())
            }
        }
    };
}

pub(crate) use section;
