//! Disks that are full, or cannot be written.

use super::*;

/// A small file system that is unmounted in the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `None` where this user may not mount one.
    fn mount(folder: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(folder).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn full_disk_leaves_nothing() {
    let world = TestProject::new();
    let folder = world.at("sub");
    let Some(_disk) = SmallDisk::mount(&folder) else {
        println!("not tested: this user may not mount a small file system");
        return;
    };
    let policy = world.policy();
    let full =
        |refused: &SaveRefused| matches!(refused, SaveRefused::Disk { fault: DiskFault::Full, .. });
    let target = Target { path: "sub/a", name: "x", overwrite: true, is_value: false };
    let refused = Saving::begin(&policy, &target, 1 << 20).err().unwrap();
    assert!(full(&refused), "{refused:?}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    // The disk fills while bytes arrive, as where no space can be set aside.
    let mut saving = Saving::begin(&policy, &target, 0).unwrap();
    saving.expected = 1 << 20;
    let refused = (0..16).find_map(|_| saving.write(&[7; 1 << 16]).err()).unwrap();
    assert!(full(&refused), "{refused:?}");
    drop(saving);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    // What was there stays.
    fs::write(folder.join("a"), vec![b'x'; 200 << 10]).unwrap();
    let refused = put(&policy, "sub/a", "KEY", "y").err().unwrap();
    assert!(full(&refused), "{refused:?}");
    assert_eq!(fs::metadata(folder.join("a")).unwrap().len(), 200 << 10);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(word(&save(&policy, "sub/b", "x", false)), "saved");
}

#[test]
fn disk_that_cannot_be_written_is_told_by_its_kind() {
    let world = TestProject::new();
    let folder = world.at("sub");
    let Some(_disk) = SmallDisk::mount(&folder) else {
        println!("not tested: this user may not mount a small file system");
        return;
    };
    fs::write(folder.join("old"), "old").unwrap();
    let mut mount = Command::new("mount");
    assert!(mount.args(["-o", "remount,ro"]).arg(&folder).status().unwrap().success());
    let refused = save(&world.policy(), "sub/a", "x", false);
    assert!(
        matches!(refused, Err(SaveRefused::Disk { fault: DiskFault::ReadOnly, .. })),
        "{refused:?}"
    );
    let refused = put(&world.policy(), "sub/old", "KEY", "x");
    assert!(
        matches!(refused, Err(SaveRefused::Disk { fault: DiskFault::ReadOnly, .. })),
        "{refused:?}"
    );
    assert_eq!(save(&world.policy(), "a\u{7}", "x", false), Err(BadPath::Character.into()));
}
