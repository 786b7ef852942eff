//! The answers Onelane gives instead of the application: one enum, one place with status codes.

/// Why a request was refused; the label of metrics and logs, and the key under `refusals:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The lane has `queue.limit` waiters.
    QueueFull,
}
