//! An error as `main() -> Result<(), Error>` prints it, which is by `Debug`.
//!
//! `Debug` of an error is for people, as that of `eyre` and `anyhow`: what failed, why, and what to
//! do. A wrapper to be named in `main`, as `miette::Report`, would help only those who know of it;
//! `main` prints the very type that it returns, also in a `Box<dyn Error>`, and so do `unwrap` and a
//! test that fails. `{:#?}` shows variants and fields, as a derived `Debug` does.

use std::error::Error;
use std::{fmt, iter};

/// Writes an error, its causes and what to do about it.
pub(crate) fn write(
    f: &mut fmt::Formatter<'_>,
    error: &dyn Error,
    what_to_do: Option<&str>,
) -> fmt::Result {
    write!(f, "{error}")?;
    let causes: Vec<_> = iter::successors(error.source(), |&cause| cause.source()).collect();
    if !causes.is_empty() {
        f.write_str("\n\nCaused by:")?;
    }
    let is_one = causes.len() == 1;
    for (number, cause) in causes.iter().enumerate() {
        let lines = cause.to_string().replace('\n', "\n       ");
        match is_one {
            true => write!(f, "\n    {lines}")?,
            false => write!(f, "\n    {number}: {lines}")?,
        }
    }
    match what_to_do {
        Some(advice) => write!(f, "\n\nWhat to do:\n    {advice}"),
        None => Ok(()),
    }
}

/// For an error whose text and causes say what to do.
pub(crate) fn says_it_all<E>(_: &E) -> Option<String> {
    None
}

/// `Debug` of an error: by [`write()`], and by its variants and fields for `{:#?}`. Every variant of
/// an enum is named with every field, so that the compiler misses none.
macro_rules! debug_for_people {
    ($error:ident, $what_to_do:expr; is { $($field:ident),+ }) => {
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                if !f.alternate() {
                    let what_to_do: Option<String> = $what_to_do(self);
                    return $crate::report::write(f, self, what_to_do.as_deref());
                }
                f.debug_struct(stringify!($error))
                    $(.field(stringify!($field), &self.$field))+
                    .finish_non_exhaustive()
            }
        }
    };
    (
        $error:ident, $what_to_do:expr;
        fields $($named:ident { $($field:ident),+ })*;
        values $($tuple:ident)*;
        words $($unit:ident)*;
    ) => {
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                if !f.alternate() {
                    let what_to_do: Option<String> = $what_to_do(self);
                    return $crate::report::write(f, self, what_to_do.as_deref());
                }
                match self {
                    $(Self::$named { $($field),+ } => f
                        .debug_struct(stringify!($named))
                        $(.field(stringify!($field), $field))+
                        .finish(),)*
                    $(Self::$tuple(value) => {
                        f.debug_tuple(stringify!($tuple)).field(value).finish()
                    })*
                    $(Self::$unit => f.write_str(stringify!($unit)),)*
                }
            }
        }
    };
}

pub(crate) use debug_for_people;
