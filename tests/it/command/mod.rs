//! The command line, as whoever types it sees it: the real binary in a folder of its own.
