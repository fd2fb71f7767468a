//! The machine the collector runs on: processors, memory, disks, file systems, network, pressure.

use std::collections::BTreeSet;
use std::time::Duration;

use pga_runtime::Instant;
use procfs::{Current, CurrentSI, KernelStats, LoadAverage, Meminfo, ProcResult};
use serde_json::{Value, json};

use crate::options::Options;
use crate::schedule::Due;

const CPU_EVERY: Duration = Duration::from_secs(10);
const FILE_SYSTEMS_EVERY: Duration = Duration::from_secs(60);
const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
/// File systems that are on no disk.
const VIRTUAL: [&str; 20] = [
    "autofs",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fuse",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "securityfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

/// The machine.
#[derive(Debug, Default)]
pub struct Host {
    options: Options,
    cpu: Due,
    file_systems: Due,
    last: Option<Ticks>,
}

/// Processor time since the machine started, in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    user: u64,
    system: u64,
    idle: u64,
    iowait: u64,
    steal: u64,
}

impl Ticks {
    fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            idle: self.idle.saturating_sub(before.idle),
            iowait: self.iowait.saturating_sub(before.iowait),
            steal: self.steal.saturating_sub(before.steal),
        }
    }

    /// Shares in percent; `None` of nothing.
    fn shares(self) -> Option<[f64; 5]> {
        let parts = [self.user, self.system, self.idle, self.iowait, self.steal];
        let total: u64 = parts.iter().sum();
        (total > 0).then(|| parts.map(|part| part as f64 * 100.0 / total as f64))
    }
}

impl Host {
    /// Reads as often as `options` say from now on.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// The elements that are due; none on a system that has no procfs.
    pub fn collect(&mut self, now: Instant, at: &str) -> Vec<Value> {
        let mut elements = Vec::new();
        let cadence = self.options.cadence("sysstat", CPU_EVERY);
        if let Some(every) = cadence.filter(|_| self.cpu.is_due(now)) {
            self.cpu.read(now, every);
            match self.machine(at) {
                Ok(element) => elements.extend(element),
                Err(error) => tracing::debug!(%error, "host is not read"),
            }
        }
        let cadence = self.options.cadence("disk_usage", FILE_SYSTEMS_EVERY);
        if let Some(every) = cadence.filter(|_| self.file_systems.is_due(now)) {
            self.file_systems.read(now, every);
            match file_systems(at) {
                Ok(element) => elements.push(element),
                Err(error) => tracing::debug!(%error, "file systems are not read"),
            }
        }
        elements
    }

    /// `sysstat` (contract 3.3); shares are those since the last sample, so the first has none.
    fn machine(&mut self, at: &str) -> ProcResult<Option<Value>> {
        let stat = KernelStats::current()?;
        let total = &stat.total;
        let ticks = Ticks {
            user: total.user + total.nice,
            system: total.system + total.irq.unwrap_or(0) + total.softirq.unwrap_or(0),
            idle: total.idle,
            iowait: total.iowait.unwrap_or(0),
            steal: total.steal.unwrap_or(0),
        };
        let before = self.last.replace(ticks);
        let Some([user, system, idle, iowait, steal]) =
            before.and_then(|before| ticks.since(before).shares())
        else {
            return Ok(None);
        };
        let load = LoadAverage::current()?;
        let memory = Meminfo::current()?;
        let cached = memory.cached + memory.buffers;
        let used = memory.mem_total.saturating_sub(memory.mem_free + cached);
        let disks = procfs::diskstats()?;
        let disks: Vec<Value> = disks
            .iter()
            .filter(|disk| !disk.name.starts_with("loop") && !disk.name.starts_with("ram"))
            .map(|disk| {
                json!({
                    "device": disk.name,
                    "read_ops": disk.reads, "write_ops": disk.writes,
                    "read_sectors": disk.sectors_read, "write_sectors": disk.sectors_written,
                    "busy_ms": disk.time_in_progress,
                })
            })
            .collect();
        Ok(Some(json!({
            "type": "sysstat",
            "timestamp": at,
            "cpu": {
                "user": user, "system": system, "idle": idle, "iowait": iowait, "steal": steal,
                "cores": stat.cpu_time.len(),
                "load_1m": load.one, "load_5m": load.five, "load_15m": load.fifteen,
            },
            "memory": {
                "total_mb": memory.mem_total / MIB, "free_mb": memory.mem_free / MIB,
                "cached_mb": cached / MIB, "used_mb": used / MIB,
                "available_mb": memory.mem_available.map(|bytes| bytes / MIB),
                "swap_total_mb": memory.swap_total / MIB, "swap_free_mb": memory.swap_free / MIB,
            },
            "context_switches": stat.ctxt,
            "disk_io": disks,
            "network": network(),
            "pressure": pressure(),
        })))
    }
}

fn network() -> Value {
    let Ok(devices) = procfs::net::dev_status() else {
        return Value::Null;
    };
    let mut devices: Vec<_> = devices
        .into_values()
        .filter(|device| device.name != "lo")
        .collect();
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    let show = |device: &procfs::net::DeviceStatus| {
        json!({
            "interface": device.name,
            "received_bytes": device.recv_bytes, "sent_bytes": device.sent_bytes,
            "received_errors": device.recv_errs, "sent_errors": device.sent_errs,
            "received_dropped": device.recv_drop, "sent_dropped": device.sent_drop,
        })
    };
    devices.iter().map(show).collect()
}

/// Time in which work waited for a resource, in microseconds since the start (PSI).
fn pressure() -> Value {
    let cpu = procfs::CpuPressure::current()
        .ok()
        .map(|pressure| pressure.some.total);
    let memory = procfs::MemoryPressure::current().ok();
    let io = procfs::IoPressure::current().ok();
    json!({
        "cpu_some_us": cpu,
        "memory_some_us": memory.as_ref().map(|pressure| pressure.some.total),
        "memory_full_us": memory.as_ref().map(|pressure| pressure.full.total),
        "io_some_us": io.as_ref().map(|pressure| pressure.some.total),
        "io_full_us": io.as_ref().map(|pressure| pressure.full.total),
    })
}

/// `disk_usage` (contract 3.4), one row for each file system, whatever it is mounted on.
fn file_systems(at: &str) -> ProcResult<Value> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for mount in procfs::process::Process::myself()?.mountinfo()? {
        if VIRTUAL.contains(&mount.fs_type.as_str()) || !seen.insert(mount.majmin.clone()) {
            continue;
        }
        let Ok(space) = rustix::fs::statvfs(&mount.mount_point) else {
            continue;
        };
        let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
        let (total, free) = (bytes(space.f_blocks), bytes(space.f_bavail));
        let used = bytes(space.f_blocks.saturating_sub(space.f_bfree));
        if total == 0 {
            continue;
        }
        rows.push(json!({
            "device": mount.mount_source, "mount": mount.mount_point, "filesystem": mount.fs_type,
            "total_gb": total as f64 / GIB as f64, "used_gb": used as f64 / GIB as f64,
            "free_gb": free as f64 / GIB as f64,
            // As df(1) has it: of what is not reserved for root.
            "percent_used": used as f64 * 100.0 / (used + free).max(1) as f64,
            "inodes_total": space.f_files, "inodes_free": space.f_ffree,
        }));
    }
    Ok(json!({ "type": "disk_usage", "timestamp": at, "filesystems": rows }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_time_since_the_last_sample() {
        let before = Ticks {
            user: 1_000,
            idle: 9_000,
            ..Ticks::default()
        };
        let now = Ticks {
            user: 1_030,
            system: 10,
            idle: 9_060,
            ..before
        };
        assert_eq!(
            now.since(before).shares(),
            Some([30.0, 10.0, 60.0, 0.0, 0.0])
        );
        assert_eq!(before.since(now).shares(), None, "after a restart");
    }

    #[expect(clippy::disallowed_methods, reason = "the kernel counts real ticks")]
    #[test]
    fn this_machine_is_read() {
        let mut host = Host::default();
        let start = pga_runtime::now();
        let first = host.collect(start, "0");
        let kinds: Vec<_> = first
            .iter()
            .map(|element| element["type"].clone())
            .collect();
        assert_eq!(kinds, ["disk_usage"], "shares need two samples");
        // Some ticks have to pass.
        std::thread::sleep(Duration::from_millis(60));
        let next = host.collect(start + CPU_EVERY, "10");
        let total = next[0]["memory"]["total_mb"].as_u64().unwrap();
        assert!(
            total > 0 && next[0]["cpu"]["cores"].as_u64() > Some(0),
            "{next:?}"
        );
    }
}
