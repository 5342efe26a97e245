//! The files that the page is made of. They are part of the program.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageFile {
    pub(crate) name: &'static str,
    /// The type, as HTTP names it.
    pub(crate) kind: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(PageFile { name: $name, kind: kind($name), text: include_str!(concat!("web/", $name)) }),+]
    };
}

/// All files of the page.
pub(crate) const FILES: &[PageFile] = files![
    "act.js",
    "app.js",
    "claims.js",
    "composer.js",
    "dialog.js",
    "dom.js",
    "drafts.js",
    "drop.js",
    "filter.js",
    "flow.js",
    "graph.js",
    "hold.js",
    "hub.js",
    "icon.svg",
    "index.html",
    "invite.js",
    "keys.js",
    "layout.js",
    "letter.js",
    "live.js",
    "machines.js",
    "main.js",
    "markdown.js",
    "pulses.js",
    "ring.js",
    "sight.js",
    "store.js",
    "style.css",
    "talk.js",
    "theme.js",
    "threads.js",
    "verify.js",
    "views.css",
    "who.js",
    "words.js",
    "work.js"
];

/// The file of this name.
pub(crate) fn file(name: &str) -> Option<PageFile> {
    FILES.iter().find(|file| file.name == name).copied()
}

/// The type of a file, by the end of its name.
const fn kind(name: &str) -> &'static str {
    match name.as_bytes() {
        [.., b'h', b't', b'm', b'l'] => "text/html; charset=utf-8",
        [.., b'c', b's', b's'] => "text/css; charset=utf-8",
        [.., b's', b'v', b'g'] => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_in_the_program() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page/web");
        let there = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let there: BTreeSet<_> = there.map(|name| name.into_string().unwrap()).collect();
        assert_eq!(there, FILES.iter().map(|file| file.name.to_owned()).collect());
    }

    #[test]
    fn page_loads_nothing_from_elsewhere() {
        for PageFile { name, text, .. } in FILES {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
        }
    }
}
