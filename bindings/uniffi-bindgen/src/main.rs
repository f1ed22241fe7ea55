//! Writes the Kotlin, Swift and Python sources from the built library: a crate of its own, so that no generator code reaches an app.

fn main() {
    uniffi::uniffi_bindgen_main();
}
