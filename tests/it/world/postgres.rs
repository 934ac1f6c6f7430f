//! PostgreSQL for tests: private servers, started from the installed programs.
//!
//! All test processes of one build folder share a server ([`shared`]), because every test may be a process of its own and a new
//! server takes a second or two. Tests that kill or reconfigure a server have one for themselves ([`PrivateServer`]).
//!
//! A server lives in a folder, its home, and listens on a socket in there only. Who uses it leaves a file named by its process id
//! in `users`. A watchdog (a shell script, so that it outlives any test process, even a killed one) stops the server and removes
//! the home when nobody has used it for a while.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;
use std::{fs, process, thread};

/// How long the shared server stays when the last test process has ended: a few runs in a row need only one start.
const SHARED_IDLE_SECONDS: u32 = 30;

/// How long a private server stays when its test process has died without stopping it.
const PRIVATE_IDLE_SECONDS: u32 = 2;

/// How long one waits for a server to start, to stop, or to be free.
const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(50);

/// What every server is told. Durability is left on: the program refuses a server without it.
const SETTINGS: &str = "
listen_addresses = ''
max_connections = 200
shared_buffers = 64MB
max_wal_size = 256MB
dynamic_shared_memory_type = mmap
";

/// Stops a server that nobody uses any more. `$1` is its home, `$2` the seconds without a user after which it goes.
const WATCHDOG: &str = r#"
used() {
    for user in "$1"/users/*; do
        [ -e "$user" ] || continue
        if kill -0 "${user##*/}" 2>/dev/null; then return 0; fi
        rm -f "$user"
    done
    return 1
}
idle=0
while sleep 1; do
    [ -d "$1" ] || exit 0
    if used "$1"; then idle=0; continue; fi
    idle=$((idle + 1))
    [ "$idle" -lt "$2" ] && continue
    # Whoever comes now either sees this mark or is seen here.
    : > "$1/stopping"
    if used "$1"; then rm -f "$1/stopping"; idle=0; continue; fi
    server=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
    if [ -n "$server" ]; then
        kill -QUIT "$server" 2>/dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$server" 2>/dev/null && sleep 1; done
        kill -KILL "$server" 2>/dev/null
    fi
    mv "$1" "$1.gone.$$" && rm -rf "$1.gone.$$"
    exit 0
done
"#;

/// A running server.
#[derive(Debug)]
pub struct Server {
    home: PathBuf,
}

/// The server that all tests share, started by whichever comes first.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        (env!("CARGO_TARGET_TMPDIR"), programs(), SETTINGS, WATCHDOG).hash(&mut hasher);
        let home = scratch().join(format!("kasacare-pg-{:08x}", hasher.finish() & 0xffff_ffff));
        let _only_one = start_lock();
        Server::join(home, SHARED_IDLE_SECONDS)
    })
}

/// Held while a server is being started or its template filled, so that only one test process does it.
pub fn start_lock() -> fs::File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres.lock");
    let lock = fs::File::create(&path).expect("the lock file of the test server");
    lock.lock().expect("the lock of the test server");
    lock
}

impl Server {
    /// The server in this home, started if need be, with this process among its users.
    fn join(home: PathBuf, idle_seconds: u32) -> Self {
        let server = Self { home };
        wait_for("the old test server to go", || {
            let users = server.home.join("users");
            fs::create_dir_all(&users).expect("the home of the test server");
            let user = users.join(process::id().to_string());
            let _ = fs::write(&user, "");
            // The watchdog may have been about to remove all this: then come again.
            (user.exists() && !server.home.join("stopping").exists()).then_some(())
        });
        if !server.answers() {
            server.make(idle_seconds);
        } else if !is_alive(&server.home.join("watchdog.pid")) {
            server.watch(idle_seconds);
        }
        server
    }

    fn make(&self, idle_seconds: u32) {
        let (data, sockets) = (self.data(), self.sockets());
        for folder in [&data, &sockets] {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir_all(folder).expect("the folders of the test server");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("the folders of the test server");
            if let Some((user, group)) = owner() {
                chown(folder, Some(user), Some(group)).expect("the folders of the test server");
            }
        }
        self.watch(idle_seconds);
        let mut initdb = as_owner("initdb");
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]);
        // A locale that does not sort byte by byte, as most real databases have, so that no test passes by the luck of "C".
        if output(program("initdb").arg("--help")).contains("--icu-locale") {
            initdb.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        }
        output(initdb.arg("-D").arg(&data));
        self.set(&format!("{SETTINGS}unix_socket_directories = '{}'", sockets.display()));
        self.start();
    }

    fn start(&self) {
        let mut start = as_owner("pg_ctl");
        start.args(["start", "-w", "-t", "60"]).arg("-l").arg(self.data().join("server.log")).arg("-D").arg(self.data());
        // A crashed server has children that take a moment to notice.
        wait_for("the test server to start", || {
            let started = start.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("pg_ctl");
            started.success().then_some(())
        });
    }

    fn watch(&self, idle_seconds: u32) {
        let script = self.home.join("watchdog.sh");
        fs::write(&script, WATCHDOG).expect("the watchdog of the test server");
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", r#"sh "$0" "$1" "$2" & echo $! > "$1/watchdog.pid""#]).arg(script);
        watchdog.arg(&self.home).arg(idle_seconds.to_string());
        // A group of its own: whoever ends the tests by their group must not end the watchdog.
        watchdog.process_group(0).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(watchdog.status().expect("sh").success(), "the watchdog of the test server");
    }

    /// Adds settings to the configuration file; they take effect at the next start or reload.
    fn set(&self, settings: &str) {
        let file = self.data().join("postgresql.conf");
        let text = fs::read_to_string(&file).expect("postgresql.conf");
        fs::write(&file, format!("{text}\n{settings}\n")).expect("postgresql.conf");
    }

    /// The address of a database of this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.sockets().display())
    }

    fn answers(&self) -> bool {
        UnixStream::connect(self.sockets().join(".s.PGSQL.5432")).is_ok()
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn sockets(&self) -> PathBuf {
        self.home.join("s")
    }
}

/// A server that belongs to one test, which may kill and reconfigure it.
#[derive(Debug)]
pub struct PrivateServer {
    server: Server,
}

impl PrivateServer {
    /// A new server.
    pub fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let home = scratch().join(format!("kasacare-pg-own-{}-{number}", process::id()));
        Self { server: Server::join(home, PRIVATE_IDLE_SECONDS) }
    }

    /// The address of a database of this server. The one called `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// Kills the server and all its processes, as a fault would: nothing is finished, nobody is told.
    pub fn kill(&self) {
        let file = fs::read_to_string(self.server.data().join("postmaster.pid")).expect("the server is running");
        let server = file.lines().next().expect("the process id of the server");
        let children = output(Command::new("pgrep").args(["-P", server]));
        // A process that has just ended by itself makes `kill` fail; whether all are gone is seen below.
        Command::new("kill").args(["-KILL", server]).args(children.split_whitespace()).output().expect("kill");
        wait_for("the killed server to be gone", || (!self.server.answers()).then_some(()));
    }

    /// Starts the server again, which recovers what was committed.
    pub fn start_again(&self) {
        self.server.start();
    }

    /// Changes a setting and has the server read it.
    pub fn reconfigure(&self, setting: &str) {
        self.server.set(setting);
        output(as_owner("pg_ctl").args(["reload", "-D"]).arg(self.server.data()));
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        let mut stop = as_owner("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-D"]).arg(self.server.data());
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        // Without a home the watchdog ends too.
        let _ = fs::remove_dir_all(&self.server.home);
    }
}

/// Where databases of tests lie: in the folder that `KASACARE_SCRATCH` names, else in memory where that is roomy, else in the
/// folder for temporary files. The databases don't know the difference, but in memory their flushes take no time.
pub fn scratch() -> PathBuf {
    static SCRATCH: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(named) = std::env::var_os("KASACARE_SCRATCH") {
            return PathBuf::from(named);
        }
        let memory = Path::new("/dev/shm");
        let free = Command::new("df").args(["-Pk", "/dev/shm"]).stderr(Stdio::null()).output().ok();
        let kilobytes = free.and_then(|free| {
            let text = String::from_utf8_lossy(&free.stdout).into_owned();
            text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
        });
        if kilobytes.is_some_and(|free| free >= 2 * 1024 * 1024) { memory.to_owned() } else { std::env::temp_dir() }
    });
    SCRATCH.clone()
}

/// The user and group that the server runs as if we are root, which it refuses to run as.
fn owner() -> Option<(u32, u32)> {
    static OWNER: LazyLock<Option<(u32, u32)>> = LazyLock::new(|| {
        let ours = tempfile::tempfile_in(scratch()).and_then(|file| file.metadata()).expect("a temporary file");
        if ours.uid() != 0 {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd, to find a user for the test server");
        let named = |name: &str| {
            let mut fields = users.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
            Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        let found = named("postgres").or_else(|| named("nobody"));
        Some(found.expect("a user called postgres or nobody: the server refuses to run as root"))
    });
    *OWNER
}

/// A program of PostgreSQL as the user that the server runs as.
fn as_owner(name: &str) -> Command {
    let mut command = program(name);
    command.process_group(0).current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    if let Some((user, group)) = owner() {
        command.uid(user).gid(group);
    }
    command
}

fn program(name: &str) -> Command {
    Command::new(programs().join(name))
}

/// The folder with the programs of the server.
fn programs() -> &'static Path {
    static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
        let complete = |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists());
        let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
        let configured = Command::new("pg_config").arg("--bindir").output().ok();
        let configured = configured.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        let mut usual = Vec::new();
        for parent in ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"] {
            let folders = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
            usual.extend(folders.filter(complete));
        }
        // The newest last: 9.6 would sort after 15, but nobody installs it for tests any more.
        usual.sort();
        let mut all = on_path.into_iter().flatten().chain(configured).chain(usual.into_iter().rev());
        all.find(complete).unwrap_or_else(|| {
            panic!(
                "the tests need the programs of a PostgreSQL server (initdb, pg_ctl, postgres) and found none.\n\
                 Debian, Ubuntu: apt-get install postgresql\nmacOS: brew install postgresql@17"
            )
        })
    });
    &PROGRAMS
}

/// Runs a command that must succeed, and gives what it prints.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{stdout}{stderr}");
    stdout.into_owned()
}

fn is_alive(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap_or_default();
    let mut probe = Command::new("kill");
    probe.args(["-0", pid.trim()]).stdout(Stdio::null()).stderr(Stdio::null());
    !pid.trim().is_empty() && probe.status().is_ok_and(|status| status.success())
}

/// Asks again and again until there is an answer.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let rounds = PATIENCE.as_millis() / PAUSE.as_millis();
    for _ in 0..rounds {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(PAUSE);
    }
    panic!("waited in vain for {what}");
}
