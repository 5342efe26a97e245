//! `junction-hub`: where bridges meet.

/// Wipes what it frees: ciphertext is all a hub holds of messages, but contexts and keys pass through too.
#[global_allocator]
static ALLOC: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> std::process::ExitCode {
    junction_hub::daemon::main()
}
