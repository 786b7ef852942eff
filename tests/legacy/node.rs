//! express-session: of concurrent updates of a session most are lost; behind Onelane none is.

use crate::applications::node;
use crate::load::loses_updates_and_behind_onelane_none;

#[test]
fn express_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&node::start().unwrap());
}
