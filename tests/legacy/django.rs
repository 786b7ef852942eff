//! Django: of concurrent updates of a session most are lost; behind Onelane none is.

use crate::applications::django;
use crate::load::loses_updates_and_behind_onelane_none;

#[test]
fn django_loses_updates_and_behind_onelane_none() {
    loses_updates_and_behind_onelane_none(&django::start().unwrap());
}
