//! What is wrong with JSON that may hold a secret.

use serde_json::error::Category;

/// What is wrong and where; the text of serde would quote what it found there.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Eof => "it breaks off",
        Category::Syntax => "it is not JSON",
        Category::Data => "it has a value that does not belong",
        Category::Io => "it could not be read",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}
