//! Sections: the one table of keys, types, defaults and meanings.

/// One key, as the reference shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `section.key`, in kebab-case.
    pub name: String,
    /// What may be written.
    pub kind: &'static str,
    /// What holds if nothing is written; `None`: nothing.
    pub default: Option<&'static str>,
    /// What it means.
    pub meaning: String,
}

/// Joins the doc lines of a key into one paragraph.
pub(crate) fn meaning(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
}

/// `section.key-name` of a field.
pub(crate) fn key_name(section: &str, field: &str) -> String {
    format!("{section}.{}", field.replace('_', "-"))
}

/// Declares a section: its struct, its keys with their defaults, and how it is read from
/// [`crate::Values`].
///
/// `field: Type = "default"` has a default, `field: Option<Type>` has none, `secret field` is an
/// optional secret that may also come from the file in `<key>-file`.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $name:ident = $section:literal {
            $( $(#[doc = $fdoc:literal])* $field:ident : $ty:ty $(= $default:literal)? ),* $(,)?
        }
        $( secrets { $( $(#[doc = $sdoc:literal])* $secret:ident ),+ $(,)? } )?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $fdoc])* pub $field: $ty, )*
            $($( $(#[doc = $sdoc])* pub $secret: Option<$crate::Secret>, )+)?
        }

        impl $name {
            /// Every key of the section.
            pub(crate) fn keys() -> Vec<$crate::section::Key> {
                vec![
                    $( $crate::section::Key {
                        name: $crate::section::key_name($section, stringify!($field)),
                        kind: <$ty as $crate::setting::Setting>::KIND,
                        default: [$(Some($default),)? None][0],
                        meaning: $crate::section::meaning(&[$($fdoc),*]),
                    }, )*
                    $($( $crate::section::Key {
                        name: $crate::section::key_name($section, stringify!($secret)),
                        kind: "secret",
                        default: None,
                        meaning: $crate::section::meaning(&[$($sdoc),*]),
                    },
                    $crate::section::Key {
                        name: $crate::section::key_name($section, concat!(stringify!($secret), "_file")),
                        kind: "path",
                        default: None,
                        meaning: concat!("File (mode 0600) with `", stringify!($secret), "`.").replace('_', "-"),
                    }, )+)?
                ]
            }

            /// Takes the section's values; bad ones are noted, and `None` is answered if a needed
            /// one is missing.
            pub(crate) fn take(values: &mut $crate::Values) -> Option<Self> {
                $( let $field = $crate::section::take::<$ty>(
                    values,
                    &$crate::section::key_name($section, stringify!($field)),
                    [$(Some($default),)? None][0],
                ); )*
                $($( let $secret = values.take_secret(
                    &$crate::section::key_name($section, stringify!($secret)),
                ); )+)?
                Some(Self { $( $field: $field?, )* $($( $secret, )+)? })
            }
        }
    };
}
pub(crate) use section;

/// Reads a field: one without default must be given, unless it is an `Option`.
pub(crate) fn take<T: crate::setting::Setting>(
    values: &mut crate::Values,
    key: &str,
    default: Option<&str>,
) -> Option<T> {
    let given = values.has(key);
    let value = values.take(key, default).or_else(T::absent);
    if value.is_none() && !given {
        values.violate(crate::Violation {
            key: key.to_owned(),
            value: None,
            problem: "is missing".to_owned(),
            fix: format!("set it ({})", T::KIND),
        });
    }
    value
}
