//! Opens the page in the person's browser. The words of a program that is started can be read by every user of the
//! machine, so none of them is a secret.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use junction_shared::machine::running_system::is_own_connection;
use junction_shared::machine::settings::env;
use tokio::process::Command;

use junction_shared::protocol::alias::Alias;

use super::host::PageHost;
use crate::person::running::PageLinks;

/// What opens an address, by the system.
#[cfg(target_os = "macos")]
const OPENER: &[&str] = &["open"];
#[cfg(windows)]
const OPENER: &[&str] = &["rundll32.exe", "url.dll,FileProtocolHandler"];
#[cfg(not(any(target_os = "macos", windows)))]
const OPENER: &[&str] = &["xdg-open"];

/// A file that leads the browser to the page, where the system does not tell whose a connection is. Dropping it removes the
/// file.
#[derive(Debug)]
struct Signpost(PathBuf);

/// Opens a page in browsers, and gives out its links.
pub(crate) struct PageOpener {
    page: Arc<PageHost>,
    /// The alias that the person chose for the page, if they did.
    name: Option<Alias>,
    /// The file that leads a browser to the page, as long as it may be needed.
    signpost: Mutex<Option<Signpost>>,
}

impl PageOpener {
    /// An opener of this page.
    pub(crate) fn new(page: Arc<PageHost>, name: Option<Alias>) -> Self {
        Self { page, name, signpost: Mutex::default() }
    }
}

impl PageLinks for PageOpener {
    fn is_of(&self, name: Option<&str>) -> bool {
        self.name.as_ref().map(Alias::as_str) == name
    }

    fn new_link(&self) -> String {
        self.page.new_link()
    }

    fn open(&self) -> bool {
        let Some(signpost) = open(&self.page) else { return false };
        *self.signpost.lock().unwrap_or_else(PoisonError::into_inner) = signpost;
        true
    }
}

/// Opens the page, by a file if it must be. `None` if no browser can be opened here.
fn open(page: &PageHost) -> Option<Option<Signpost>> {
    let has_screen = cfg!(any(target_os = "macos", windows))
        || ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].into_iter().any(|name| env(name).is_some());
    if !has_screen {
        return None;
    }
    let (address, signpost) = if tells_users() {
        (page.let_in(), None)
    } else {
        let signpost = Signpost::put(&page.new_link()).ok()?;
        (signpost.0.to_str()?.to_owned(), Some(signpost))
    };
    let [program, arguments @ ..] = OPENER else { return None };
    let mut command = Command::new(program);
    command.args(arguments).arg(address);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Nobody waits for it: some openers run as long as the browser.
    command.spawn().ok()?;
    Some(signpost)
}

/// Whether the system tells which user has made a connection.
fn tells_users() -> bool {
    let told = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
        let to = listener.local_addr().ok()?;
        let from = std::net::TcpStream::connect(to).ok()?;
        is_own_connection(from.local_addr().ok()?, to)
    };
    told() == Some(true)
}

impl Signpost {
    /// Puts a file that leads to this link where only this user can read it.
    fn put(link: &str) -> io::Result<Self> {
        let random = data_encoding::HEXLOWER.encode(&junction_shared::secret::random_bytes::<8>());
        let path = std::env::temp_dir().join(format!("junction-{random}.html"));
        let text =
            format!("<!doctype html><meta http-equiv=\"refresh\" content=\"0;url={link}\">\n");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let signpost = Self(path);
        io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(signpost)
    }
}

impl Drop for Signpost {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_leads_to_the_page_is_the_users_alone_and_goes() {
        let signpost = Signpost::put("http://127.0.0.1:1/open/x").unwrap();
        let path = signpost.0.clone();
        assert!(std::fs::read_to_string(&path).unwrap().contains("url=http://127.0.0.1:1/open/x"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(signpost);
        assert!(!path.exists());
    }
}
