//! The agreement of bookshelf's rules with the API server's: both accept and refuse the same values.

mod characters;

use anyhow::{Result, bail};
use bookshelf_crd::{Book, labels, rules};
use e2e::{Library, book, loan};
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Resource, ResourceExt as _, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

/// True if the API server would accept an object.
async fn accepts<K>(api: &Api<K>, object: &K) -> Result<bool>
where
    K: Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match api.create(&dry_run, object).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(false),
        Err(error) => bail!("neither accepted nor refused: {error}"),
    }
}

/// Asserts that both accept a book with this text in one of its fields, or that both refuse it.
async fn assert_agreed(library: &Library, field: &str, text: &str, expected: bool) -> Result<()> {
    let about: String = format!("{field}: {} characters, {text:?}", text.chars().count());
    let about: String = about.chars().take(120).collect();
    let mut body = library.body("book");
    body[field] = text.into();
    let status = library.put("book", &body).await?.status;
    assert_eq!(status, if expected { 200 } else { 400 }, "ours: {about}");

    let mut object: Book = book("dry-run");
    match field {
        "author" => text.clone_into(&mut object.spec.author),
        "title" => text.clone_into(&mut object.spec.title),
        "description" => object.spec.description = Some(text.to_owned()),
        "category_id" => {
            let labels = object.labels_mut();
            labels.insert(labels::CATEGORY.to_owned(), text.to_owned());
        }
        _ => panic!("no book has the field {field}"),
    }
    assert_eq!(
        accepts(&library.books(), &object).await?,
        expected,
        "the API server: {about}"
    );
    Ok(())
}

#[tokio::test]
async fn both_refuse_the_same_blank_texts() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let white_space: Vec<char> = ('\0'..=char::MAX)
        .filter(|character| character.is_whitespace())
        .collect();
    assert_eq!(white_space.len(), 25, "Unicode's White_Space");
    // Other invisible characters that are not white space: NUL, a separator, a soft hyphen, a zero-width space, a word
    // joiner, a byte order mark, a Mongolian vowel separator. And two that count as a letter and a symbol: a Hangul
    // filler, a Braille blank.
    let others = "\0\u{1f}\u{ad}\u{200b}\u{2060}\u{feff}\u{180e}\u{3164}\u{2800}";
    for field in ["author", "title"] {
        assert_agreed(&library, field, "", false).await?;
        assert_agreed(&library, field, &String::from_iter(&white_space), false).await?;
        for blank in &white_space {
            assert_agreed(&library, field, &blank.to_string(), false).await?;
            let is_refused = blank.is_control();
            assert_agreed(&library, field, &format!("{blank}a{blank}"), !is_refused).await?;
        }
        for other in others.chars() {
            let is_visible = matches!(other, '\u{3164}' | '\u{2800}');
            assert_agreed(&library, field, &other.to_string(), is_visible).await?;
        }
    }
    assert_agreed(&library, "description", "", true).await?;
    assert_agreed(&library, "description", "\u{3000}\r\n\t", true).await?;
    assert_agreed(&library, "description", "\u{98}Die\u{9c} Verwandlung", false).await
}

#[tokio::test]
async fn both_count_the_length_of_text_in_characters() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for (field, max) in [("author", 2_048), ("title", 1_024), ("description", 16_384)] {
        // One to four bytes in UTF-8, the last with two UTF-16 units. And two characters that form one letter.
        for character in ["a", "é", "ก", "📖"] {
            assert_agreed(&library, field, &character.repeat(max), true).await?;
            assert_agreed(&library, field, &character.repeat(max + 1), false).await?;
        }
        assert_agreed(&library, field, &"e\u{301}".repeat(max / 2), true).await?;
        assert_agreed(
            &library,
            field,
            &format!("{}a", "e\u{301}".repeat(max / 2)),
            false,
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn both_accept_the_same_categories() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
    for good in [
        "", "a", "9", "Math", "a-b", "a_b", "a.b", "A.b_c-d", "a--b", &longest,
    ] {
        assert_agreed(&library, "category_id", good, true).await?;
    }
    for bad in [
        "-", "_", ".", "-a", "a-", "a.", "_a", "a b", " a", "a/b", "ä", "a\0", "a\n", &too_long,
    ] {
        assert_agreed(&library, "category_id", bad, false).await?;
    }
    Ok(())
}

#[tokio::test]
async fn both_accept_the_same_ids() -> Result<()> {
    let library = Library::open().await?;
    let (longest, too_long) = ("a".repeat(253), "a".repeat(254));
    let long_part = format!("{}.b", "a".repeat(64));
    let good = [
        "a", "0", "a-b", "a.b", "a--b", "1.2.3", "xn--a", &long_part, &longest,
    ];
    let bad = [
        "A", "-a", "a-", ".a", "a.", "a..b", "a.-b", "a-.b", "a_b", "a b", "ä", "a/b", "a%b", &too_long,
    ];
    let cases = good
        .map(|id| (id, true))
        .into_iter()
        .chain(bad.map(|id| (id, false)));
    for (id, expected) in cases {
        assert_eq!(
            accepts(&library.books(), &book(id)).await?,
            expected,
            "the API server: {id}"
        );
        let status = library
            .admin
            .post(library.list_path())
            .json(&library.body(id))
            .await?
            .status;
        assert_eq!(status, if expected { 201 } else { 400 }, "ours: {id}");
    }
    Ok(())
}

#[tokio::test]
async fn both_accept_the_same_namespaces() -> Result<()> {
    let library = Library::open().await?;
    let namespaces: Api<Namespace> = Api::all(library.client.clone());
    let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
    let good = ["e2e-a", "e2e--b", "0e2e", &longest];
    let bad = ["A", "-a", "a-", "a.b", "a_b", "a b", "ä", "a%2Fb", &too_long];
    let cases = good
        .map(|name| (name, true))
        .into_iter()
        .chain(bad.map(|name| (name, false)));
    for (name, expected) in cases {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.replace("%2F", "/")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        assert_eq!(
            accepts(&namespaces, &namespace).await?,
            expected,
            "the API server: {name}"
        );
        for api in library.apis() {
            let status = api.get(format!("/book/{name}")).await?.status;
            assert_eq!(status, if expected { 200 } else { 400 }, "ours: {name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn both_accept_the_same_tenants() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let good = ["b/ob", "~!@#$%^&*()", "system:serviceaccount:a:b"];
    let bad = [
        "b ob",
        "bob\n",
        "\tbob",
        "bob\u{7f}",
        "Ana Mar\u{ed}a",
        "b\u{98}ob",
        "\u{200b}",
    ];
    let cases = good.map(|name| (name, true)).into_iter();
    for (name, expected) in cases.chain(bad.map(|name| (name, false))) {
        let accepted = accepts(&library.loans(), &loan("dry-run", name)).await?;
        assert_eq!(accepted, expected, "the API server: {name:?}");
        assert_eq!(rules::tenant(name).is_ok(), expected, "ours: {name:?}");
    }
    Ok(())
}

#[tokio::test]
async fn both_limit_the_length_of_a_tenant() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for (length, expected) in [(0, false), (1, true), (253, true), (254, false)] {
        let tenant = "t".repeat(length);
        assert_eq!(
            accepts(&library.loans(), &loan("dry-run", &tenant)).await?,
            expected,
            "{length}"
        );
        let status = library.borrow("book", &tenant).await?.status;
        assert_eq!(status, if expected { 201 } else { 400 }, "{length}");
        library.give_back("book", &tenant).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_api_server_accepts_the_largest_valid_book() -> Result<()> {
    let library = Library::open().await?;
    let body = json!({
        "id": "a".repeat(253),
        "author": "📖".repeat(2_048),
        "title": "📖".repeat(1_024),
        "description": "📖".repeat(16_384),
        "category_id": "a".repeat(63),
    });
    let answer = library
        .admin
        .post(library.list_path())
        .json(&body)
        .await?
        .json(201);
    assert_eq!(answer["description"], body["description"]);
    Ok(())
}
