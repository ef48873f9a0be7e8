//! The one test program: whatever crosses a module is tested here.

// The attribute tells clippy that helpers outside test functions are tests too.
#[cfg(test)]
mod store;
