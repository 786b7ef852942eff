//! Who runs on which core.
//!
//! Guarantees: a [`Site`] keeps this process, and what it starts, off the last core, which is the attackers' alone;
//! dropped, it gives the core back. Does not do: interrupts and the kernel's own work stay where they were.

use std::io;
use std::process::{self, Command, Stdio};

use crate::proc::cores;

/// The cores of the site: Onelane, the application and the others who browse.
#[derive(Debug)]
pub(crate) struct Site {
    all: usize,
}

impl Site {
    /// Leaves the last core to attackers.
    ///
    /// # Errors
    /// On a machine with one core, and where `taskset` (util-linux) is missing.
    pub(crate) fn settle() -> io::Result<Self> {
        let all = cores();
        if all < 2 {
            return Err(io::Error::other("attackers need a core of their own"));
        }
        keep_to(&range(all - 1))?;
        Ok(Self { all })
    }

    /// How a program is started on the attackers' core.
    pub(crate) fn attacker(&self, program: &str) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", &(self.all - 1).to_string(), program]);
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(keep_to(&range(self.all)));
    }
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
