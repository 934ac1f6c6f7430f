//! The `kasacare` command; everything it does is in the library.

/// A renewal is made of many small pieces of memory: the engine's, the driver's, SQLite's own. The system's allocator took a third of
/// the processor's time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    kasacare::cli::main()
}
