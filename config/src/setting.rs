//! How one value is read and shown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use crate::{ByteSize, NodeId, duration_text};

/// A type that a key can have.
pub(crate) trait Setting: Sized {
    /// Name of the type in the reference.
    const KIND: &'static str;

    /// Reads a value of the file, or text from environment or flags; the error says what to write
    /// instead.
    fn read(value: &Value) -> Result<Self, String>;

    /// What holds if nothing is written and there is no default, if that may be.
    fn absent() -> Option<Self> {
        None
    }
}

/// The text of a value; numbers and booleans are refused with their TOML type.
fn text<'a>(value: &'a Value, want: &str) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| match value {
        Value::Integer(n) => format!("the unit or the quotes are missing around {n}: write {want}"),
        other => format!("this is {}: write {want}", other.type_str()),
    })
}

impl Setting for Duration {
    const KIND: &'static str = "duration";

    fn read(value: &Value) -> Result<Self, String> {
        duration_text::parse(text(value, "a duration such as \"10s\"")?)
    }
}

impl Setting for ByteSize {
    const KIND: &'static str = "size";

    fn read(value: &Value) -> Result<Self, String> {
        Self::parse(text(value, "a size such as \"64MiB\"")?)
    }
}

impl Setting for String {
    const KIND: &'static str = "text";

    fn read(value: &Value) -> Result<Self, String> {
        text(value, "a text in quotes").map(str::to_owned)
    }
}

impl Setting for PathBuf {
    const KIND: &'static str = "path";

    fn read(value: &Value) -> Result<Self, String> {
        match text(value, "a path in quotes")? {
            "" => Err("the path is empty".to_owned()),
            path => Ok(Self::from(path)),
        }
    }
}

impl Setting for SocketAddr {
    const KIND: &'static str = "address";

    fn read(value: &Value) -> Result<Self, String> {
        let want = "an IP address and a port, such as \"10.0.0.1:7080\"";
        text(value, want)?
            .parse()
            .map_err(|_| format!("write {want}"))
    }
}

impl Setting for bool {
    const KIND: &'static str = "boolean";

    fn read(value: &Value) -> Result<Self, String> {
        match (value.as_bool(), value.as_str()) {
            (Some(flag), _) => Ok(flag),
            (None, Some("true")) => Ok(true),
            (None, Some("false")) => Ok(false),
            _ => Err("write true or false".to_owned()),
        }
    }
}

impl Setting for u64 {
    const KIND: &'static str = "number";

    fn read(value: &Value) -> Result<Self, String> {
        let number = match value {
            Value::Integer(n) => Self::try_from(*n).ok(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| "write a whole number that is not negative".to_owned())
    }
}

impl Setting for NodeId {
    const KIND: &'static str = "node id";

    fn read(value: &Value) -> Result<Self, String> {
        match u64::read(value) {
            Ok(id) if id > 0 => Ok(Self::new(id)),
            _ => Err("write a whole number from 1".to_owned()),
        }
    }
}

impl<T: Setting> Setting for Option<T> {
    const KIND: &'static str = T::KIND;

    fn read(value: &Value) -> Result<Self, String> {
        T::read(value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Declares an enum of words.
macro_rules! words {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $vdoc])* $variant),+ }

        impl $crate::setting::Setting for $name {
            const KIND: &'static str = concat!($("`", $word, "` "),+);

            fn read(value: &toml::Value) -> Result<Self, String> {
                match value.as_str() {
                    $(Some($word) => Ok(Self::$variant),)+
                    _ => Err(concat!("write one of:" $(, " \"", $word, "\"")+).to_owned()),
                }
            }
        }

        impl $name {
            /// The word that stands for it in the configuration.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}
pub(crate) use words;
