//! The upper bounds of the histograms' buckets.

/// Upper bounds in seconds. The bucket at 0 holds the requests that did not wait at all, so that the share of those
/// that did can be read off; the last is the default wait timeout.
pub(super) const WAIT_BOUNDS: [f64; 16] = [
    0.0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// Upper bounds in seconds; above the last are the holds that ran into the default hold limit.
pub(super) const HOLD_BOUNDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// Upper bounds in seconds, from a socket of this machine to the default connect timeout.
pub(super) const CONNECT_BOUNDS: [f64; 12] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 2.5, 10.0,
];

/// Requests ahead; the last is the default queue limit, with its holder.
pub(super) const POSITION_BOUNDS: [f64; 10] =
    [0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 50.0];
