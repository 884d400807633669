use super::*;

#[test]
fn another_try_is_a_second_away_at_least() {
    for (milliseconds, expected) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2")] {
        let problem = Problem {
            retry_after: Some(Duration::from_millis(milliseconds)),
            ..Problem::new(Code::Unavailable, "later")
        };
        let response = problem.to_response("id");
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), expected);
    }
}
