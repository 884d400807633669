use super::*;

fn line(word: &str) -> Line {
    let since = if word == "borrowed" {
        ""
    } else {
        "2026-11-22T11:11:09Z "
    };
    Line::parse(&format!(
        "2026-11-22T12:00:00Z {word} a 3b241101a2bc42f1 {since}bob"
    ))
    .unwrap()
}

#[tokio::test]
async fn an_act_of_this_process_has_the_better_word_whichever_comes_first() {
    for own_first in [true, false] {
        let pending = Pending::default();
        let seen = || pending.add_seen("ns", line("ended"), Instant::now(), Proof::Certain);
        if !own_first {
            seen();
        }
        let by_ann = || Line {
            by: Some("ann".to_owned()),
            ..line("returned")
        };
        pending.add_own("ns", by_ann());
        if own_first {
            seen();
        }
        let waiting = pending.certain("ns");
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].event, LoanJournalEvent::Returned);
        // Another process has stored what it saw.
        pending.remove("ns", &line("ended"));
        assert_eq!(pending.certain("ns").len(), 1);
        pending.remove("ns", &line("returned"));
        assert_eq!(pending.certain("ns").len(), 1, "by ann");
        pending.remove("ns", &by_ann());
        assert!(pending.certain("ns").is_empty() && pending.first_due().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_own_acts_alone_and_not_for_ever() {
    let pending = Pending::default();
    pending.add_seen("ns", line("borrowed"), Instant::now(), Proof::Certain);
    let began = Instant::now();
    pending.flush(Duration::from_secs(3)).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    pending.add_own("ns", line("returned"));
    pending.flush(Duration::from_secs(3)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    tokio::join!(pending.flush(Duration::from_secs(3)), async {
        pending.remove("ns", &line("returned"));
    });
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_due_with_its_first_event() {
    let pending = Pending::default();
    let now = Instant::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    pending.add_seen("one", line("borrowed"), after(2), Proof::Certain);
    pending.add_seen("one", line("ended"), after(1), Proof::Certain);
    pending.add_seen("other", line("borrowed"), after(9), Proof::Certain);
    assert_eq!(
        pending.first_due(),
        [(after(1), "one".into()), (after(9), "other".into())]
    );
    pending.forget("one");
    assert_eq!(pending.first_due(), [(after(9), "other".into())]);
}

#[tokio::test]
async fn events_of_each_sort_have_a_limit_of_their_own() {
    let pending = Pending::default();
    let add = |word: &str, mark| {
        let line = Line { mark, ..line(word) };
        pending.add_seen("ns", line, Instant::now(), Proof::Certain);
    };
    let most = u64::try_from(MAX_PENDING[1]).unwrap();
    for mark in 0..=most {
        add("borrowed", mark);
    }
    assert_eq!(pending.certain("ns").len(), MAX_PENDING[1]);
    // An end may be known to no other process.
    add("ended", most);
    assert_eq!(pending.certain("ns").len(), MAX_PENDING[1] + 1);
    pending.remove(
        "ns",
        &Line {
            mark: 0,
            ..line("borrowed")
        },
    );
    add("borrowed", most);
    assert_eq!(pending.certain("ns").len(), MAX_PENDING[1] + 1);
    pending.forget("ns");
    assert_eq!(pending.state().numbers, [0; 3]);
}

#[tokio::test(start_paused = true)]
async fn an_end_without_an_answer_is_not_remembered_for_ever() {
    let pending = Pending::default();
    let (line, expected) = (line("returned"), Some((LoanJournalEvent::Returned, None)));
    for (passed, expected) in [(UNANSWERED_FOR / 2, expected), (UNANSWERED_FOR, None)] {
        pending.remember_unanswered("ns", line.clone());
        tokio::time::advance(passed).await;
        assert_eq!(pending.take_unanswered(line.mark), expected, "{passed:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_blanked_stays_so_when_its_event_is_confirmed() {
    let pending = Pending::default();
    let ended = line("ended");
    pending.add_seen("ns", ended.clone(), Instant::now(), Proof::Missing);
    pending.edit("ns", |line| line.tenant = None);
    pending.confirm("ns", &ended, LoanJournalEvent::BookGone);
    let expected = Line {
        tenant: None,
        ..line("book_gone")
    };
    assert_eq!(pending.certain("ns"), [expected]);
}

#[tokio::test(start_paused = true)]
async fn an_end_without_an_answer_leaves_the_first_word_to_other_processes() {
    let pending = Pending::default();
    pending.add_seen("ns", line("ended"), Instant::now(), Proof::Certain);
    pending.remember_unanswered("ns", line("returned"));

    assert!(pending.due("ns", Instant::now() + OTHERS_FIRST / 2, 1).is_empty());
    let due = pending.due("ns", Instant::now() + OTHERS_FIRST + SPREAD, 1);
    assert_eq!(due[0].line.event, LoanJournalEvent::Returned);
    assert_eq!(due[0].proof, Proof::Requested);
}
