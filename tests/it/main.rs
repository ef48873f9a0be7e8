//! The one test program: whatever crosses a module is tested here.

mod store;
