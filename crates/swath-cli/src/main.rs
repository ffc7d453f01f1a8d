//! The binary `swath`: words in, exit code out.
//!
//! It owns what the library must not touch: the allocator, signals, the terminal, the environment and the exit.

mod allocator;
mod commands;
mod dashboard;
mod environment;
mod moment;
mod observe;
mod process;
mod report;
mod settings;
mod show;
mod usage;
mod words;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use swath_core::counting::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator<MiMalloc> = CountingAllocator::new(MiMalloc);

fn main() -> ExitCode {
    allocator::tune();
    process::outlive_file_limit();
    let code = commands::run(std::env::args_os().collect());
    swath_core::fault::tell_counts();
    ExitCode::from(code)
}
