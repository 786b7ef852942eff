//! The dashboard in real Chromium: what it shows, what can be done with it, and what nobody can do to it.

mod given; // with figures that the test makes up: hostile, many, on every screen
mod live; // in front of a running Onelane
mod reload; // where a line goes, and what becomes of the file
