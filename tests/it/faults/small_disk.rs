//! A small file system in memory that a test fills, enlarges and makes read-only.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// It is unmounted when this is dropped.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many kilobytes.
    ///
    /// # Panics
    /// Where the system does not let us: then the test has not been done, and says what it needs.
    pub fn of(kilobytes: u64) -> Self {
        let disk = Self { folder: tempfile::tempdir().expect("a folder to mount on") };
        let size = format!("size={kilobytes}k");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "kasacare-test"]).arg(disk.path());
        let done = mount.output();
        let said = done.map_or_else(
            |error| error.to_string(),
            |output| if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() },
        );
        assert!(
            said.is_empty(),
            "this test fills a small disk, and cannot mount one: {said}\n\
             Run the tests as root, in a container with the capability SYS_ADMIN (`--cap-add SYS_ADMIN`), or in a name space of\n\
             their own: unshare --map-root-user --mount cargo test"
        );
        disk
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives it another size.
    pub fn resize(&self, kilobytes: u64) {
        self.remount(&format!("size={kilobytes}k"));
    }

    /// Nothing can be written on it any more, by nobody.
    pub fn make_read_only(&self) {
        self.remount("ro");
    }

    pub fn make_writable(&self) {
        self.remount("rw");
    }

    fn remount(&self, option: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(self.path()).output().expect("mount");
        assert!(done.status.success(), "remount {option}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program that still has a file open there must not keep the folder.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
