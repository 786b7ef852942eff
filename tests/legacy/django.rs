//! Django: of concurrent updates of a session most are lost; behind Onelane none is.

use crate::applications::django;
use crate::load::{Outcome, increments, onelane};

#[test]
fn django_loses_updates_and_behind_onelane_none() {
    let application = django::start().unwrap();
    let bare = increments(&application, application.address, 100, 10).unwrap();
    let onelane = onelane(&application).unwrap();
    let behind = increments(&application, onelane.address(), 100, 10).unwrap();
    assert!(bare.lost >= 50 && bare.overlaps >= 50, "{bare:?}");
    assert_eq!(
        behind,
        Outcome {
            lost: 0,
            refused: 0,
            overlaps: 0
        },
        "bare: {bare:?}"
    );
}
