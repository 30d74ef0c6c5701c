//! What can go wrong with a call, by order of a test, and where a test can step in.

use std::time::Duration;

use super::wire::Refusal;

/// What the fake knows. Anything else is refused, and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    GetCallerIdentity,
    DescribeDBInstances,
    DescribeDBSnapshots,
    RestoreDBInstanceFromDBSnapshot,
    ModifyDBInstance,
    DeleteDBInstance,
    ListTagsForResource,
    AddTagsToResource,
}

impl Action {
    pub const ALL: [Action; 8] = [
        Action::GetCallerIdentity,
        Action::DescribeDBInstances,
        Action::DescribeDBSnapshots,
        Action::RestoreDBInstanceFromDBSnapshot,
        Action::ModifyDBInstance,
        Action::DeleteDBInstance,
        Action::ListTagsForResource,
        Action::AddTagsToResource,
    ];

    /// As in the parameter `Action`.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused; nothing is done.
    Refused(Refusal),
    /// The connection is closed before anything is done.
    DroppedBefore,
    /// Everything is done, then the connection is closed without an answer.
    DroppedAfter,
    /// Everything is done at once; the answer comes so much later.
    AnsweredAfter(Duration),
    /// Nothing is done; the answer is not XML at all, with status 200, as from a proxy.
    Garbage,
    /// Everything is done; the connection breaks in the middle of the answer.
    BrokenOff,
    /// Everything is done; only what stands before this text is sent, as if that were all.
    EndsBefore(&'static str),
}

impl Fault {
    pub fn refused(status: u16, code: &str, message: &str) -> Self {
        Self::Refused(Refusal::new(status, code, message))
    }

    pub fn throttling() -> Self {
        Self::refused(400, "Throttling", "Rate exceeded")
    }

    pub fn internal_failure() -> Self {
        Self::refused(500, "InternalFailure", "An internal error has occurred.")
    }

    pub fn service_unavailable() -> Self {
        Self::refused(503, "ServiceUnavailable", "The service is temporarily unavailable.")
    }

    pub fn expired_token() -> Self {
        Self::refused(403, "ExpiredToken", "The security token included in the request is expired")
    }

    pub fn access_denied() -> Self {
        let who = "User: arn:aws:iam::123456789012:user/pgwitness is not authorized to perform this action";
        Self::refused(403, "AccessDenied", who)
    }

    /// What a clock that is more than 15 minutes off gets.
    pub fn clock_skew() -> Self {
        let message =
            "Signature expired: 20260131T020000Z is now earlier than 20260131T023000Z (20260131T024500Z - 15 min.)";
        Self::refused(403, "SignatureDoesNotMatch", message)
    }

    pub fn no_capacity() -> Self {
        let message = "Cannot create a database instance because there is not enough capacity for the requested class.";
        Self::refused(400, "InsufficientDBInstanceCapacity", message)
    }

    pub fn instance_quota() -> Self {
        Self::refused(400, "InstanceQuotaExceeded", "Cannot create more than 40 DB instances")
    }

    pub fn storage_quota() -> Self {
        Self::refused(400, "StorageQuotaExceeded", "Cannot allocate more than 100000 GiB")
    }

    pub fn instance_already_exists() -> Self {
        Self::refused(400, "DBInstanceAlreadyExists", "DB instance already exists")
    }

    pub fn instance_not_found() -> Self {
        Self::refused(404, "DBInstanceNotFound", "DBInstance not found.")
    }

    pub fn snapshot_not_found() -> Self {
        Self::refused(404, "DBSnapshotNotFound", "DBSnapshot not found.")
    }

    pub fn invalid_snapshot_state() -> Self {
        Self::refused(400, "InvalidDBSnapshotState", "The snapshot is not in the available state.")
    }
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call has arrived; nothing has been done.
    Before,
    /// Everything is done, the caller does not know it yet.
    AfterWorkBeforeReply,
    /// The whole answer has been sent. The caller may have read it already.
    AfterReply,
}
