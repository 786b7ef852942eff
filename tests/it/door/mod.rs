//! The door of the lane: who shares one without a session, who enters beside its holder, who is told at once that its
//! turn would come too late.

mod admission;
mod newcomers;
mod reentrance;
