//! The words and figures of a comparison, from made-up measurements.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn measured(total: Duration, gets: u64) -> Measured {
    Measured {
        total,
        ideal_total: 1000 * MS,
        wait: Spread {
            median: total / 2,
            worst: total.saturating_sub(50 * MS),
        },
        lost: None,
        served: 20,
        refused: 0,
        failed: Vec::new(),
        reached: 20,
        gets,
        sets: 20,
        overlaps: 0,
        others: None,
    }
}

fn writes() -> Comparison {
    let scenario = Scenario::writes(20, 50 * MS);
    Comparison {
        scenario,
        straight: measured(9_560 * MS, 210),
        through: measured(1_006 * MS, 20),
    }
}

fn flood() -> Comparison {
    let others = |median: Duration, failed: Vec<String>| {
        Some(Others {
            latency: Spread {
                median,
                worst: median * 2,
            },
            served: 100,
            failed,
        })
    };
    let [.., flood] = Scenario::all();
    let straight = Measured {
        others: others(3_000 * MS, vec!["status 500".to_owned(); 2]),
        ..measured(17_300 * MS, 400)
    };
    let through = Measured {
        others: others(6 * MS, Vec::new()),
        refused: 9,
        ..measured(7_700 * MS, 51)
    };
    Comparison {
        scenario: flood,
        straight,
        through,
    }
}

#[test]
fn the_table_says_what_each_way_took() {
    let expected = "
 1. 20 writes of 50 ms, one session, all at once
 -----------------------------------------------------------------------------
                                        ideal      straight    through Onelane
 total                                 1.00 s        9.56 s             1.01 s
 total / ideal                           1.00          9.56               1.01
 wait, median                          475 ms        4.78 s             503 ms
 wait, worst                           950 ms        9.51 s             956 ms
 store calls per request (1)             1.00         10.50               1.00
 errors                                     0             0                  0
";
    assert_eq!(format!("\n{}", writes().table(1)), expected);
}

#[test]
fn other_users_and_refusals_have_lines_where_there_are_any() {
    let table = flood().table(3);
    for expected in [
        " refused with 503 (2)                       0             0                  9\n",
        " other users' latency, median          5.0 ms        3.00 s             6.0 ms\n",
        " other users' latency, worst           5.0 ms        6.00 s              12 ms\n",
        " other users' errors                        0             2                  0\n",
        " ! straight: 2 failed: status 500\n",
    ] {
        assert!(table.contains(expected), "{expected}{table}");
    }
}

#[test]
fn what_failed_through_onelane_is_said_and_is_a_failure() {
    let mut broken = writes();
    assert_eq!(broken.verdict(), Verdict::Sound);
    broken.through.failed = vec!["b".to_owned(), "a".to_owned(), "b".to_owned()];
    assert_eq!(broken.verdict(), Verdict::Broken);
    let table = broken.table(1);
    assert!(
        table.ends_with(" ! through Onelane: 1 failed: a\n ! through Onelane: 2 failed: b\n"),
        "{table}"
    );
}

#[test]
fn writers_that_met_are_a_failure_either_way() {
    for way in [
        |both: &mut Comparison| both.straight.overlaps = 1,
        |both: &mut Comparison| both.through.overlaps = 1,
    ] {
        let mut broken = writes();
        way(&mut broken);
        assert_eq!(broken.verdict(), Verdict::Broken);
        assert!(
            broken
                .table(1)
                .contains("1 times two writers of one session met")
        );
    }
}

#[test]
fn errors_of_other_users_straight_are_a_result_and_no_failure() {
    assert_eq!(flood().verdict(), Verdict::Sound);
}

#[test]
fn the_closing_words_are_computed_from_the_figures() {
    let text = closing(&[writes(), flood()]);
    assert!(
        text.contains("take 1.01 s, not 9.56 s, with 1.00 store calls each, not 10.50\n"),
        "{text}"
    );
    assert!(
        text.contains("other users get a page in 6.0 ms, not 3.00 s\n"),
        "{text}"
    );
    let nothing = Comparison {
        through: Measured {
            served: 0,
            ..measured(Duration::ZERO, 0)
        },
        ..writes()
    };
    assert!(!closing(&[nothing]).contains("20 writes"));
}

#[test]
fn no_line_is_wider_than_80_columns() {
    let address = SocketAddr::from(([127, 0, 0, 1], 65535));
    let texts = [
        opening(address, address, 25),
        still_up(address, address, Some(address)),
        writes().table(1),
        flood().table(3),
        closing(&[writes(), flood()]),
    ];
    for line in texts.iter().flat_map(|text| text.lines()) {
        assert!(line.is_ascii() && line.len() <= 80, "{line}");
        assert_eq!(line.trim_end(), line);
    }
}

#[test]
fn json_has_the_same_figures() {
    let json = json(&[writes(), flood()]);
    let [writes, flood] = [&json["scenarios"][0], &json["scenarios"][1]];
    assert_eq!(writes["straight"]["total_ms"], 9560.0);
    assert_eq!(writes["through"]["total_over_ideal"], 1.006);
    assert_eq!(writes["through"]["store_calls_per_request"], 1.0);
    assert_eq!(writes["ideal"]["wait_ms"]["worst"], 950.0);
    assert_eq!(flood["through"]["refused"], 9);
    assert_eq!(flood["straight"]["other_users"]["errors"], 2);
    assert_eq!(writes["straight"]["other_users"], Value::Null);
}

#[test]
fn durations_have_three_digits_that_matter() {
    let shown = [0, 400, 9_940, 9_960, 475_400, 999_400, 999_600, 17_312_000]
        .map(|micros| duration(Duration::from_micros(micros)));
    assert_eq!(
        shown,
        [
            "0 ms", "0.4 ms", "9.9 ms", "10 ms", "475 ms", "999 ms", "1.00 s", "17.31 s"
        ]
    );
}
