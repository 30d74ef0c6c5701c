//! Limits for server messages: an unknown or larger message is refused before it fills the memory.

/// Hint and error for a server that does not speak the PostgreSQL protocol.
pub const NOT_POSTGRESQL: &str = "the peer does not speak PostgreSQL's protocol";
const TOO_LONG: &str = "a message from the server is longer than PostgreSQL's longest";
const TOO_MUCH: &str = "the server says more than a login needs";

/// PostgreSQL makes no message longer than 1 GiB.
const MOST_FRAME_BYTES: usize = (1 << 30) + 1024;
/// Parameters, notices and keys of a login.
const MOST_LOGIN_BYTES: usize = 1 << 20;
/// Kinds of messages before a session has begun: authentication, error, protocol version, notice, parameter, key, ready.
const LOGIN: &[u8] = b"REvNSKZ";
/// The length counts itself: a shorter frame cannot be.
const LEAST_FRAME_BYTES: usize = 5;

/// How far a connection is.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamLimits {
    /// Bytes of messages so far, until the session has begun.
    login_bytes: Option<usize>,
}

impl StreamLimits {
    /// Nothing has come yet.
    pub fn at_login() -> Self {
        Self { login_bytes: Some(0) }
    }

    /// Why a message of this kind and size is not taken.
    pub fn refuse(&mut self, kind: u8, frame: usize) -> Option<&'static str> {
        if frame < LEAST_FRAME_BYTES {
            return Some(NOT_POSTGRESQL);
        }
        let Some(bytes) = &mut self.login_bytes else { return (frame > MOST_FRAME_BYTES).then_some(TOO_LONG) };
        let is_first = *bytes == 0;
        *bytes = bytes.saturating_add(frame);
        if !LOGIN.contains(&kind) || (is_first && *bytes > MOST_LOGIN_BYTES) {
            return Some(NOT_POSTGRESQL);
        }
        if *bytes > MOST_LOGIN_BYTES {
            return Some(TOO_MUCH);
        }
        if kind == b'Z' {
            self.login_bytes = None;
        }
        None
    }

    /// Why the stream cannot end here.
    pub fn refuse_end(self, is_cut: bool) -> Option<&'static str> {
        (is_cut && self.login_bytes.is_some()).then_some(NOT_POSTGRESQL)
    }
}

/// Why a line of which so much has come is not taken further.
pub fn refuse_line(partial_bytes: usize, frame: usize) -> Option<&'static str> {
    (partial_bytes.saturating_add(frame) > MOST_FRAME_BYTES).then_some(TOO_LONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_servers_say_first_is_not_postgresql() {
        for said in [b"HTTP/1.1 400", b"SSH-2.0-Open", b"220 mail ESM", b"J\0\0\0\x0a8.0.36\0", b"-ERR unknown"] {
            let frame = u32::from_be_bytes([said[1], said[2], said[3], said[4]]) as usize + 1;
            assert_eq!(StreamLimits::at_login().refuse(said[0], frame), Some(NOT_POSTGRESQL), "{said:?}");
        }
        assert_eq!(StreamLimits::at_login().refuse(b'R', 9), None);
        assert_eq!(StreamLimits::at_login().refuse_end(true), Some(NOT_POSTGRESQL));
    }

    #[test]
    fn a_login_and_a_message_have_limits() {
        let mut limits = StreamLimits::at_login();
        assert_eq!(limits.refuse(b'R', 9), None);
        let mut notices = (0..).map_while(|_| limits.refuse(b'N', 100_000).is_none().then_some(()));
        assert_eq!(notices.by_ref().count(), 10);
        let mut begun = StreamLimits::default();
        assert_eq!(begun.refuse(b'D', 1 << 30), None);
        assert_eq!(begun.refuse(b'D', 2 << 30), Some(TOO_LONG));
        assert_eq!(refuse_line(1 << 30, 1 << 20), Some(TOO_LONG));
    }
}
