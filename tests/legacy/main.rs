//! Real applications of the kinds that Onelane is for, behind it: what its claims are worth.
//!
//! Each application is installed from Debian's packages, or with npm by a lock file, and not changed for Onelane's sake.
//! Guarantees: a missing part fails the tests and names the command that installs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[allow(dead_code, reason = "the comparison uses the rest")]
mod applications;
mod aspnet;
mod aspnet_companion;
mod aspnetcore;
mod django;
mod evidence;
#[allow(dead_code, reason = "the comparison uses the rest")]
mod http; // a small client with a cookie
mod java;
mod laravel;
mod load; // many requests of one session at once
mod node;
mod onelane; // Onelane as its users run it, in a process of its own
mod pages;
mod php;
mod php_companion;
mod process; // programs that are ended with their value
mod rails;
mod reentrance;
mod sitecore;
mod stacks;
mod story;

/// The command line's program really starts in front of an application.
#[test]
fn onelane_starts_in_front_of_an_application() {
    let nobody = process::free_address().unwrap();
    let onelane = onelane::Onelane::start(nobody, "session: { preset: aspnet }\n").unwrap();
    assert!(onelane.metric("onelane_build_info", "").unwrap() > 0.0);
    assert!(onelane.config().is_file() && onelane.address() != onelane.admin());
}
