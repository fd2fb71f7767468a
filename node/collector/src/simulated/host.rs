//! The machine: `sysstat` and `disk_usage`.

use serde_json::{Value, json};

use super::Frame;
use super::numbers::Numbers;

pub(super) fn sysstat(numbers: Numbers, frame: &Frame<'_>) -> Value {
    let user = numbers.level("cpu.user", 2.0, 55.0);
    let system = numbers.level("cpu.system", 1.0, 15.0);
    let iowait = numbers.level("cpu.iowait", 0.0, 8.0);
    let total = 16_012;
    let cached = numbers.whole("memory.cached", 6_000, 9_500);
    let used = numbers.whole("memory.used", 3_000, 5_500);
    let load = numbers.level("load", 0.1, 3.5);
    json!({
        "type": "sysstat",
        "timestamp": frame.at,
        "cpu": {
            "user": user, "system": system, "iowait": iowait, "idle": 100.0 - user - system - iowait,
            "load_1m": load, "load_5m": load * 0.9, "load_15m": load * 0.8,
        },
        "memory": {
            "total_mb": total, "free_mb": total - cached - used, "cached_mb": cached, "used_mb": used,
        },
        "disk_io": [{
            "device": "nvme0n1",
            "read_ops": numbers.counter("disk.read_ops", 900),
            "write_ops": numbers.counter("disk.write_ops", 4_100),
            "read_sectors": numbers.counter("disk.read_sectors", 28_000),
            "write_sectors": numbers.counter("disk.write_sectors", 121_000),
        }],
    })
}

pub(super) fn disk_usage(numbers: Numbers, frame: &Frame<'_>) -> Value {
    let total = 233;
    let used = numbers.whole("disk.used", 90, 140);
    json!({
        "type": "disk_usage",
        "timestamp": frame.at,
        "filesystems": [{
            "device": "/dev/nvme0n1p2", "mount": "", "total_gb": total, "used_gb": used,
            "free_gb": total - used, "percent_used": used as f64 * 100.0 / total as f64,
        }],
    })
}
