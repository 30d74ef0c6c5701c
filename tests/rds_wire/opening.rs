//! Opens a real server as if it were the temporary instance.
