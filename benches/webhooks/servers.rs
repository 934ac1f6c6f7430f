//! Servers in processes of their own, and what the system says of them.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::load::SECRET;

/// A process that serves, until it is dropped.
pub struct Serving {
    process: Child,
    /// Where.
    pub address: SocketAddr,
}

impl Serving {
    /// The program.
    pub fn program(url: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--db", url]);
        command.env("KASACARE_STRIPE_WEBHOOK_SECRET", SECRET).env("KASACARE_LOG", "error");
        Self::started(&mut command)
    }

    /// The yardstick.
    pub fn yardstick(url: &str) -> Self {
        Self::started(Command::new(std::env::current_exe().expect("this program")).args(["--yardstick", url]))
    }

    fn started(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a server");
        let mut said = BufReader::new(process.stderr.take().expect("what it says"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(said.read_line(&mut line).expect("what it says") > 0, "it says where it listens");
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                break address.parse().expect("an address");
            }
        };
        std::thread::spawn(move || drop(said.read_to_end(&mut Vec::new())));
        Self { process, address }
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_mib(&self) -> f64 {
        peak_mib(self.process.id())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The most memory that a process has had, in MiB.
pub fn peak_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Processor time that a process has taken so far, in seconds, by the hundredth.
pub fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // After the name, which stands in brackets, come the state and the numbers; user and system time are the twelfth and the next.
    let numbers: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let of = |place: usize| numbers.get(place).and_then(|number| number.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (of(11) + of(12)) / 100.0
}
