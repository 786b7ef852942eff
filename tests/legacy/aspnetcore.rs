//! ASP.NET Core: of concurrent updates of a session most are lost; behind Onelane none is.

use crate::applications::aspnetcore::{Options, start};
use crate::load::loses_updates_and_behind_onelane_none;

#[test]
fn aspnetcore_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&start(Options::default()).unwrap());
}
