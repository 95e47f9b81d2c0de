//! Tests the failure limit.

use std::num::NonZeroU64;

use autoproc_domain::run::{FailureLimit, MIN_ENDED_FOR_A_SHARE};
use proptest::prelude::*;

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..200_u64, 1 => 0..u64::MAX / 2]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_number_of_files_is_reached_whatever_else_ended(processed: u64, failed in 0..20_u64, limit in 1..20_u64) {
        let limit_of_files = FailureLimit::Files(NonZeroU64::new(limit).expect("not zero"));
        prop_assert_eq!(limit_of_files.is_reached(processed, failed), failed >= limit);
    }

    #[test]
    fn a_share_needs_enough_files_to_be_one(processed in counts(), failed in counts(), share in 1..=100_u8) {
        let ended = u128::from(processed) + u128::from(failed);
        let is_enough = ended >= u128::from(MIN_ENDED_FOR_A_SHARE);
        let is_reached = is_enough && u128::from(failed) * 100 >= u128::from(share) * ended;
        prop_assert_eq!(FailureLimit::Percent(share).is_reached(processed, failed), is_reached);
    }
}

#[test]
fn ten_files_are_enough_and_nine_are_not() {
    assert!(!FailureLimit::Percent(1).is_reached(0, 9));
    assert!(FailureLimit::Percent(100).is_reached(0, 10));
    assert!(!FailureLimit::Percent(100).is_reached(1, 10));
    assert!(FailureLimit::Percent(10).is_reached(9, 1));
}
