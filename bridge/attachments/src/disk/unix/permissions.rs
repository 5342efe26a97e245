//! The permissions of a file that takes the place of another.
//!
//! Nobody but the user who saves may read the new file without having been able to read the old one. So what cannot be
//! copied is not guessed: the mode alone of a file with an access list would give the group what the list gives to others.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, fchown};

use super::{Folder, Found, look_at};

/// The bits of the owner in a mode.
const OWNER: u32 = 0o700;

/// Gives a file of this user's the permissions of the one that has the name and, as far as the system lets this user, its
/// owner, its group and its access list. Where it does not, fewer users have access than before.
///
/// Extended attributes and security labels are not copied, nor the access lists of other systems: those of macOS and of
/// NFSv4 stand beside the mode, and what they give or deny goes with the old file.
pub(crate) fn make_like(
    file: &File,
    folder: &Folder,
    name: &OsStr,
    like: &Found,
) -> io::Result<()> {
    let own = look_at(file)?;
    if (own.owner, own.group) != (like.owner, like.group) {
        let owned = fchown(file, Some(like.owner), Some(like.group));
        let _ = owned.or_else(|_| fchown(file, None, Some(like.group)));
    }
    let is_of_group = look_at(file)?.group == like.group;
    let whole = u32::try_from(like.permissions).map_err(|_| io::ErrorKind::InvalidData)?;
    // The list before the mode, which would be the group's until there is a list.
    let mode = match list_of(folder, name, like) {
        Ok(None) if set_list(file, None).is_ok() => mode_of(whole, is_of_group),
        Ok(Some(list)) if is_of_group && set_list(file, Some(&list)).is_ok() => whole,
        _ => whole & OWNER,
    };
    if look_at(file)?.permissions != i128::from(mode) {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The mode for a file that got the group of the old one, or another group. Members of another one were others before, and
/// the members of the old one are others now.
fn mode_of(whole: u32, is_of_group: bool) -> u32 {
    let both = (whole >> 3) & whole & 0o7;
    if is_of_group { whole } else { (whole & OWNER) | (both << 3) | both }
}

/// The name of the attribute that holds an access list. Source: acl(5).
#[cfg(target_os = "linux")]
const LIST: &str = "system.posix_acl_access";

/// The most bytes of an attribute. Source: `XATTR_SIZE_MAX` in `linux/limits.h`.
#[cfg(target_os = "linux")]
const LONGEST: usize = 65536;

/// The access list of the file that has the name, if it is still the same file.
#[cfg(target_os = "linux")]
fn list_of(folder: &Folder, name: &OsStr, like: &Found) -> io::Result<Option<Vec<u8>>> {
    use rustix::fs::{Mode, OFlags, fgetxattr, getxattr, openat};
    use rustix::io::Errno;

    let mut list = vec![0; LONGEST];
    let (file, read) = if let Ok(file) = folder.open_file(name) {
        let read = fgetxattr(&file, LIST, &mut list[..]);
        (file, read)
    } else {
        // One that this user may replace and not read.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(&folder.0, name, flags, Mode::empty())?);
        let read = getxattr(super::path_of(&file), LIST, &mut list[..]);
        (file, read)
    };
    if look_at(&file)?.id != like.id {
        return Err(io::ErrorKind::NotFound.into());
    }
    match read {
        Ok(len) => {
            list.truncate(len);
            Ok(Some(list))
        }
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Gives a file this access list, or takes away the one that it may have from its folder.
#[cfg(target_os = "linux")]
fn set_list(file: &File, list: Option<&[u8]>) -> io::Result<()> {
    use rustix::fs::{XattrFlags, fremovexattr, fsetxattr};
    use rustix::io::Errno;

    let Some(list) = list else {
        return match fremovexattr(file, LIST) {
            Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(error.into()),
        };
    };
    Ok(fsetxattr(file, LIST, list, XattrFlags::empty())?)
}

/// No list: that of this system, if it has any, is not copied.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn list_of(_: &Folder, _: &OsStr, _: &Found) -> io::Result<Option<Vec<u8>>> {
    Ok(None)
}

/// Does nothing: there is no list to be set.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn set_list(_: &File, _: Option<&[u8]>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_another_group_gets_no_more_than_it_had() {
        for (old, kept, other) in [
            (0o600, 0o600, 0o600),
            (0o660, 0o660, 0o600),
            (0o640, 0o640, 0o600),
            (0o664, 0o664, 0o644),
            (0o604, 0o604, 0o600),
            (0o755, 0o755, 0o755),
        ] {
            assert_eq!((mode_of(old, true), mode_of(old, false)), (kept, other), "{old:o}");
        }
    }
}
