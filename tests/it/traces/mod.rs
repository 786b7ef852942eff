//! Traces: what a collector is sent, what the application is told, and what becomes of spans that are lost.

mod collector; // one that reads strictly
mod losses; // a collector that is slow, away or unwilling stops nobody, and what is lost is counted
mod propagation; // the application is told its place in the trace, and who is sampled
mod spans; // what each kind of request looks like
