//! What the guard stops and what it lets through.

mod cases;
mod dice;
mod formats;
mod near;
mod ordinary;
mod passwords;
mod robust;
mod written;

/// The kind of the secret in `text`, if one is found.
fn kind(text: &str) -> Option<&'static str> {
    junction_guard::find(text).map(junction_guard::Finding::kind)
}
