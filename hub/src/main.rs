//! The binary `junction-hub`.

/// Wipes every block of memory when it is freed or has to grow: a hub holds messages as ciphertext only, but contexts and
/// keys pass through it.
#[global_allocator]
static ALLOC: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    junction_hub::daemon::main()
}
