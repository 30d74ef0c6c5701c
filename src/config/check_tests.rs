//! Each rule of `check`, broken alone.
