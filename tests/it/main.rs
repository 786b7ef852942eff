//! End to end: real sockets, a scripted application, order observed through events.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod admin; // who may see and change what
mod ahead; // no slow client reaches the application, with a lane or without
mod certificates; // those of listeners are watched, and counted
mod cli; // what an operator types, sees and gets as exit code
mod commands; // what the program says of itself: help, version, completions, manual pages, schema
mod dashboard; // the page for operators, in real Chromium
mod deploy; // what the files in deploy/ say agrees with Onelane and with each other
mod disconnect; // who leaves while waiting is never served; who leaves inside keeps the lane until the end
mod documents; // what README and docs show works
mod door; // who may go in beside others: new sessions, a page's own calls; who is told at once that it is too late
mod drain; // SIGTERM: holders and waiters finish, or are cut off at the deadline
mod edge; // slow, greedy and silent clients, at the connection
mod evidence; // what requests do to their sessions is asked, believed, counted, and advised upon
mod faults; // what the application does wrong stays its own fault, and holds no lane
mod forwarded; // whose word is taken for who the client is
mod http; // what of HTTP goes through, what does not, and what is refused
mod http2; // HTTP/2 from clients, and who abuses it
mod limits; // every limit refuses, passes or releases as it says, and is counted
mod malformed; // malformed requests through Onelane, nginx and HAProxy, and the table of what became of them
mod observe; // observe mode changes nothing and counts what it would have done
mod operating; // documents, dashboard and alerts go by what there is
mod ordering; // one lane per session: writers in order, reads as they are told to
mod readiness; // balancers are answered at ready_path, and nothing of it reaches the application
mod real; // nginx and Python's server behind Onelane, under a browser-like load
mod recorder; // the scripted application's own checks find what they are there to find
mod reference; // the pages that list every limit and every refusal are complete
mod reload; // the whole new policy or the old one, and what has a memory lives on
#[cfg(unix)]
mod restart; // by socket activation, without a lost request; what systemd is told
mod rotation; // an id that a response gives a session joins its lane
mod sessions; // which requests are one session, as each stack has it
mod several; // a request with several lanes is alone in each
mod soak; // the long random run
mod sticky; // a session stays at the node that has it, and leaves it only when that is gone
mod strict; // nothing doubtful is forwarded, and docs/malformed.md is true
mod support;
mod throttle; // one client gets what the rules say, and others do not notice
mod tidy; // the house rules, checked
mod traces; // what a collector is sent of requests, what the application is told, and what becomes of what is lost
mod uploads; // a slow upload holds no lane, no byte of it is lost, and no file stays behind
mod upstream_tls; // the application behind TLS: verified, kept, refused
#[cfg(unix)] // the commands are for sh
mod walkthrough; // the commands that the documents show run as they stand
mod windows_auth; // a connection that NTLM or Negotiate has authenticated is one client's alone
