//! What an agent attaches: a file, an environment variable, or one value out of a file. A message that is sent again reads
//! its sources again, each by the same checks.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::MAX_VALUE_FILE;
use crate::disk::{self, Folder, Found, Step};
use crate::names::safe_name;
use crate::policy::content::{LOOKED_AT, is_private_key};
use crate::policy::{Denial, Permit, Policy, is_system};
use crate::refused::{FileKind, Never, ReadRefused, Sensitivity, ValueRefused, Why};
use crate::turns::Turn;
use crate::values::Format;
use junction_shared::protocol::limits::MAX_ATTACHMENT;

/// How often a path is resolved again because a name in it was replaced while it was walked.
const TRIES: usize = 8;

/// A checked file, open for reading. It yields as many bytes as the file had when it was opened, or an error.
pub struct OpenFile {
    file: File,
    path: PathBuf,
    name: String,
    found: Found,
    read: u64,
}

impl OpenFile {
    /// The file's real path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name, made safe to be shown and sent.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.found.len
    }

    /// Whether the file is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.len == 0
    }

    /// Reads the next bytes; 0 after the last. The last ones come only if the file has not changed since it was opened.
    ///
    /// # Errors
    /// [`ReadRefused::Changed`] if the file was changed, [`ReadRefused::Disk`] if it cannot be read.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadRefused> {
        let changed = || ReadRefused::Changed(self.path.clone());
        let disk = |error: io::Error| ReadRefused::disk(&self.path, &error);
        let left = usize::try_from(self.found.len - self.read).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = retrying(|| self.file.read(&mut buffer[..most])).map_err(disk)?;
        if count == 0 {
            return Err(changed());
        }
        self.read += count as u64;
        if self.read == self.found.len && disk::look_at(&self.file).map_err(disk)? != self.found {
            return Err(changed());
        }
        Ok(count)
    }

    /// Reads all that is left, into memory that is wiped.
    ///
    /// # Errors
    /// The errors of [`OpenFile::read`].
    pub fn read_all(&mut self) -> Result<Zeroizing<Vec<u8>>, ReadRefused> {
        // All at once, because a vector that grows leaves copies behind.
        let left = usize::try_from(self.found.len - self.read).unwrap_or(0);
        let mut bytes = Zeroizing::new(vec![0; left]);
        let mut filled = 0;
        while filled < left {
            filled += self.read(&mut bytes[filled..])?;
        }
        Ok(bytes)
    }
}

fn retrying(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Opens a file that the policy lets leave as a whole.
///
/// # Errors
/// [`ReadRefused`]
pub fn open_file(policy: &Policy, path: &str) -> Result<OpenFile, ReadRefused> {
    open(policy, path, None, MAX_ATTACHMENT)
}

/// Reads an environment variable of this process that the user named in `env_keys`.
///
/// # Errors
/// [`ReadRefused`] if the user did not, or the variable is not set.
pub fn read_env(policy: &Policy, name: &str) -> Result<Zeroizing<Vec<u8>>, ReadRefused> {
    // Before the environment is asked, so that a refusal does not say whether the variable is set.
    if !policy.config.env_keys.iter().any(|key| key == name) {
        return Err(ReadRefused::EnvNotAllowed(name.to_owned()));
    }
    let unset = || ReadRefused::EnvUnset(name.to_owned());
    // The functions of the standard library do not take such names.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(unset());
    }
    let value = std::env::var_os(name).ok_or_else(unset)?;
    bytes_of(value).map(Zeroizing::new).ok_or_else(unset)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "as elsewhere")]
fn bytes_of(value: OsString) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(value.into_vec())
}

#[cfg(not(unix))]
fn bytes_of(value: OsString) -> Option<Vec<u8>> {
    value.into_string().ok().map(String::into_bytes)
}

/// A file out of which one value is read.
pub struct ValueFile<'a> {
    /// The file's own name, which tells its format.
    pub name: &'a str,
    /// The whole file.
    pub bytes: &'a [u8],
    /// The value's name.
    pub key: &'a str,
}

/// Reads one value that the policy lets leave: `find` gets the file and finds the value in it. Four calls of a process read
/// at a time; others wait for them.
///
/// # Errors
/// [`ValueRefused::File`] if the file was refused, [`ValueRefused::Value`] with the error of `find`.
pub fn read_value<T, E>(
    policy: &Policy,
    path: &str,
    key: &str,
    find: impl FnOnce(ValueFile<'_>) -> Result<T, E>,
) -> Result<T, ValueRefused<ReadRefused, E>> {
    let file = open(policy, path, Some(key), MAX_VALUE_FILE);
    let file = file.map_err(|refused| match refused {
        ReadRefused::TooLarge { path, .. } => {
            let limit = Format::of(&path).longest_file() as u64;
            ReadRefused::TooLarge { path, limit }
        }
        other => other,
    });
    let mut file = file.map_err(ValueRefused::File)?;
    let _turn = Turn::wait();
    let bytes = file.read_all().map_err(ValueRefused::File)?;
    find(ValueFile { name: &file.name, bytes: &bytes, key }).map_err(ValueRefused::Value)
}

fn open(
    policy: &Policy,
    text: &str,
    key: Option<&str>,
    limit: u64,
) -> Result<OpenFile, ReadRefused> {
    let text = policy.parse(text)?;
    // What leads through these directories is refused even if it leads out again, as /proc/self/cwd does.
    if is_system(&text.normal()) {
        return Err(Denial::Never(Never::System).on(&text.normal(), key));
    }
    for _ in 0..TRIES {
        let real = text.path.canonicalize();
        let real = real.map_err(|error| ReadRefused::disk(&text.path, &error))?;
        if let Some(file) = open_real(policy, &real, key, limit)? {
            return Ok(file);
        }
    }
    Err(ReadRefused::Changed(text.path))
}

/// Opens the file at a real path; `None` if the path is no longer real.
fn open_real(
    policy: &Policy,
    real: &Path,
    key: Option<&str>,
    limit: u64,
) -> Result<Option<OpenFile>, ReadRefused> {
    let disk = |error: io::Error| ReadRefused::disk(real, &error);
    // Before anything is opened: to open a device can be to use it.
    let not_a_file = |kind| ReadRefused::NotAFile { path: real.to_owned(), kind };
    policy.check_read(real, key).map_err(|denial| match denial {
        // There is nothing in it that the user could allow, and much that they would.
        Denial::NotAllowed(_) if real.is_dir() => not_a_file(FileKind::Directory),
        // A person who is asked has to know of what.
        Denial::NotAllowed(Why::Outside) if key.is_none() && holds_private_key(real) => {
            let why = Why::Sensitive(Sensitivity::PrivateKey);
            Denial::NotAllowed(why).on::<ReadRefused>(real, key)
        }
        denial => denial.on::<ReadRefused>(real, key),
    })?;
    let Some((parent, name)) = real.parent().zip(real.file_name()) else {
        return Err(not_a_file(FileKind::Directory));
    };
    let (folder, folders) = match Folder::walk(parent) {
        Ok(walked) => walked,
        Err(Step::Missing | Step::Symlink | Step::NotAFolder) => return Ok(None),
        Err(Step::Io(error)) => return Err(disk(error)),
    };
    match folder.look(name).map_err(disk)?.map(|found| found.kind) {
        Some(FileKind::Regular) => {}
        None | Some(FileKind::Symlink) => return Ok(None),
        Some(kind) => return Err(not_a_file(kind)),
    }
    let file = match folder.open_file(name) {
        Ok(file) => file,
        // Systems differ in what they say of a link: what is there now says whether it was replaced.
        Err(error) => match folder.look(name).map_err(disk)? {
            Some(now) if now.kind == FileKind::Regular => return Err(disk(error)),
            _ => return Ok(None),
        },
    };
    // All that follows is about the open file, whatever has its name by now.
    let found = disk::look_at(&file).map_err(disk)?;
    if found.kind != FileKind::Regular {
        return Err(not_a_file(found.kind));
    }
    let path = disk::true_path(&file, real).map_err(disk)?;
    let checked = policy.check_folders(&folders).and_then(|()| policy.check_read(&path, key));
    let refuse = |denial: Denial| denial.on::<ReadRefused>(&path, key);
    let grant = checked.map_err(refuse)?;
    if disk::is_of_kernel(&file) {
        return Err(refuse(Denial::Never(Never::System)));
    }
    check_content(&file, &found, key, grant)
        .map_err(disk)?
        .map_or(Ok(()), |why| Err(refuse(Denial::NotAllowed(why))))?;
    if found.len > limit {
        return Err(ReadRefused::TooLarge { path, limit });
    }
    let name = safe_name(&name.to_string_lossy());
    Ok(Some(OpenFile { file, path, name, found, read: 0 }))
}

/// Why a file of an ordinary name is kept all the same, unless the user named it.
fn check_content(
    file: &File,
    found: &Found,
    key: Option<&str>,
    grant: Permit,
) -> io::Result<Option<Why>> {
    if grant == Permit::Named {
        return Ok(None);
    }
    // One value does not carry the key out.
    if key.is_none() && is_private_key(&first_bytes(file)?) {
        return Ok(Some(Why::Sensitive(Sensitivity::PrivateKey)));
    }
    // Which of its names is the one that counts, the file does not say.
    Ok((found.links > 1).then_some(Why::HardLink))
}

/// Whether a file that may not leave, and is not opened otherwise, begins as a private key does.
fn holds_private_key(real: &Path) -> bool {
    let first = || {
        let (folder, _) = Folder::walk(real.parent()?).ok()?;
        let name = real.file_name()?;
        let is_file = |found: &Found| found.kind == FileKind::Regular;
        folder.look(name).ok()?.filter(is_file)?;
        let file = folder.open_file(name).ok()?;
        disk::look_at(&file).ok().filter(is_file)?;
        first_bytes(&file).ok()
    };
    first().is_some_and(|first| is_private_key(&first))
}

/// The first bytes of a file, which is read from its beginning afterwards.
fn first_bytes(mut file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    use std::io::Seek as _;

    let mut first = Zeroizing::new(vec![0; LOOKED_AT]);
    let mut filled = 0;
    while filled < LOOKED_AT {
        match retrying(|| file.read(&mut first[filled..]))? {
            0 => break,
            count => filled += count,
        }
    }
    file.rewind()?;
    first.truncate(filled);
    Ok(first)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
