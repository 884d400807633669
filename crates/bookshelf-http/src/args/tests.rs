use super::*;

#[test]
fn namespaces_have_commas_between_them_and_blanks_and_more_commas_do_no_harm() {
    let names = |text| namespaces(text).map(|List(names)| names.join("+"));
    for text in ["a,b", "a, b", " a ,b ", "a,b,", ",a,,b", "\ta,\nb\n"] {
        assert_eq!(names(text).as_deref(), Ok("a+b"), "{text:?}");
    }
    for bad in ["", " ", ",", "a b", "a,B", "a;b"] {
        assert!(names(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn max_staleness_is_twice_the_watch_timeout_or_more() {
    let check = |watch_timeout, max_staleness: Option<f64>| {
        let args = CacheArgs {
            cache_descriptions: true,
            search: true,
            resync_period: Duration::ZERO,
            check_period: Duration::ZERO,
            watch_timeout,
            max_staleness: max_staleness.map(Duration::from_secs_f64),
        };
        args.check().map_err(|error| error.to_string())
    };
    for (watch_timeout, max_staleness) in [(30, None), (30, Some(60.0)), (4, Some(8.0)), (4, Some(8.5))] {
        assert_eq!(check(watch_timeout, max_staleness), Ok(()));
    }
    for (watch_timeout, max_staleness) in [(30, 59.9), (4, 0.0)] {
        let refusal = check(watch_timeout, Some(max_staleness)).unwrap_err();
        for words in ["--max-staleness", "--watch-timeout"] {
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
