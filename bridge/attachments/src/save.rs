//! What comes in: a whole file that arrives in parts, or one value that is put into a file.
//!
//! Bytes go into a temporary file for this user alone, in the folder of the target. It gets the target's name after the
//! last part; until then, and after any error, the target is as it was. A path that a peer sent is never used: the agent
//! says where a file goes, and the peer's name at most what it is called there.

use std::path::Path;

use zeroize::Zeroizing;

use crate::git;
use crate::policy::Policy;
use crate::policy::content::{LOOKED_AT, is_private_key};
use crate::refused::SaveRefused;
use junction_shared::protocol::limits::MAX_ATTACHMENT;

mod leftovers;
mod lock;
mod place;
mod repository;
mod running;
mod temp_file;
mod value;

use place::Place;
use running::RunningSave;
use temp_file::{Replaces, TempFile};

pub use place::SavedFile;
pub use running::wait_for_saves;
pub use value::{PutInto, ValueTarget, put_value_into};

/// How often a save is tried again that another one comes before.
const TRIES: usize = 4;

/// Where an attachment is saved.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The path that the agent gave: a file, or a folder.
    pub path: &'a str,
    /// The attachment's name, for a path that is a folder. It may be any text.
    pub name: &'a str,
    /// Whether a file that exists is replaced.
    pub overwrite: bool,
    /// Whether the attachment is a single value, which is taken for a secret.
    pub is_value: bool,
}

/// A file that is being saved. Dropped before [`Saving::finish`], it leaves nothing.
pub struct Saving {
    place: Place,
    file: TempFile,
    overwrite: bool,
    is_value: bool,
    expected: u64,
    got: u64,
    /// The first bytes, which may be those of a key.
    first: Zeroizing<Vec<u8>>,
}

impl Saving {
    /// Makes the temporary file for this many bytes. All that can be refused before the first byte is refused here.
    ///
    /// # Errors
    /// [`SaveRefused`]
    pub fn begin(policy: &Policy, target: &Target<'_>, expected: u64) -> Result<Self, SaveRefused> {
        let place = Place::find(policy, target.path, Some(target.name), None)?;
        if expected > MAX_ATTACHMENT {
            return Err(SaveRefused::TooLarge { path: place.path, limit: MAX_ATTACHMENT });
        }
        if let Some(found) = place.look()? {
            place.check_replaceable(&found)?;
            if !target.overwrite {
                return Err(SaveRefused::Exists(place.path));
            }
        }
        let file = TempFile::beside(&place, expected)?;
        let first = Zeroizing::new(Vec::with_capacity(LOOKED_AT));
        let Target { overwrite, is_value, .. } = *target;
        Ok(Self { place, file, overwrite, is_value, expected, got: 0, first })
    }

    /// The path that the file will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// [`SaveRefused::Length`] if more came than was announced, [`SaveRefused::Disk`] if they cannot be written. The save
    /// has failed then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SaveRefused> {
        let got = self.got + bytes.len() as u64;
        if got > self.expected {
            return Err(SaveRefused::Length { expected: self.expected, got });
        }
        self.file.write(bytes).map_err(|error| SaveRefused::disk(&self.place.path, &error))?;
        self.got = got;
        let room = LOOKED_AT - self.first.len();
        self.first.extend_from_slice(&bytes[..room.min(bytes.len())]);
        Ok(())
    }

    /// Gives the file its name. The caller has verified the hash of all that it wrote.
    ///
    /// # Errors
    /// [`SaveRefused`], and the target is as it was.
    pub fn finish(self) -> Result<SavedFile, SaveRefused> {
        let Self { place, mut file, overwrite, is_value, expected, got, first } = self;
        if got != expected {
            return Err(SaveRefused::Length { expected, got });
        }
        let running = RunningSave::begin();
        // Most of it is kept on the disk before others have to wait.
        file.sync().map_err(|error| place.disk(&error))?;
        let replaces = if overwrite { Replaces::AnyFile } else { Replaces::Nothing };
        let mut publish = || file.publish(&place, &place.lock()?, replaces);
        let mut published = publish();
        for _ in 1..TRIES {
            if matches!(published, Err(SaveRefused::Changed(_))) {
                published = publish();
            }
        }
        drop((file, running));
        published?;
        let is_secret = is_value || place.is_sensitive || is_private_key(&first);
        let warning = is_secret.then(|| git::warning(&place.path)).flatten();
        Ok(SavedFile { path: place.path, warning })
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
