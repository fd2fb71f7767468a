//! Disks whose power can be cut: a file system of its own per node, in an image file.
//!
//! # How a cut works
//! The processes are frozen, then comes ext4's own shutdown without a flush of its journal
//! (`EXT4_IOC_SHUTDOWN`, `NOLOGFLUSH`): from there on nothing reaches the image, as if the machine
//! had lost its power. Once the processes are dead the image is mounted again, and the
//! kernel replays the journal; what was not synced is gone.
//! # How an fsync fails
//! The image is sparse, on a file system in memory. When that is full, the file system in the
//! image, which does not know, takes writes and fails when it writes them back.
//! # What a killed test leaves
//! Mounts, below a directory whose name holds the process id of the test. The next one that makes
//! disks takes away those of dead processes.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::until;

/// What directories with mounts begin with; the process id of their test follows.
const PREFIX: &str = "pganalytics-test-";
/// Shuts file systems down, all of them within a millisecond. In Perl, which every Debian has: an
/// ioctl is unsafe code in Rust.
const CUT: &str = r#"
use Fcntl;
my @roots = map { sysopen(my $root, $_, O_RDONLY) or die "$_: $!"; $root } @ARGV;
for my $root (@roots) {
    my $no_log_flush = pack("L", 2);
    defined(ioctl($root, 0x8004587D, $no_log_flush)) or die "shutdown: $!";
}
"#;
/// Size of an image; it takes what is written to it alone.
const IMAGE_BYTES: u64 = 1 << 30;
/// What can be written to it, in memory.
const ROOM_BYTES: u64 = 256 << 20;

/// A file system in an image file, mounted while this value lives.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
    /// A file system in memory that holds the image, and can be filled.
    backing: PathBuf,
}

/// Why no disks can be made here; `None` if they can.
pub fn why_no_disks() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root can mount disks");
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("there are no loop devices");
    }
    None
}

/// What the name of a directory that will hold mounts begins with.
pub(crate) fn directory_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

impl Disk {
    /// Makes a file system in `directory` and mounts it at `mount`.
    ///
    /// # Errors
    /// If that is not possible, with what the commands said.
    pub(crate) fn make(directory: &Path, mount: &Path) -> anyhow::Result<Self> {
        sweep();
        let name = mount.file_name().context("a disk needs a name")?;
        let backing = directory.join(name).with_extension("backing");
        fs::create_dir_all(mount)?;
        fs::create_dir_all(&backing)?;
        let size = format!("size={ROOM_BYTES}");
        let tmpfs = ["-t", "tmpfs", "-o", &size, "tmpfs"].map(OsStr::new);
        run("mount", tmpfs.into_iter().chain([backing.as_os_str()]))?;
        let disk = Self {
            image: backing.join("image"),
            mount: mount.to_owned(),
            backing,
        };
        File::create(&disk.image)?.set_len(IMAGE_BYTES)?;
        let small = ["-q", "-F", "-m", "0", "-J", "size=4", "-N", "16384"].map(OsStr::new);
        run(
            "mkfs.ext4",
            small.into_iter().chain([disk.image.as_os_str()]),
        )?;
        disk.mount()?;
        fs::set_permissions(mount, Permissions::from_mode(0o700))?;
        File::open(mount)?.sync_all()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Cuts the power of all of `disks` at once.
    pub(crate) fn cut_power(disks: &[&Self]) -> anyhow::Result<()> {
        let script = ["-e", CUT].map(OsStr::new);
        let roots = disks.iter().map(|disk| disk.mount.as_os_str());
        run("perl", script.into_iter().chain(roots))
    }

    /// Starts it again after a cut; nobody may use it.
    pub(crate) async fn power_on(&self) -> anyhow::Result<()> {
        // The end of a process gives its files back a little after it can be waited for.
        until(
            "the disk is not in use",
            Duration::from_secs(10),
            async || self.unmount(),
        )
        .await?;
        self.mount()
    }

    /// Takes all the room that the image could still grow into.
    pub(crate) fn use_up_room(&self) -> anyhow::Result<()> {
        let mut ballast = File::create(self.ballast())?;
        let block = vec![0; 1 << 16];
        while ballast.write_all(&block).is_ok() {}
        Ok(())
    }

    /// Gives it back.
    pub(crate) fn give_room_back(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.backing.join("ballast")
    }

    fn mount(&self) -> anyhow::Result<()> {
        let options = ["-o", "loop"].map(OsStr::new);
        let places = [self.image.as_os_str(), self.mount.as_os_str()];
        run("mount", options.into_iter().chain(places))
    }

    fn unmount(&self) -> anyhow::Result<()> {
        run("umount", [self.mount.as_os_str()])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for mount in [&self.mount, &self.backing] {
            if let Err(error) = detach(mount) {
                eprintln!("{} is left behind: {error:#}", mount.display());
            }
        }
    }
}

/// Unmounts as soon as nobody uses it.
fn detach(mount: &Path) -> anyhow::Result<()> {
    run("umount", [OsStr::new("-l"), mount.as_os_str()])
}

/// Takes away the mounts of tests that are dead.
fn sweep() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| is_left_behind(place)) {
        // Another test may be sweeping too.
        if detach(Path::new(place)).is_ok() {
            eprintln!("{place} of a dead test taken away");
        }
    }
}

fn is_left_behind(place: &str) -> bool {
    let owner = place
        .split_once(PREFIX)
        .and_then(|(_, rest)| rest.split_once('-'));
    let owner = owner.and_then(|(pid, _)| pid.parse::<u32>().ok());
    owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

fn run<'a>(program: &str, args: impl IntoIterator<Item = &'a OsStr>) -> anyhow::Result<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(program)
        .args(args)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_dead_tests_are_told_from_those_of_live_ones() {
        let own = format!("/tmp/{}x/node-1", directory_prefix());
        let table = [
            (own.as_str(), false),
            ("/tmp/pganalytics-test-4194305-x/node-1", true),
            ("/tmp/pganalytics-test-x/node-1", false),
            ("/home", false),
        ];
        for (place, want) in table {
            assert_eq!(is_left_behind(place), want, "{place}");
        }
    }
}
