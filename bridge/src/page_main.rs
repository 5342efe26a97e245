//! `junction-page`: all that `junction-bridge` is, and the page. `junction-bridge ui` starts it.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Wipes every block of memory when it is freed or has to grow, whichever library allocated it. See SECURITY.md, "Secrets in
/// memory".
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    junction_bridge::run_with_page()
}
