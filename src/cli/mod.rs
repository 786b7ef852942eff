//! stub

pub mod demo;
