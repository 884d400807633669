//! The rows of each table are examples of the contract of searches.

mod properties;

use super::*;

fn book(author: &str, title: &str) -> crd::Book {
    let spec = crd::BookSpec {
        author: author.to_owned(),
        title: title.to_owned(),
        description: Some("a description".to_owned()),
    };
    crd::Book::new("id", spec)
}

fn finds(query: &str, author: &str, title: &str) -> bool {
    let terms = Terms::parse(query).unwrap().expect("a search");
    let text = text(&book(author, title));
    terms.0.iter().all(|term| text.contains(term.as_str()))
}

/// Asserts whether each query finds its title, or its author and title separated by a slash.
#[track_caller]
fn assert_found(is_found: bool, rows: &[(&str, &str)]) {
    for (query, text) in rows {
        let (author, title) = text.split_once('/').unwrap_or(("—", text));
        assert_eq!(finds(query, author, title), is_found, "{query:?} in {text:?}");
    }
}

#[test]
fn every_term_begins_a_word_of_author_or_title_in_any_order() {
    assert_found(
        true,
        &[
            ("peace", "Tolstoy L./War and Peace"),
            ("peace war", "Tolstoy L./War and Peace"),
            ("tol pea", "Tolstoy L./War and Peace"),
            ("w", "War"),
            ("war war", "War"),
            ("\u{3000}war\u{a0}\n peace\t", "War and Peace"),
        ],
    );
    assert_found(
        false,
        &[
            ("eace", "War and Peace"),
            ("war piece", "War and Peace"),
            ("wars", "War"),
            ("description", "War"),
            ("id", "War"),
        ],
    );
}

#[test]
fn case_does_not_matter() {
    assert_found(
        true,
        &[
            ("WAR", "war"),
            ("war", "WAR"),
            ("ВОЙНА", "война"),
            ("война", "ВОЙНА"),
            ("όσιοσ", "ΌΣΙΟΣ"),
            ("ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
            ("STRASSE", "Straße"),
            ("straße", "STRASSE"),
            ("straẞe", "Straße"),
            ("istanbul", "İSTANBUL"),
            ("ISTANBUL", "ıstanbul"),
            ("ԱՐԱՐԱՏ", "Արարատ"),
            ("ꭰ", "Ꭰ"),
            ("წიგნი", "ᲬᲘᲒᲜᲘ"),
            ("𐐨", "𐐀"),
        ],
    );
}

#[test]
fn accents_do_not_matter() {
    assert_found(
        true,
        &[
            ("garcia marquez", "García Márquez"),
            ("García", "Garcia"),
            ("e\u{301}tude", "étude"),
            ("etude", "e\u{301}tude"),
            ("dostoevskii", "Dostoevskiĭ"),
            ("vo nguyen", "Võ Nguyên"),
            ("ευριπιδης", "Εὐριπίδης"),
            ("ᾳ", "α"),
            ("ежик", "Ёжик"),
            ("ёжик", "Ежик"),
            ("иод", "Йод"),
            ("украіна", "Україна"),
            ("שלום", "שָׁלוֹם"),
            ("שָׁלוֹם", "שלום"),
            ("كتاب", "كِتَابٌ"),
            ("كِتَابٌ", "كتاب"),
            ("كتاب", "كـــتاب"),
            ("الرحمن", "الرَّحْمٰن"),
        ],
    );
    // Hamza and madda are letters.
    assert_found(false, &[("اب", "آب"), ("سال", "سؤال")]);
}

#[test]
fn letters_that_no_accent_makes_are_those_they_stand_for() {
    assert_found(
        true,
        &[
            ("ss", "ß"),
            ("soren", "Søren"),
            ("lodz", "Łódź"),
            ("dorde", "Đorđe"),
            ("i", "ı"),
            ("aesop", "Æsop"),
            ("æsop", "Aesop"),
            ("oeuvre", "Œuvre"),
            ("thorn", "Þorn"),
            ("þorn", "Thorn"),
            ("е", "ё"),
        ],
    );
    assert_found(false, &[("d", "ð"), ("o", "æ")]);
}

#[test]
fn width_does_not_matter() {
    assert_found(
        true,
        &[
            ("rust 2", "Ｒｕｓｔ　２"),
            ("Ｒｕｓｔ", "rust"),
            ("ガイド", "ｶﾞｲﾄﾞ"),
            ("ｶﾞｲﾄﾞ", "ガイド"),
            ("한글", "한글"),
            ("office", "oﬃce"),
            ("x2", "x²"),
        ],
    );
}

#[test]
fn punctuation_does_not_matter_and_parts_words() {
    assert_found(
        true,
        &[
            ("brien", "O'Brien"),
            ("o'brien", "O'Brien"),
            ("o’brien", "O'Brien"),
            ("obrien", "OBrien"),
            ("p s", "Modenov P.S."),
            ("p.s.", "Modenov P.S."),
            ("s", "Modenov P.S."),
            ("«war»", "War"),
            ("war,", "War; and peace"),
            ("catch-22", "Catch–22"),
            ("c++", "C"),
            ("lecció", "Col·lecció"),
            ("col·lecció", "Col·lecció"),
            ("name", "first_name"),
            ("xp", "Windows™XP"),
            ("book", "📚book"),
            ("مي", "می\u{200c}مي"),
        ],
    );
    assert_found(
        false,
        &[("obrien", "O'Brien"), ("ps", "P.S."), ("tm", "Windows™")],
    );
}

#[test]
fn a_term_with_punctuation_inside_is_a_phrase() {
    assert_found(
        true,
        &[
            ("o'brien", "O Brien"),
            ("war-and-peace", "War and Peace"),
            ("war-and-pea", "War and Peace"),
            ("and.peace", "War and Peace"),
        ],
    );
    assert_found(
        false,
        &[
            ("peace-war", "War and Peace"),
            ("war-peace", "War and Peace"),
            ("o'brien", "Brien O"),
            ("wa-and", "War and Peace"),
            // A phrase does not match across author and title.
            ("tolstoy-war", "Tolstoy/War"),
        ],
    );
}

#[test]
fn a_term_of_a_script_written_without_blanks_is_a_phrase_of_characters() {
    assert_found(
        true,
        &[
            ("楼梦", "红楼梦"),
            ("红楼梦", "红楼梦"),
            ("曹雪芹 梦", "曹雪芹/红楼梦"),
            ("国", "中国通史"),
            ("𠮷", "𠮷野家"),
            ("ノルウェイ", "ノルウェイの森"),
            ("ウェイ", "ノルウェイの森"),
            ("の森", "ノルウェイの森"),
            ("ード", "カード"),
            ("々", "佐々木"),
            ("しる", "みちしるべ"),
            ("入門", "Rust入門"),
            ("rust入", "Rust入門"),
            ("2", "第2巻"),
            ("เดิน", "การเดินทาง"),
            ("ทาง", "การเดินทาง"),
            ("รัก", "ความรัก"),
            ("葛", "葛\u{e0100}飾"),
        ],
    );
    assert_found(
        false,
        &[
            ("红梦", "红楼梦"),
            ("梦红", "红楼梦"),
            ("雪芹红", "曹雪芹/红楼梦"),
            ("入門", "Rust入 x 門"),
            ("のもり", "のりも"),
        ],
    );
}

#[test]
fn marks_that_are_sounds_matter() {
    assert_found(
        true,
        &[
            ("हिन्दी", "हिन्दी साहित्य"),
            ("साहि", "हिन्दी साहित्य"),
            ("বাংলা", "বাংলা সাহিত্য"),
            ("தமிழ்", "தமிழ் இலக்கியம்"),
            ("か", "かがみ"),
            ("がみ", "かがみ"),
            ("ก็", "ก็"),
        ],
    );
    assert_found(
        false,
        &[
            ("हन्दी", "हिन्दी"),
            ("हीन", "हिन"),
            ("か", "が"),
            ("は", "ぱ"),
            ("ハ", "ﾊﾟ"),
            ("กน", "กิน"),
            ("กี", "กิ"),
            ("ひらがな", "ヒラガナ"),
            ("カナ", "かな"),
        ],
    );
}

#[test]
fn hangul_words_are_found_by_their_syllables() {
    assert_found(true, &[("한국", "한국어 문법"), ("문", "한국어 문법")]);
    assert_found(false, &[("국어", "한국어 문법")]);
}

#[test]
fn numbers_of_any_script_are_words() {
    assert_found(
        true,
        &[
            ("1984", "1984"),
            ("٣", "٣ قصص"),
            ("viii", "Henry Ⅷ"),
            ("1984", "１９８４"),
        ],
    );
    assert_found(false, &[("84", "1984")]);
}

#[test]
fn a_query_has_1_to_256_characters_and_at_most_8_terms() {
    let rule = |query: &str| {
        Terms::parse(query)
            .map(|terms| terms.map(|terms| terms.0.len()))
            .map_err(|error| error.rule)
    };
    assert_eq!(rule(""), Ok(None));
    for (query, terms) in [
        ("a", 1),
        ("a b c d e f g h", 8),
        ("a a a a a a a a", 8),
        ("- a ! b", 2),
        ("🎈 x", 1),
    ] {
        assert_eq!(rule(query), Ok(Some(terms)), "{query:?}");
    }
    // A term that folds to nothing does not count.
    assert_eq!(rule("a b c d - e f g … h !"), Ok(Some(8)));
    assert_eq!(rule("a b c d e f g h i"), Err(Rule::MaxTerms(8)));
    for nothing in [
        " ",
        "\u{3000}\t",
        "-",
        "…",
        "'",
        "- ! ?",
        "\u{301}",
        "ـ",
        "📚",
        "\u{200b}",
        "™",
        "\0",
    ] {
        assert_eq!(rule(nothing), Err(Rule::HasWord), "{nothing:?}");
    }
    // Characters are counted before they are folded.
    assert_eq!(rule(&"ß".repeat(256)), Ok(Some(1)));
    assert_eq!(
        rule(&"\u{fdfa}".repeat(256)).map(|terms| terms.is_some()),
        Ok(true)
    );
    assert_eq!(rule(&"𠮷".repeat(257)), Err(Rule::MaxLength(256)));
    assert_eq!(rule(&" ".repeat(257)), Err(Rule::MaxLength(256)));
}

#[test]
fn a_category_is_no_word() {
    let mut book = book("Modenov P.S.", "Analytic Geometry");
    book.metadata.labels = Some([(labels::CATEGORY.to_owned(), "math".to_owned())].into());
    assert_eq!(text(&book), "=math\n modenov p s\n analytic geometry");
    let terms = Terms::parse("math").unwrap().unwrap();
    assert!(!text(&book).contains(&terms.0[0]));
}
