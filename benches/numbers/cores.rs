//! Who runs on which core.
//!
//! Guarantees: a [`Site`] keeps this process, and what it starts, off the last core, which is the attackers' alone and
//! never sleeps: to wake a core of a virtual machine is dear for the one that wakes it, and without attackers there would
//! be none of that. Dropped, it gives the core back. Does not do: interrupts and the kernel's own work stay where they
//! were.

use std::io;
use std::process::{self, Child, Command, Stdio};

use crate::proc::cores;

/// The cores of the site: Onelane, the application and the others who browse.
#[derive(Debug)]
pub(crate) struct Site {
    all: usize,
    /// Keeps the attackers' core awake, and gives way to all others there.
    awake: Child,
}

impl Site {
    /// Leaves the last core to attackers.
    ///
    /// # Errors
    /// On a machine with one core, and where `taskset` or `chrt` (util-linux) is missing.
    pub(crate) fn settle() -> io::Result<Self> {
        let all = cores();
        if all < 2 {
            return Err(io::Error::other("attackers need a core of their own"));
        }
        keep_to(&range(all - 1))?;
        let awake = on_core(all - 1, "chrt")
            .args(["--idle", "0", "sh", "-c", "while :; do :; done"])
            .spawn()?;
        Ok(Self { all, awake })
    }

    /// How a program is started on the attackers' core.
    pub(crate) fn attacker(&self, program: &str) -> Command {
        on_core(self.all - 1, program)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.awake.kill());
        drop(self.awake.wait());
        drop(keep_to(&range(self.all)));
    }
}

/// How a program is started on this core.
fn on_core(core: usize, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}

/// The first `number` cores, as `taskset` writes them.
fn range(number: usize) -> String {
    format!("0-{}", number - 1)
}

/// Keeps all threads of this process to these cores; children inherit it.
fn keep_to(cores: &str) -> io::Result<()> {
    let status = Command::new("taskset")
        .args(["-a", "-c", "-p", cores, &process::id().to_string()])
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("taskset: {status}")))
    }
}
