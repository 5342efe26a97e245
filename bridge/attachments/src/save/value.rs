//! One value that is put into a file, of which every other byte stays.

use std::io::{self, Read as _};
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::TRIES;
use super::lock::Lock;
use super::place::{Place, SavedFile};
use super::running::RunningSave;
use super::temp_file::{Replaces, TempFile};
use crate::disk::{self, Found};
use crate::git;
use crate::policy::{Denial, Policy};
use crate::refused::{FileKind, SaveRefused, ValueRefused, Why};
use crate::turns::Turn;
use crate::values::Format;

/// Where a value is put. It holds the value, so it has no `Debug`.
#[derive(Clone, Copy)]
pub struct ValueTarget<'a> {
    /// The path of the file that the agent gave. It need not exist.
    pub path: &'a str,
    /// The value's name in the file.
    pub key: &'a str,
    /// The value.
    pub value: &'a [u8],
    /// Whether a value of that name is replaced.
    pub overwrite: bool,
}

/// A file into which a value is to be put. It holds the value, so it has no `Debug`.
#[derive(Clone, Copy)]
pub struct PutInto<'a> {
    /// The file's own name, which tells its format.
    pub name: &'a str,
    /// The whole file as it is; empty if it does not exist.
    pub bytes: &'a [u8],
    /// The value's name.
    pub key: &'a str,
    /// The value.
    pub value: &'a [u8],
    /// Whether a value of that name is replaced.
    pub overwrite: bool,
}

/// Puts one value into a file: `put` gets the file, and gives it back as it is to be. A new file is for this user alone;
/// another keeps its permissions, or has fewer where they cannot be kept.
///
/// Values that are put at the same time, by other processes too, are all in the file in the end; where the system can lock
/// neither the folder nor the file, those of one process are. If a program that knows
/// nothing of this changes the file meanwhile, the file is read again and `put` called again, four times at most.
///
/// # Errors
/// [`ValueRefused::File`] if the file was refused, or was changed again and again; [`ValueRefused::Value`] with the error of
/// `put`. The file is as it was.
pub fn put_value_into<E>(
    policy: &Policy,
    target: &ValueTarget<'_>,
    mut put: impl FnMut(PutInto<'_>) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<SavedFile, ValueRefused<SaveRefused, E>> {
    let mut tried = put_once(policy, target, &mut put);
    for _ in 1..TRIES {
        if !matches!(tried, Err(ValueRefused::File(SaveRefused::Changed(_)))) {
            break;
        }
        tried = put_once(policy, target, &mut put);
    }
    let path = tried?;
    let warning = git::warning(&path);
    Ok(SavedFile { path, warning })
}

/// Puts the value unless the file changes meanwhile, and gives the real path of the file.
fn put_once<E>(
    policy: &Policy,
    target: &ValueTarget<'_>,
    put: &mut impl FnMut(PutInto<'_>) -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<PathBuf, ValueRefused<SaveRefused, E>> {
    let _running = RunningSave::begin();
    let place = Place::find(policy, target.path, None, Some(target.key));
    let place = place.map_err(ValueRefused::File)?;
    // From what is read to what replaces it: what another puts in between would be lost.
    let lock = place.lock().map_err(ValueRefused::File)?;
    let _turn = Turn::wait();
    let before = Before::read(&place, &lock, target.key).map_err(ValueRefused::File)?;
    let name = place.name.to_string_lossy();
    let ValueTarget { key, value, overwrite, .. } = *target;
    let into = PutInto { name: &name, bytes: before.bytes(), key, value, overwrite };
    let bytes = put(into).map_err(ValueRefused::Value)?;
    write(&place, &lock, target.key, &before, &bytes).map_err(ValueRefused::File)?;
    Ok(place.path)
}

/// A file as it was before.
struct Before(Option<(Found, Zeroizing<Vec<u8>>)>);

impl Before {
    fn read(place: &Place, lock: &Lock, key: &str) -> Result<Self, SaveRefused> {
        let disk = |error: io::Error| place.disk(&error);
        let Some(seen) = place.look()? else { return Ok(Self(None)) };
        place.check_replaceable(&seen)?;
        let file = place.open().map_err(disk)?;
        let found = disk::look_at(&file).map_err(disk)?;
        let changed = || SaveRefused::Changed(place.path.clone());
        if found.kind != FileKind::Regular || found.id != seen.id || !lock.keeps(Some(&found)) {
            return Err(changed());
        }
        if found.links > 1 && !place.is_named {
            return Err(Denial::NotAllowed(Why::HardLink).on(&place.path, Some(key)));
        }
        check_size(place, found.len)?;
        let mut bytes = Zeroizing::new(vec![0; usize::try_from(found.len).unwrap_or(0)]);
        match (&file).read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(changed()),
            read => read.map_err(disk)?,
        }
        Ok(Self(Some((found, bytes))))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |(_, bytes)| bytes)
    }
}

fn check_size(place: &Place, len: u64) -> Result<(), SaveRefused> {
    let limit = Format::of(place.name.as_ref()).longest_file() as u64;
    if len > limit {
        return Err(SaveRefused::TooLarge { path: place.path.clone(), limit });
    }
    Ok(())
}

fn write(
    place: &Place,
    lock: &Lock,
    key: &str,
    before: &Before,
    bytes: &[u8],
) -> Result<(), SaveRefused> {
    let disk = |error: io::Error| place.disk(&error);
    check_size(place, bytes.len() as u64)?;
    let mut temporary = TempFile::beside(place, bytes.len() as u64)?;
    temporary.write(bytes).map_err(disk)?;
    let replaces = match &before.0 {
        None => Replaces::Nothing,
        Some((found, _)) => Replaces::This(*found),
    };
    temporary.sync().map_err(disk)?;
    // An editor holds no lock. Two changes within one tick of the system's clock have one time, so the bytes are compared.
    if Before::read(place, lock, key)?.bytes() != before.bytes() {
        return Err(SaveRefused::Changed(place.path.clone()));
    }
    match temporary.publish(place, lock, replaces) {
        // It was not there when it was read.
        Err(SaveRefused::Exists(path)) => Err(SaveRefused::Changed(path)),
        published => published,
    }
}
