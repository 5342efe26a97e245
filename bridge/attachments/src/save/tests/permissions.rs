//! Access lists of files that are replaced.

use rustix::fs::{XattrFlags, getxattr, removexattr, setxattr};

use super::*;

const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";

/// A list that gives a user with a name of their own access, and the group none: `user::rw-, user:12345:rw-, group::---,
/// mask::rw-, other::---`. Its form is that of `linux/posix_acl_xattr.h`.
fn list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 6, 12345), (4, 0, u32::MAX), (16, 6, u32::MAX), (32, 0, u32::MAX)];
    let entry = |(tag, bits, id): (u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &bits.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    [2_u32.to_le_bytes().to_vec()].into_iter().chain(entries.map(entry)).flatten().collect()
}

fn list_at(path: &Path) -> Option<Vec<u8>> {
    let mut list = vec![0; 1024];
    let len = getxattr(path, ACCESS, &mut list[..]).ok()?;
    list.truncate(len);
    Some(list)
}

/// Whether the file system of the project has lists.
fn has_lists(world: &TestProject) -> bool {
    let path = world.write("sub/probe", "");
    let has = setxattr(&path, ACCESS, &list(), XattrFlags::empty()).is_ok();
    fs::remove_file(path).unwrap();
    if !has {
        println!("not tested: the file system of temporary files has no access lists");
    }
    has
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Replaces a file whole and in one value. The file is made again before each.
fn replaced(policy: &Policy, make: impl Fn(), check: impl Fn()) {
    make();
    assert_eq!(word(&save(policy, "a", "x", true)), "saved");
    check();
    make();
    assert_eq!(word(&put(policy, "a", "KEY", "x")), "saved");
    check();
}

#[test]
fn regression_replaced_file_keeps_its_access_list() {
    let world = TestProject::new();
    if !has_lists(&world) {
        return;
    }
    let path = world.at("a");
    // The second may be replaced, and its owner may not read it.
    for owner_bits in [6, 2] {
        let mut list = list();
        list[6] = owner_bits;
        let make = || {
            world.write("a", "old");
            setxattr(&path, ACCESS, &list, XattrFlags::empty()).unwrap();
        };
        let check = || {
            assert_eq!(list_at(&path).as_ref(), Some(&list));
            assert_eq!(mode(&path), u32::from(owner_bits) << 6 | 0o060);
        };
        if owner_bits == 6 {
            replaced(&world.policy(), make, check);
        } else {
            make();
            assert_eq!(word(&save(&world.policy(), "a", "x", true)), "saved");
            check();
        }
    }
}

#[test]
fn regression_access_list_of_the_folder_opens_no_file_that_is_replaced() {
    let world = TestProject::new();
    if !has_lists(&world) {
        return;
    }
    setxattr(world.project(), DEFAULT, &list(), XattrFlags::empty()).unwrap();
    let path = world.at("a");
    let make = || {
        world.write("a", "old");
        removexattr(&path, ACCESS).ok();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    };
    replaced(&world.policy(), make, || {
        assert_eq!(list_at(&path), None);
        assert_eq!(mode(&path), 0o640);
    });
    // One that is new is for its owner alone.
    assert_eq!(word(&save(&world.policy(), "b", "x", false)), "saved");
    assert_eq!(mode(&world.at("b")), 0o600);
}

#[test]
fn regression_access_list_that_is_not_known_leaves_the_owner_alone() {
    let world = TestProject::new();
    if !has_lists(&world) {
        return;
    }
    let path = world.write("a", "old");
    setxattr(&path, ACCESS, &list(), XattrFlags::empty()).unwrap();
    let folder = crate::disk::Folder::walk(world.project()).unwrap().0;
    let like = folder.look("a".as_ref()).unwrap().unwrap();
    // It is not known any more which list the file had.
    fs::remove_file(&path).unwrap();
    let file = fs::File::create(world.at("b")).unwrap();
    crate::disk::make_like(&file, &folder, "a".as_ref(), &like).unwrap();
    assert_eq!((mode(&world.at("b")), list_at(&world.at("b"))), (0o600, None));
}
