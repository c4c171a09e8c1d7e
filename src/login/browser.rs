//! Opening the user's browser.

/// Whether there is a browser with a window; one in the terminal would take the terminal over.
pub(super) fn is_there() -> bool {
    !cfg!(target_os = "linux")
        || ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Opens a URL. Nobody waits for it: what `BROWSER` names may run for as long as the browser does,
/// and a task that blocks would keep the runtime from ending.
pub(super) fn open(url: String) {
    // Without a thread there is no browser; the user has been told the URL.
    let _ = std::thread::Builder::new().spawn(move || webbrowser::open(&url));
}
