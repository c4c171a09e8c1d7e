//! Plain pages: no scripts, nothing from elsewhere, readable with a screen reader and on a phone.

/// What a page may load: its own style.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page; `title` is text, and `main` is HTML.
pub(crate) fn page(title: &str, main: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body><main>
{main}
</main></body>
</html>
"
    )
}

/// Text for HTML, also between quotes.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "
body { font: 1.1rem/1.6 system-ui, sans-serif; color: #191414; background: #eef1ee; margin: 0 }
main { max-width: 30rem; margin: 10vh auto; padding: 2rem 2.5rem; background: #fff; border-radius: 1rem }
h1 { font-size: 1.5rem; line-height: 1.3; margin-top: 0 }
input { font: inherit; padding: .4rem .6rem; border: 1px solid #767676; border-radius: .4rem }
.buttons { display: flex; gap: 1rem; margin-top: 2rem }
button { font: inherit; padding: .6rem 1.8rem; border: 1px solid #767676; border-radius: 2rem }
button { background: #fff; color: inherit; cursor: pointer }
.primary { background: #14733b; border-color: #14733b; color: #fff }
";
