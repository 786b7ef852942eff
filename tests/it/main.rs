//! End to end: real sockets, a scripted application, order observed through events.
