//! The `kasacare` command; everything it does is in the library.

fn main() -> std::process::ExitCode {
    kasacare::cli::main()
}
