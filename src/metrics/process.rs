//! What Prometheus' own libraries tell of every process, under the same names: read from `/proc` at the scrape.
//!
//! Guarantees: what the system does not tell is absent; reading takes a few short files, however many descriptors are
//! open. Does not do: anything but the start's time on other systems than Linux.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// This process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) started: SystemTime,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH);
        let started = started.map_or(0.0, |since| since.as_secs_f64());
        gauge(
            &mut encoder,
            ("start_time", "When this process started, as Unix time."),
            Some(&Unit::Seconds),
            Some(started),
        )?;
        let cpu = encoder.encode_descriptor(
            "cpu",
            "Processor time that this process has used.",
            Some(&Unit::Seconds),
            MetricType::Counter,
        );
        if let (mut cpu, Some(seconds)) = (cpu?, cpu_seconds()) {
            cpu.encode_counter::<NoLabelSet, _, f64>(&seconds, None)?;
        }
        gauge(
            &mut encoder,
            (
                "resident_memory",
                "Memory of this process that is in the machine's memory.",
            ),
            Some(&Unit::Bytes),
            resident_bytes(),
        )?;
        gauge(
            &mut encoder,
            (
                "open_fds",
                "File descriptors that are open: connections, mostly.",
            ),
            None,
            open_descriptors(),
        )?;
        let most = "File descriptors that may be open.";
        gauge(&mut encoder, ("max_fds", most), None, most_descriptors())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    unit: Option<&Unit>,
    value: Option<impl EncodeGaugeValue>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    value.map_or(Ok(()), |value| metric.encode_gauge(&value))
}

fn cpu_seconds() -> Option<f64> {
    cpu_ticks(&read("/proc/self/stat")?).map(|ticks| ticks as f64 / TICKS_PER_SECOND)
}

/// User and system time: fields 14 and 15 of proc(5). The second, a name in brackets, may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn resident_bytes() -> Option<i64> {
    kibibytes(&read("/proc/self/status")?, "VmRSS:").map(|size| size * 1024)
}

fn kibibytes(status: &str, field: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Since Linux 6.2 the folder's length is their number; before, they are counted.
fn open_descriptors() -> Option<i64> {
    let folder = "/proc/self/fd";
    let length = std::fs::metadata(folder).ok()?.len();
    let number = match length {
        0 => std::fs::read_dir(folder).ok()?.count() as u64,
        length => length,
    };
    i64::try_from(number).ok()
}

fn most_descriptors() -> Option<i64> {
    let limits = read("/proc/self/limits")?;
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    limit.split_whitespace().next()?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    cfg!(target_os = "linux")
        .then(|| std::fs::read_to_string(path).ok())
        .flatten()
}

/// Linux's USER_HZ, whatever the kernel's own clock is (proc(5), times(2)).
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_hides_no_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 75 0 0 20 0 1 0 3 9 9";
        assert_eq!(cpu_ticks(stat), Some(325));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn sizes_are_read_in_their_unit() {
        let status = "Name:\tonelane\nVmPeak:\t  99 kB\nVmRSS:\t    1234 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1234));
        assert_eq!(kibibytes("VmRSS:\t1234\n", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_open_counts() {
        let before = open_descriptors().unwrap();
        let files: Vec<_> = (0..50)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        let after = open_descriptors().unwrap();
        drop(files);
        // Other tests open and close theirs meanwhile.
        assert!(after - before > 25, "{before} and then {after}");
        assert!(most_descriptors().unwrap() >= after);
        assert!(resident_bytes().unwrap() > 1 << 20);
    }
}
