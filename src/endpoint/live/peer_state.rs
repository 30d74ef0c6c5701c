//! How the connection to a server is protected.

use crate::postgres::conninfo::Peer;

/// How the connection to a server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// A socket on this machine.
    LocalSocket,
    /// TLS, certificate and host name verified.
    IdentityVerified,
    /// TLS, only the certificate verified.
    CertificateVerified,
    /// TLS without verification.
    NotVerified,
    /// No TLS.
    NotEncrypted,
}

impl PeerState {
    /// From the facts of a connection.
    pub fn of(peer: Peer) -> Self {
        match (peer.encrypted, peer.verified) {
            _ if peer.is_local_socket => Self::LocalSocket,
            (_, true) if peer.is_name_verified => Self::IdentityVerified,
            (_, true) => Self::CertificateVerified,
            (true, false) => Self::NotVerified,
            (false, false) => Self::NotEncrypted,
        }
    }

    /// As stored in manifests and reports.
    pub fn text(self) -> &'static str {
        match self {
            Self::LocalSocket => "local socket",
            Self::IdentityVerified => "encrypted, identity verified",
            Self::CertificateVerified => "encrypted, certificate verified, host name not",
            Self::NotVerified => "encrypted, identity not verified",
            Self::NotEncrypted => "not encrypted",
        }
    }
}
