//! The host: `sysstat`, `disk_usage`, `pg_log`, `host_inventory` (contract 3.3 to 3.5 and 3.9).

use super::column::{DATABASE_NAME, bigint, float, int, per_second, text, time};
use super::{Column, ColumnType, Items, Source, Table, Written};

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1_073_741_824.0;
/// Sectors of 512 bytes, in MB.
const SECTOR_MB: f64 = 512.0 / 1e6;

const fn disk_sum(name: &'static str, field: &'static str) -> Column {
    Column::sourced(name, ColumnType::Bigint, Source::DiskSum(field))
}

pub(super) static SYSSTAT: Table = Table {
    schema: "metrics",
    name: "metrics_sysstat",
    kind: "sysstat",
    items: Items::Element(""),
    written: Written::Always,
    own: &[
        float("cpu_user").from("cpu.user"),
        float("cpu_system").from("cpu.system"),
        float("cpu_idle").from("cpu.idle"),
        float("cpu_iowait").from("cpu.iowait"),
        float("cpu_steal").from("cpu.steal"),
        float("load_1m").from("cpu.load_1m").or_from("load.load_1m"),
        float("load_5m").from("cpu.load_5m").or_from("load.load_5m"),
        float("load_15m")
            .from("cpu.load_15m")
            .or_from("load.load_15m"),
        bigint("memory_total").from("memory.total_mb").scaled(MIB),
        bigint("memory_used").from("memory.used_mb").scaled(MIB),
        bigint("memory_cached").from("memory.cached_mb").scaled(MIB),
        bigint("memory_free").from("memory.free_mb").scaled(MIB),
        disk_sum("io_read_ops", "read_ops"),
        disk_sum("io_write_ops", "write_ops"),
        disk_sum("io_read_sectors", "read_sectors"),
        disk_sum("io_write_sectors", "write_sectors"),
        per_second("io_read_iops", "io_read_ops", 1.0),
        per_second("io_write_iops", "io_write_ops", 1.0),
        per_second("io_read_mb_s", "io_read_sectors", SECTOR_MB),
        per_second("io_write_mb_s", "io_write_sectors", SECTOR_MB),
    ],
    unfilled: &[
        ("server_id", ColumnType::Int),
        ("context_switches", ColumnType::Float8),
        ("memory_buffers", ColumnType::Bigint),
        ("swap_total", ColumnType::Bigint),
        ("swap_used", ColumnType::Bigint),
        ("swap_free", ColumnType::Bigint),
    ],
    rate_key: &[],
    indexes: &[],
    chunk_days: 7,
};

pub(super) static DISK_IO: Table = Table {
    schema: "metrics",
    name: "metrics_disk_io",
    kind: "sysstat",
    items: Items::ElementArray("disk_io"),
    written: Written::Always,
    own: &[
        text("device").or_zero(),
        bigint("read_ops"),
        bigint("write_ops"),
        bigint("read_sectors"),
        bigint("write_sectors"),
        float("read_iops"),
        float("write_iops"),
        float("read_mb_s"),
        float("write_mb_s"),
    ],
    unfilled: &[("server_id", ColumnType::Int)],
    rate_key: &[],
    indexes: &[],
    chunk_days: 7,
};

pub(super) static DISK_USAGE: Table = Table {
    schema: "metrics",
    name: "metrics_disk_usage",
    kind: "disk_usage",
    items: Items::ElementArray("filesystems"),
    written: Written::Always,
    own: &[
        text("mountpoint").from("mount"),
        text("device"),
        text("filesystem"),
        bigint("total_bytes").from("total_gb").scaled(GIB),
        bigint("used_bytes").from("used_gb").scaled(GIB),
        bigint("available_bytes").from("free_gb").scaled(GIB),
        float("used_percent").from("percent_used"),
    ],
    unfilled: &[
        ("server_id", ColumnType::Int),
        ("free_bytes", ColumnType::Bigint),
        ("inode_total", ColumnType::Bigint),
        ("inode_used", ColumnType::Bigint),
        ("inode_free", ColumnType::Bigint),
    ],
    rate_key: &[],
    indexes: &[],
    chunk_days: 7,
};

/// The time of a row is the element's: collectors send a constant as the time of each line.
pub(super) static LOG: Table = Table {
    schema: "metrics",
    name: "metrics_pg_log",
    kind: "pg_log",
    items: Items::DatabaseArray("entries"),
    written: Written::Always,
    own: &[
        DATABASE_NAME,
        text("user_name"),
        text("severity").from("level"),
        text("message"),
        text("detail"),
        text("hint"),
        text("context"),
        text("query"),
        text("sqlstate"),
        float("duration_ms"),
        time("entry_time").from("timestamp"),
    ],
    unfilled: &[
        ("server_id", ColumnType::Int),
        ("instance_id", ColumnType::Int),
        ("database_id", ColumnType::Int),
        ("checkpoint_duration_ms", ColumnType::Float8),
        ("checkpoint_redo_blocks", ColumnType::Bigint),
        ("checkpoint_buffer_dirty", ColumnType::Bigint),
        ("checkpoint_written", ColumnType::Bigint),
    ],
    rate_key: &[],
    indexes: &["severity, time DESC"],
    chunk_days: 7,
};

pub(super) static HOST_INVENTORY: Table = Table {
    schema: "metrics",
    name: "metrics_host_inventory",
    kind: "host_inventory",
    items: Items::Element(""),
    written: Written::OnChange,
    own: &[
        text("hostname"),
        text("os_name").from("os.os_name"),
        text("os_version").from("os.os_version"),
        text("os_kernel").from("os.os_kernel"),
        text("os_arch").from("os.os_arch"),
        int("cpu_cores").from("cpu.cpu_cores"),
        text("cpu_model").from("cpu.cpu_model"),
        float("cpu_mhz").from("cpu.cpu_mhz"),
        bigint("memory_total_mb").from("memory.memory_total_mb"),
        bigint("disk_total_gb").from("disk.disk_total_gb"),
        text("postgres_version").from("postgres.postgres_version"),
        text("postgres_edition").from("postgres.postgres_edition"),
        int("postgres_port").from("postgres.postgres_port"),
        text("postgres_data_dir").from("postgres.postgres_data_dir"),
        int("postgres_max_connections").from("postgres.postgres_max_connections"),
        bigint("postgres_shared_buffers_mb").from("postgres.postgres_shared_buffers_mb"),
        bigint("postgres_work_mem_mb").from("postgres.postgres_work_mem_mb"),
    ],
    unfilled: &[],
    rate_key: &[],
    indexes: &[],
    chunk_days: 30,
};
